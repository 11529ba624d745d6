"""A client's local round (models.md sections 2 and 4), dense: whole tables, batch by batch.

    omega = mean over the batch of softmax(Phi2 ReLU(Phi1 [F_1[i]; ...; F_J[i]] + phi1) + phi2)
    c_i = sum_j omega_j F_j[i]    z_i = c_i (+ P[i])    s_i = head(z_i)    p_i = sigmoid(s_i)
    L = mean over the batch of [BCE(p_i, y_i) + lambda KL(t_i || p_i)]
        - alpha mean_{i,k} (P[i,k] - c_i[k])^2 + beta mean_{i,k} |c_i[k]|
    x <- x - rate (dL/dx + kappa x)      rate: lr_items for the table and P, lr for all others

Without a router omega = (1). Where the server fixes the views, c_i is a constant of the last two
terms, and the sum over the steps of dL/dF_j comes back in place of a trained table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from heads import HEADS
from layers import (
    Array,
    Named,
    affine,
    affine_backward,
    relu,
    relu_backward,
    sigmoid,
    softmax,
    softmax_backward,
    softplus,
)


@dataclass(frozen=True)
class Rules:
    head: str
    d: int
    views: int = 1
    rows_trained: bool = True
    personal: bool = False
    lr: float = 0.25
    lr_items: float = 0.5
    weight_decay: float = 0.0
    distill_lambda: float = 0.0
    soft_negatives_only: bool = False
    alpha: float = 0.0
    beta: float = 0.0

    @property
    def width(self) -> int:
        """Of a row: a table of its own is as wide as the head's items, a view d."""
        return HEADS[self.head].item_width(self.d) if self.rows_trained else self.d


def router_shapes(views: int, d: int) -> dict[str, tuple[int, ...]]:
    return {"Phi1": (d, views * d), "phi1": (d,), "Phi2": (views, d), "phi2": (views,)}


def route(p: Named, rows: Array) -> tuple[Array, Any]:
    """rows: J x n x d. The weights omega, and what the way back needs."""
    x = np.hstack(list(rows))
    hidden = affine(x, p["Phi1"], p["phi1"])
    weights = softmax(affine(relu(hidden), p["Phi2"], p["phi2"]))
    return weights.mean(axis=0), (x, hidden, weights)


def route_backward(p: Named, cache: Any, d_omega: Array) -> tuple[Array, Named]:
    """d(rows): J x n x d, and the router's gradients."""
    x, hidden, weights = cache
    g: Named = {}
    d_logits = softmax_backward(np.tile(d_omega / len(x), (len(x), 1)), weights)
    d_hidden, g["Phi2"], g["phi2"] = affine_backward(d_logits, relu(hidden), p["Phi2"])
    dx, g["Phi1"], g["phi1"] = affine_backward(relu_backward(d_hidden, hidden), x, p["Phi1"])
    return np.stack(np.split(dx, len(d_omega), axis=1)), g


def entropy(t: Array) -> Array:
    """sum over the two outcomes of t log t, with 0 log 0 = 0."""
    safe = np.clip(t, 1e-300, None), np.clip(1 - t, 1e-300, None)
    return t * np.log(safe[0]) + (1 - t) * np.log(safe[1])


def score_losses(rules: Rules, s: Array, y: Array, soft: Array) -> tuple[float, Array]:
    """BCE and KL, means over the batch, and dL/ds_i = (p_i - y_i + lambda (p_i - t_i)) / n."""
    active = (y == 0) if rules.soft_negatives_only else np.ones(len(y))
    weight = rules.distill_lambda * active
    cross = y * softplus(-s) + (1 - y) * softplus(s)
    divergence = entropy(soft) + soft * softplus(-s) + (1 - soft) * softplus(s)
    p = sigmoid(s)
    return (cross + weight * divergence).mean(), (p - y + weight * (p - soft)) / len(y)


def batch_loss(
    rules: Rules, p: Named, soft: Array, items: Array, y: Array, constant_c: Array | None = None
) -> tuple[float, Named]:
    """The loss of one batch and its gradients. soft: M. constant_c: only for finite differences,
    the c of FedRAP's two terms where the server fixes the views."""
    head = HEADS[rules.head]
    rows = p["table"][:, items]
    omega, routed = route(p, rows) if rules.views > 1 else (np.ones(1), None)
    c = np.tensordot(omega, rows, axes=1)
    z = c + p["P"][items] if rules.personal else c
    twice = head.item_width(rules.d) != rules.width  # a view feeds both halves of neumf's row
    s, cache = head.forward(p, np.hstack([z, z]) if twice else z)
    loss, ds = score_losses(rules, s, y, soft[items])
    dz, g = head.backward(p, cache, ds)
    if twice:
        dz = dz[:, : rules.d] + dz[:, rules.d :]
    dc = dz.copy()
    if rules.personal:
        shared = c if constant_c is None else constant_c
        apart = p["P"][items] - shared
        loss += -rules.alpha * (apart**2).mean() + rules.beta * np.abs(shared).mean()
        pull = 2 * rules.alpha * apart / apart.size
        g["P"] = np.zeros_like(p["P"])
        np.add.at(g["P"], items, dz - pull)
        if rules.rows_trained:
            dc += pull + rules.beta * np.sign(c) / c.size
    d_rows = omega[:, None, None] * dc
    if routed is not None:
        through, router = route_backward(p, routed, (rows * dc).sum(axis=(1, 2)))
        d_rows = d_rows + through
        g.update(router)
    g["table"] = np.zeros_like(p["table"])
    for view, change in zip(g["table"], d_rows):
        np.add.at(view, items, change)
    return float(loss), g


def train(
    rules: Rules, start: Named, soft: Array, batches: list[tuple[Array, Array]]
) -> tuple[Named, Array, Array]:
    """All steps. Returns the parameters, dL/dF summed over the steps, and each step's loss."""
    p = dict(start)
    view_grad = np.zeros_like(start["table"])
    losses = []
    for items, y in batches:
        loss, g = batch_loss(rules, p, soft, items, y)
        losses.append(loss)
        view_grad += g["table"]
        for name in g:
            if name == "table" and not rules.rows_trained:
                continue
            rate = rules.lr_items if name in ("table", "P") else rules.lr
            p[name] = p[name] - rate * (g[name] + rules.weight_decay * p[name])
    return p, view_grad, np.array(losses)


def router_weights(p: Named, items: Array) -> Array:
    return route(p, p["table"][:, items])[0]
