"""GFMFR's server fusion (models.md section 3, steps 3 and 4).

Q_l[i] = W2 ReLU(W1 [A_g e_l + a_g; A_t mask_t E_t[i] + a_t; A_v mask_v E_v[i] + a_v] + b1) + b2
loss   = mean over the batch's pairs (l, i) and the d components of (Q_l[i] - C_l[i])^2
pref_l[i] = sigmoid(w_bar_l Q_l[i] + b_bar_l)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from layers import Array, Named, Optimizer, affine, affine_backward, relu, relu_backward, sigmoid

Features = dict[str, tuple[Array, Array]]  # E_m and mask_m of t and v


def shapes(
    d: int, group_width: int, width: dict[str, int], groups: int
) -> dict[str, tuple[int, ...]]:
    return {
        "e": (groups, group_width),
        "A_g": (d, group_width),
        "a_g": (d,),
        "A_t": (d, width["t"]),
        "a_t": (d,),
        "A_v": (d, width["v"]),
        "a_v": (d,),
        "W1": (2 * d, 3 * d),
        "b1": (2 * d,),
        "W2": (d, 2 * d),
        "b2": (d,),
    }


def fuse(p: Named, features: Features, pairs: Array) -> tuple[Array, dict[str, Any]]:
    """pairs: n x 2, (group, item). Q of each pair, n x d."""
    group, item = pairs.T
    inputs = {"g": p["e"][group]}
    for m in ("t", "v"):
        values, mask = features[m]
        inputs[m] = values[item] * mask[item, None]
    encoded = [affine(inputs[m], p[f"A_{m}"], p[f"a_{m}"]) for m in ("g", "t", "v")]
    cache: dict[str, Any] = {"inputs": inputs, "joined": np.hstack(encoded), "group": group}
    cache["hidden"] = affine(cache["joined"], p["W1"], p["b1"])
    return affine(relu(cache["hidden"]), p["W2"], p["b2"]), cache


def batch_loss(p: Named, features: Features, target: Array, pairs: Array) -> tuple[float, Named]:
    """target: C, G x M x d. The loss of one batch and its gradients."""
    q, cache = fuse(p, features, pairs)
    error = q - target[pairs[:, 0], pairs[:, 1]]
    g: Named = {}
    dh, g["W2"], g["b2"] = affine_backward(2 * error / error.size, relu(cache["hidden"]), p["W2"])
    d_joined, g["W1"], g["b1"] = affine_backward(
        relu_backward(dh, cache["hidden"]), cache["joined"], p["W1"]
    )
    for m, part in zip(("g", "t", "v"), np.split(d_joined, 3, axis=1)):
        d_inputs, g[f"A_{m}"], g[f"a_{m}"] = affine_backward(part, cache["inputs"][m], p[f"A_{m}"])
        if m == "g":
            g["e"] = np.zeros_like(p["e"])
            np.add.at(g["e"], cache["group"], d_inputs)
    return float((error**2).mean()), g


def train(
    start: Named, features: Features, target: Array, steps: Array, optimizer: str, lr: float
) -> tuple[Named, Array]:
    """steps: S x n x 2. The parameters afterwards, and the loss before each step."""
    p = dict(start)
    mover = Optimizer(optimizer, lr)
    losses = []
    for pairs in steps:
        loss, g = batch_loss(p, features, target, pairs)
        losses.append(loss)
        mover.step(p, g)
    return p, np.array(losses)


def fused_table(p: Named, features: Features, groups: int, items: int) -> Array:
    """Q of every group and item, G x M x d."""
    pairs = np.stack(np.divmod(np.arange(groups * items), items), axis=1)
    return fuse(p, features, pairs)[0].reshape(groups, items, -1)


def preference(q: Array, w_bar: Array, b_bar: Array) -> Array:
    return sigmoid(np.einsum("lik,lk->li", q, w_bar) + b_bar[:, None])
