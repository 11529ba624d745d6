"""Rankings by methods that see all interactions in one place: popularity, item-kNN, EASE. They are
ranked as fedfuse ranks (src/models.md, section 5). Needs NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

CUTOFFS = (10, 20, 50)
BLOCK = 512  # clients whose scores are held at once
Scores = Callable[[slice], np.ndarray]  # clients -> clients x items


@dataclass(frozen=True)
class Data:
    """interactions: N x M, 1 where a client trains on an item. valid, test: N, -1: none."""

    interactions: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Of clients that train on each item."""
        return self.interactions.sum(axis=0, dtype=np.int64)


@dataclass(frozen=True)
class Ranks:
    """Of the held-out item of every client; 0: it has none."""

    valid: np.ndarray
    test: np.ndarray


def ranks(data: Data, scores: Scores) -> Ranks:
    """Candidates are the items that a client does not train on; for the test without its validation
    item.
    """
    clients = len(data.valid)
    valid, test = np.zeros(clients, np.int64), np.zeros(clients, np.int64)
    for first in range(0, clients, BLOCK):
        some = slice(first, min(first + BLOCK, clients))
        mine = scores(some)
        candidates = data.interactions[some] == 0
        valid[some] = _rank(mine, candidates, data.valid[some])
        rows = np.flatnonzero(data.valid[some] >= 0)
        candidates[rows, data.valid[some][rows]] = False
        test[some] = _rank(mine, candidates, data.test[some])
    return Ranks(valid, test)


def _rank(scores: np.ndarray, candidates: np.ndarray, held: np.ndarray) -> np.ndarray:
    """1 + higher ones + half of the tied ones, rounded up."""
    own = scores[np.arange(len(held)), held][:, None]
    others = candidates.copy()
    others[np.arange(len(held)), held] = False
    higher = np.sum((scores > own) & others, axis=1)
    tied = np.sum((scores == own) & others, axis=1)
    return np.where(held >= 0, 1 + higher + (tied + 1) // 2, 0)


def quality(data: Data, of: Ranks) -> dict[str, float | None]:
    """{valid,test}_{hr,ndcg}_K{,_warm,_cold}; None: a mean over no client."""
    found: dict[str, float | None] = {}
    for split, rank, held in (("valid", of.valid, data.valid), ("test", of.test, data.test)):
        cold = (data.counts == 0)[held]
        for suffix, some in (("", rank > 0), ("_warm", ~cold), ("_cold", cold)):
            here = rank[(rank > 0) & some]
            for k in CUTOFFS:
                found[f"{split}_hr_{k}{suffix}"] = _mean_of_hits(here, k)
                found[f"{split}_ndcg_{k}{suffix}"] = _mean_of_gains(here, k)
    return found


def _mean_of_hits(rank: np.ndarray, k: int) -> float | None:
    return int(np.sum(rank <= k)) / len(rank) if len(rank) else None


def _mean_of_gains(rank: np.ndarray, k: int) -> float | None:
    """Gains are summed in fixed point, as in the records: the same bits in any order."""
    if not len(rank):
        return None
    gains = np.rint(2.0**32 / np.log2(1.0 + rank[rank <= k])).astype(np.int64)
    return int(gains.sum()) * 2.0**-32 / len(rank)


def popularity(data: Data) -> Scores:
    counts = data.counts.astype(float)
    return lambda some: np.broadcast_to(counts, (len(data.valid[some]), len(counts)))


def cold_first(data: Data) -> Scores:
    counts = data.counts.astype(float)
    counts[counts == 0] = len(data.valid) + 1
    return lambda some: np.broadcast_to(counts, (len(data.valid[some]), len(counts)))


def sums_of_rows(data: Data, table: np.ndarray) -> Scores:
    """X table: of every client the sum of the rows of its items."""

    def scores(some: slice) -> np.ndarray:
        mine = data.interactions[some]
        return np.stack([table[np.flatnonzero(row)].sum(axis=0) for row in mine])

    return scores


def pairs(data: Data) -> np.ndarray:
    """X^T X, M x M: the number of clients of both items."""
    items = data.interactions.shape[1]
    both = np.zeros((items, items))
    for row in data.interactions:
        mine = np.flatnonzero(row)
        both[np.ix_(mine, mine)] += 1.0
    return both


def ease(data: Data, penalty: float) -> Scores:
    """EASE (arXiv 1905.03375): scores X B, B = I - P diag(1 / diag P), P = (X^T X + penalty I)^-1.

    X P = (X X^T + penalty I)^-1 X, so the smaller of the two matrices is the one to invert.
    """
    clients, items = data.interactions.shape
    if clients <= items:
        x = data.interactions.astype(np.float64)
        z = np.linalg.solve(x @ x.T + penalty * np.eye(clients), x)
        diagonal = (1.0 - np.einsum("ui,ui->i", x, z)) / penalty
        return lambda some: x[some] - z[some] / diagonal
    p = np.linalg.inv(pairs(data) + penalty * np.eye(items))
    b = p / -np.diag(p)
    np.fill_diagonal(b, 0.0)
    return sums_of_rows(data, b)


def content(data: Data, features: np.ndarray, penalty: float) -> Scores:
    """Ridge regression of a client's interactions on the features of all items, M x F: scores
    F (F^T F + penalty I)^-1 F^T x. Nobody else's interactions count.
    """
    inverse = np.linalg.solve(
        features.T @ features + penalty * np.eye(features.shape[1]), features.T
    )
    return sums_of_rows(data, (features @ inverse).T)


def cosine(both: np.ndarray, shrinkage: float) -> np.ndarray:
    """M x M: |clients of both| / (sqrt(|of i| |of j|) + shrinkage), 0 on the diagonal."""
    norms = np.sqrt(np.diag(both))
    below = np.outer(norms, norms) + shrinkage
    similar = np.divide(both, below, out=np.zeros_like(both), where=both > 0)
    np.fill_diagonal(similar, 0.0)
    return similar


def nearest(similar: np.ndarray, neighbours: list[int]) -> dict[int, np.ndarray]:
    """M for every number of neighbours: the similarity of the last of them to each item."""
    items = len(similar)
    places = [max(items - count, 0) for count in neighbours]
    ordered = np.partition(similar, sorted(set(places)), axis=0)
    return {count: ordered[place].copy() for count, place in zip(neighbours, places)}


def item_knn(data: Data, similar: np.ndarray, least: np.ndarray) -> Scores:
    """The score of an item: the sum over its nearest neighbours that the client trains on. least:
    of nearest(); neighbours that tie with the last one are kept with it.
    """
    return sums_of_rows(data, np.where(similar >= least, similar, 0.0))


def best_of(
    data: Data, grid: list[dict[str, Any]], scores: Callable[[dict[str, Any]], Scores]
) -> dict[str, Any]:
    """The settings with the best validation NDCG@50, and their quality."""
    tried = []
    for settings in grid:
        of = ranks(data, scores(settings))
        tried.append({"settings": settings, **quality(data, of)})
    return max(tried, key=lambda one: one["valid_ndcg_50"] or -1.0)
