"""FedVLR's server side (models.md section 4): from D and the features to the views, and back.

x_m = LN(mask_m A_m E_m[i] + a_m), m = d, t, v; E_d = D, mask_d = 1; the bias a_m stays
F_sum  = x_d + x_t + x_v
F_mlp  = W2 ReLU(W1 [x_d; x_t; x_v] + b1) + b2
F_gate = W_o [sigmoid(G_d x_d + g_d); sigmoid(G_t x_t + g_t); sigmoid(G_v x_v + g_v)] + b_o
"""

from __future__ import annotations

from typing import Any

import numpy as np

from layers import (
    Array,
    Named,
    affine,
    affine_backward,
    layer_norm,
    layer_norm_backward,
    relu,
    relu_backward,
    sigmoid,
)

BRANCHES = ("d", "t", "v")


def shapes(d: int, width: dict[str, int], items: int) -> dict[str, tuple[int, ...]]:
    """The parameters; width: of E_m by branch."""
    all_shapes: dict[str, tuple[int, ...]] = {"D": (items, d)}
    for m in BRANCHES:
        all_shapes |= {
            f"A_{m}": (d, width[m]),
            f"a_{m}": (d,),
            f"ln_w_{m}": (d,),
            f"ln_b_{m}": (d,),
            f"G_{m}": (d, d),
            f"g_{m}": (d,),
        }
    return all_shapes | {
        "W1": (2 * d, 3 * d),
        "b1": (2 * d,),
        "W2": (d, 2 * d),
        "b2": (d,),
        "W_o": (d, 3 * d),
        "b_o": (d,),
    }


def forward(p: Named, features: dict[str, tuple[Array, Array]]) -> tuple[Array, dict[str, Any]]:
    """features: E_m and mask_m of t and v. The views sum, mlp and gate, 3 x M x d."""
    cache: dict[str, Any] = {}
    x, gates = [], []
    for m in BRANCHES:
        inputs, mask = (p["D"], np.ones(len(p["D"]))) if m == "d" else features[m]
        seen = inputs * mask[:, None]
        normal, back = layer_norm(
            affine(seen, p[f"A_{m}"], p[f"a_{m}"]), p[f"ln_w_{m}"], p[f"ln_b_{m}"]
        )
        gate = sigmoid(affine(normal, p[f"G_{m}"], p[f"g_{m}"]))
        cache[m] = (seen, normal, back, gate)
        x.append(normal)
        gates.append(gate)
    cache["joined"] = np.hstack(x)
    cache["gates"] = np.hstack(gates)
    cache["hidden"] = affine(cache["joined"], p["W1"], p["b1"])
    mlp = affine(relu(cache["hidden"]), p["W2"], p["b2"])
    gate_view = affine(cache["gates"], p["W_o"], p["b_o"])
    return np.stack([x[0] + x[1] + x[2], mlp, gate_view]), cache


def backward(p: Named, cache: dict[str, Any], up: Array) -> Named:
    """up: dL/dF, 3 x M x d. The gradient of every parameter."""
    g: Named = {}
    d_sum, d_mlp, d_gate = up
    dh, g["W2"], g["b2"] = affine_backward(d_mlp, relu(cache["hidden"]), p["W2"])
    d_joined, g["W1"], g["b1"] = affine_backward(
        relu_backward(dh, cache["hidden"]), cache["joined"], p["W1"]
    )
    d_gates, g["W_o"], g["b_o"] = affine_backward(d_gate, cache["gates"], p["W_o"])
    parts = zip(BRANCHES, np.split(d_joined, 3, axis=1), np.split(d_gates, 3, axis=1))
    for m, from_mlp, from_gate in parts:
        seen, normal, back, gate = cache[m]
        through, g[f"G_{m}"], g[f"g_{m}"] = affine_backward(
            from_gate * gate * (1 - gate), normal, p[f"G_{m}"]
        )
        dy, g[f"ln_w_{m}"], g[f"ln_b_{m}"] = layer_norm_backward(
            d_sum + from_mlp + through, back, p[f"ln_w_{m}"]
        )
        d_inputs, g[f"A_{m}"], g[f"a_{m}"] = affine_backward(dy, seen, p[f"A_{m}"])
        if m == "d":
            g["D"] = d_inputs
    return g
