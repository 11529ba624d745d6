"""The teacher of the group prior (models.md section 5), with dense arrays.

X[i]    = [E_t[i]; E_v[i]], each modality: rows to norm 1, minus their mean, times one factor so
          that their mean square norm is 1; an item without the modality has a row of zeros
Z       = X, or c X W with W the leading eigenvectors of X^T X, the largest component positive, and
          c so that the norm stays
L_l[i]  = (v + V_l) ReLU(U Z[i] + A_l) + b_l
loss    = sum_l sum_i [S_l[i] softplus(-L_l[i]) + N_l softplus(L_l[i])] / sum_l sum_i (S_l[i] + N_l)
N_l     = q sum_i S_l[i] / M; groups of small mass have S_l = N_l = 0
A step: p *= 1 - lr decay (not b), then Adam.
"""

from __future__ import annotations

import numpy as np

from layers import Array, Named, Optimizer, relu, sigmoid, softplus


def shapes(features: int, hidden: int, groups: int) -> dict[str, tuple[int, ...]]:
    return {
        "U": (hidden, features),
        "A": (groups, hidden),
        "v": (hidden,),
        "V": (groups, hidden),
        "b": (groups,),
    }


def modality(values: Array, mask: Array) -> Array:
    norm = np.linalg.norm(values, axis=1)
    present = (mask > 0) & (norm > 0)
    rows = values[present] / norm[present, None]
    rows = rows - rows.mean(axis=0)
    out = np.zeros_like(values)
    out[present] = rows / np.sqrt((rows**2).sum(axis=1).mean())
    return out


def projected(x: Array, width: int) -> Array:
    if x.shape[1] <= width:
        return x
    _, vectors = np.linalg.eigh(x.T @ x)
    leading = vectors[:, ::-1][:, :width]
    largest = np.abs(leading).argmax(axis=0)
    leading = leading * np.sign(leading[largest, np.arange(width)])
    z = x @ leading
    return z * (np.linalg.norm(x) / np.linalg.norm(z))


def logits(p: Named, z: Array) -> Array:
    """M x G."""
    hidden = relu((z @ p["U"].T)[:, None, :] + p["A"])
    return np.einsum("ilk,lk->il", hidden, p["v"] + p["V"]) + p["b"]


def loss(p: Named, z: Array, s: Array, n: Array) -> tuple[float, Named]:
    """s: M x G, n: G. The loss and its gradients."""
    total = s.sum() + len(z) * n.sum()
    at = logits(p, z)
    value = (s * softplus(-at) + n * softplus(at)).sum() / total
    slope = (sigmoid(at) * (s + n) - s) / total
    inner = (z @ p["U"].T)[:, None, :] + p["A"]
    back = slope[:, :, None] * (p["v"] + p["V"]) * (inner > 0)
    g: Named = {
        "U": np.einsum("ilk,ij->kj", back, z),
        "A": back.sum(axis=0),
        "V": np.einsum("il,ilk->lk", slope, relu(inner)),
        "b": slope.sum(axis=0),
    }
    g["v"] = g["V"].sum(axis=0)
    return float(value), g


def train(
    start: Named, z: Array, sums: Array, mass: Array, rules: dict[str, float]
) -> tuple[Named, Array]:
    """sums: M x G, mass: G. rules: steps, lr, decay, least_mass, negatives. The parameters
    afterwards, and the loss before each step."""
    s = np.where(mass >= rules["least_mass"], sums, 0.0)
    n = rules["negatives"] * s.sum(axis=0) / len(z)
    p = dict(start)
    adam = Optimizer("adam", rules["lr"])
    losses = []
    for _ in range(int(rules["steps"])):
        value, g = loss(p, z, s, n)
        losses.append(value)
        keep = 1 - rules["lr"] * rules["decay"]
        p = {name: values if name == "b" else values * keep for name, values in p.items()}
        adam.step(p, g)
    return p, np.array(losses)
