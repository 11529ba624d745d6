"""The heads of models.md section 2: score s = head(z; theta, u) of a batch, and the way back.

forward(p, z) -> (s, cache); backward(p, cache, ds) -> (dz, gradients). z: n x width, s: n.
shapes(d) names the parameters: those of theta first, then the user's vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from layers import Array, Named, affine, affine_backward, relu, relu_backward


class Head(NamedTuple):
    shapes: Callable[[int], dict[str, tuple[int, ...]]]
    item_width: Callable[[int], int]
    forward: Callable[[Named, Array], tuple[Array, Any]]
    backward: Callable[[Named, Any, Array], tuple[Array, Named]]


def last_layer(p: Named, features: Array) -> Array:
    return features @ p["w"] + p["b"][0]


def last_layer_backward(p: Named, features: Array, ds: Array) -> tuple[Array, Named]:
    return np.outer(ds, p["w"]), {"w": features.T @ ds, "b": np.array([ds.sum()])}


# linear: s = w z + b


def linear_shapes(d: int) -> dict[str, tuple[int, ...]]:
    return {"w": (d,), "b": (1,)}


def linear_forward(p: Named, z: Array) -> tuple[Array, Array]:
    return last_layer(p, z), z


def linear_backward(p: Named, z: Array, ds: Array) -> tuple[Array, Named]:
    return last_layer_backward(p, z, ds)


# mlp: s = w ReLU(W_u u + W_z z + b1) + b


def mlp_shapes(d: int) -> dict[str, tuple[int, ...]]:
    return {"W_u": (d, d), "W_z": (d, d), "b1": (d,), "w": (d,), "b": (1,), "u": (d,)}


def mlp_forward(p: Named, z: Array) -> tuple[Array, tuple[Array, Array]]:
    hidden = z @ p["W_z"].T + p["W_u"] @ p["u"] + p["b1"]
    return last_layer(p, relu(hidden)), (z, hidden)


def mlp_backward(p: Named, cache: tuple[Array, Array], ds: Array) -> tuple[Array, Named]:
    z, hidden = cache
    d_features, g = last_layer_backward(p, relu(hidden), ds)
    d_hidden = relu_backward(d_features, hidden)
    dz, g["W_z"], g["b1"] = affine_backward(d_hidden, z, p["W_z"])
    total = d_hidden.sum(axis=0)
    g["W_u"] = np.outer(total, p["u"])
    g["u"] = p["W_u"].T @ total
    return dz, g


# neumf: tower [u1; z1] -> d -> d/2 -> d/4 with ReLU; product u2 * z2; s = w [tower; product] + b


def neumf_shapes(d: int) -> dict[str, tuple[int, ...]]:
    return {
        "W1": (d, 2 * d),
        "b1": (d,),
        "W2": (d // 2, d),
        "b2": (d // 2,),
        "W3": (d // 4, d // 2),
        "b3": (d // 4,),
        "w": (d // 4 + d,),
        "b": (1,),
        "u1": (d,),
        "u2": (d,),
    }


def neumf_forward(p: Named, z: Array) -> tuple[Array, dict[str, Array]]:
    d = p["u1"].size
    c = {"z2": z[:, d:], "x": np.hstack([np.tile(p["u1"], (len(z), 1)), z[:, :d]])}
    c["h1"] = affine(c["x"], p["W1"], p["b1"])
    c["h2"] = affine(relu(c["h1"]), p["W2"], p["b2"])
    c["h3"] = affine(relu(c["h2"]), p["W3"], p["b3"])
    c["features"] = np.hstack([relu(c["h3"]), c["z2"] * p["u2"]])
    return last_layer(p, c["features"]), c


def neumf_backward(p: Named, c: dict[str, Array], ds: Array) -> tuple[Array, Named]:
    d = p["u1"].size
    d_features, g = last_layer_backward(p, c["features"], ds)
    d_product = d_features[:, d // 4 :]
    g["u2"] = (d_product * c["z2"]).sum(axis=0)
    dh = relu_backward(d_features[:, : d // 4], c["h3"])
    dh, g["W3"], g["b3"] = affine_backward(dh, relu(c["h2"]), p["W3"])
    dh = relu_backward(dh, c["h2"])
    dh, g["W2"], g["b2"] = affine_backward(dh, relu(c["h1"]), p["W2"])
    dh = relu_backward(dh, c["h1"])
    dx, g["W1"], g["b1"] = affine_backward(dh, c["x"], p["W1"])
    g["u1"] = dx[:, :d].sum(axis=0)
    return np.hstack([dx[:, d:], d_product * p["u2"]]), g


HEADS = {
    "linear": Head(linear_shapes, lambda d: d, linear_forward, linear_backward),
    "mlp": Head(mlp_shapes, lambda d: d, mlp_forward, mlp_backward),
    "neumf": Head(neumf_shapes, lambda d: 2 * d, neumf_forward, neumf_backward),
}
