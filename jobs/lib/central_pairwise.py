"""BPR (arXiv 1205.2618) and VBPR (arXiv 1510.01784): factors learned from all interactions.

    x_ui = b_i + p_u . q_i                                BPR
         + t_u . (E f_i) + e . f_i                        VBPR
    loss = mean over (u, i, j) of -ln sigmoid(x_ui - x_uj) + penalty / 2 (squares of their rows)

i is an item of u's training set, j one that is not (as `--negatives own-train`). Only rows of a
client and its two items are penalised, E and e are not (VBPR, section 4.1). Needs NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lib.central_methods import Data, Scores, quality, ranks
from records.errors import Refusal

Parameters = dict[str, np.ndarray]
OF_CLIENTS, OF_ITEMS = ("p", "t"), ("b", "q")  # tables of which a triple uses rows
BATCH = 1024


@dataclass(frozen=True)
class Plan:
    """How long and how wide one trial is."""

    dim: int = 32  # of p, q and of t
    epochs: int = 200
    every: int = 5  # epochs between two evaluations
    patience: int = 6  # evaluations without a better one, after which the trial ends
    seed: int = 0


def scaled(features: list[np.ndarray]) -> np.ndarray:
    """M x F: the modalities side by side, each with a mean square of 1 of the rows that it has."""
    blocks = []
    for one in features:
        squares = np.sum(one.astype(np.float64) ** 2, axis=1)
        has = squares > 0
        blocks.append(one / np.sqrt(squares[has].mean()) if has.any() else one.astype(np.float64))
    return np.concatenate(blocks, axis=1)


def initial(
    random: np.random.Generator, clients: int, items: int, dim: int, features: np.ndarray | None
) -> Parameters:
    def normal(rows: int, cols: int) -> np.ndarray:
        return random.normal(0, 0.1, (rows, cols))

    found = {"b": np.zeros(items), "p": normal(clients, dim), "q": normal(items, dim)}
    if features is not None:
        width = features.shape[1]
        found |= {"t": normal(clients, dim), "E": normal(dim, width), "e": np.zeros(width)}
    return found


def loss_and_gradient(
    theta: Parameters, triples: np.ndarray, features: np.ndarray | None, penalty: float
) -> tuple[float, Parameters]:
    """Of triples [B x 3] of a client, an item of its own, and another one."""
    u, i, j = triples.T
    count = len(triples)
    p, difference = theta["p"][u], theta["q"][i] - theta["q"][j]
    x = theta["b"][i] - theta["b"][j] + np.sum(p * difference, axis=1)
    if features is not None:
        # once for every item of the batch, which has some of them many times
        rows, at = np.unique(triples[:, 1:], return_inverse=True)
        at_i, at_j = at.reshape(-1, 2).T
        own, t = features[rows], theta["t"][u]
        projected, bias = own @ theta["E"].T, own @ theta["e"]
        projected = projected[at_i] - projected[at_j]
        x += np.sum(t * projected, axis=1) + bias[at_i] - bias[at_j]
    slope = -1.0 / (1.0 + np.exp(np.clip(x, -500, 500))) / count  # of the loss by x
    parts = {
        "b": [(i, slope), (j, -slope)],
        "p": [(u, slope[:, None] * difference)],
        "q": [(i, slope[:, None] * p), (j, -slope[:, None] * p)],
    }
    whole: Parameters = {}
    if features is not None:
        parts["t"] = [(u, slope[:, None] * projected)]
        with_bias = np.column_stack([t, np.ones(count)]) * slope[:, None]
        of_rows = np.zeros((len(rows), with_bias.shape[1]))
        of_rows = _sum_of_rows(of_rows, [(at_i, with_bias), (at_j, -with_bias)])
        of_features = of_rows.T @ own
        whole = {"E": of_features[:-1], "e": of_features[-1]}
    loss = float(np.mean(np.logaddexp(0, -x)))
    for name, sums in parts.items():
        for where in (u,) if name in OF_CLIENTS else (i, j):
            used = theta[name][where]
            loss += penalty / (2 * count) * float(np.sum(used**2))
            sums.append((where, penalty / count * used))
        whole[name] = _sum_of_rows(theta[name], sums)
    return loss, whole


def _sum_of_rows(table: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Zeros like the table, to whose rows the parts are added; the same bits every time."""
    at = np.concatenate([where for where, _ in parts])
    values = np.concatenate([value for _, value in parts])
    order = np.argsort(at, kind="stable")
    rows, starts = np.unique(at[order], return_index=True)
    found = np.zeros_like(table)
    found[rows] = np.add.reduceat(values[order], starts, axis=0)
    return found


