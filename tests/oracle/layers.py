"""Functions that several models share, forward and backward, a sample a row.

backward functions take dL/dy and return dL/dx first, then the parameters' gradients.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
Named = dict[str, np.ndarray]


def affine(x: Array, weight: Array, bias: Array) -> Array:
    """y = W x + b, W [out x in]."""
    return x @ weight.T + bias


def affine_backward(dy: Array, x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """dx = W^T dy, dW = sum dy x^T, db = sum dy."""
    return dy @ weight, dy.T @ x, dy.sum(axis=0)


def relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.0)


def relu_backward(dy: Array, x: Array) -> Array:
    return np.where(x > 0, dy, 0.0)


def sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def softplus(x: Array) -> Array:
    """log(1 + e^x) = -log sigmoid(-x), without overflow."""
    return np.logaddexp(0.0, x)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(dy: Array, y: Array) -> Array:
    """dx_j = y_j (dy_j - sum_k y_k dy_k)."""
    return y * (dy - (y * dy).sum(axis=-1, keepdims=True))


LAYER_NORM_EPSILON = 1e-5


def layer_norm(y: Array, weight: Array, bias: Array) -> tuple[Array, tuple[Array, Array]]:
    """w (y - mean) / sqrt(var + 1e-5) + b over a row; var divides by the width."""
    centred = y - y.mean(axis=1, keepdims=True)
    inverse = 1.0 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + LAYER_NORM_EPSILON)
    normal = centred * inverse
    return normal * weight + bias, (normal, inverse)


def layer_norm_backward(
    dx: Array, cache: tuple[Array, Array], weight: Array
) -> tuple[Array, Array, Array]:
    """dy = (g - mean g - n mean(g n)) / sqrt(var + eps), n the normalised row, g = w dx."""
    normal, inverse = cache
    g = dx * weight
    mean = g.mean(axis=1, keepdims=True)
    along = (g * normal).mean(axis=1, keepdims=True)
    return (g - mean - normal * along) * inverse, (dx * normal).sum(axis=0), dx.sum(axis=0)


class Optimizer:
    """SGD: p -= lr g.  Adam (Kingma and Ba, 2015): b1 = 0.9, b2 = 0.999, eps = 1e-8,

    m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
    p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps),  t = 1 in the first step.
    """

    def __init__(self, kind: str, lr: float) -> None:
        self.kind = kind
        self.lr = lr
        self.steps = 0
        self.first: Named = {}
        self.second: Named = {}

    def step(self, parameters: Named, gradients: Named) -> None:
        self.steps += 1
        for name, g in gradients.items():
            parameters[name] = parameters[name] - self.lr * self.direction(name, g)

    def direction(self, name: str, g: Array) -> Array:
        if self.kind == "sgd":
            return g
        m = 0.9 * self.first.get(name, np.zeros_like(g)) + (1 - 0.9) * g
        v = 0.999 * self.second.get(name, np.zeros_like(g)) + (1 - 0.999) * g**2
        self.first[name] = m
        self.second[name] = v
        mean = m / (1 - 0.9**self.steps)
        spread = np.sqrt(v / (1 - 0.999**self.steps))
        return mean / (spread + 1e-8)