@dataclass
class Adam:
    """Kingma and Ba, 2015, with their constants."""

    rate: float
    step_of: int = 0
    mean: Parameters = field(default_factory=dict)
    square: Parameters = field(default_factory=dict)

    def step(self, theta: Parameters, gradient: Parameters) -> None:
        self.step_of += 1
        fade, fade_square = 1 - 0.9**self.step_of, 1 - 0.999**self.step_of
        for name, g in gradient.items():
            mean = self.mean.setdefault(name, np.zeros_like(g))
            square = self.square.setdefault(name, np.zeros_like(g))
            mean += 0.1 * (g - mean)
            square += 0.001 * (g**2 - square)
            theta[name] -= self.rate * (mean / fade) / (np.sqrt(square / fade_square) + 1e-8)


def draw_negatives(random: np.random.Generator, data: Data, clients: np.ndarray) -> np.ndarray:
    """An item that each of these clients does not train on, all with the same chance."""
    items = data.interactions.shape[1]
    drawn = random.integers(items, size=len(clients))
    while (again := np.flatnonzero(data.interactions[clients, drawn])).size:
        drawn[again] = random.integers(items, size=again.size)
    return drawn


def scores(theta: Parameters, features: np.ndarray | None) -> Scores:
    """Of blocks of clients, all items."""
    bias, right = theta["b"], theta["q"]
    left = theta["p"]
    if features is not None:
        bias = bias + features @ theta["e"]
        right = np.concatenate([right, features @ theta["E"].T], axis=1)
        left = np.concatenate([left, theta["t"]], axis=1)
    return lambda some: left[some] @ right.T + bias


def train(
    data: Data, features: np.ndarray | None, settings: dict[str, float], plan: Plan
) -> dict[str, Any]:
    """The quality at the epoch with the best validation NDCG@50, and the settings with that epoch.
    features: M x F makes it VBPR; None, BPR.
    """
    random = np.random.default_rng(plan.seed)
    clients, items = data.interactions.shape
    theta = initial(random, clients, items, plan.dim, features)
    adam = Adam(settings["rate"])
    pairs = np.argwhere(data.interactions)
    best: dict[str, Any] = {}
    for epoch in range(1, plan.epochs + 1):
        own = pairs[random.permutation(len(pairs))]
        triples = np.column_stack([own, draw_negatives(random, data, own[:, 0])])
        for first in range(0, len(triples), BATCH):
            batch = triples[first : first + BATCH]
            adam.step(theta, loss_and_gradient(theta, batch, features, settings["penalty"])[1])
        if epoch % plan.every and epoch < plan.epochs:
            continue
        if not all(np.isfinite(table).all() for table in theta.values()):
            raise Refusal(
                f"{'BPR' if features is None else 'VBPR'} diverged in epoch {epoch}",
                f"its rate is {settings['rate']:g}",
                "give smaller --rates",
            )
        found = quality(data, ranks(data, scores(theta, features)))
        if not best or (found["valid_ndcg_50"] or -1.0) > (best["valid_ndcg_50"] or -1.0):
            best = {"settings": {**settings, "epochs": epoch}, **found}
        elif epoch - best["settings"]["epochs"] >= plan.patience * plan.every:
            break
    return best


def best_of(
    data: Data,
    features: np.ndarray | None,
    rates: list[float],
    penalties: list[float],
    plan: Plan,
) -> dict[str, Any]:
    """Of all rates with all penalties, by validation NDCG@50."""
    grid = [{"rate": rate, "penalty": penalty} for rate in rates for penalty in penalties]
    tried = [train(data, features, settings, plan) for settings in grid]
    return max(tried, key=lambda one: one["valid_ndcg_50"] or -1.0)
