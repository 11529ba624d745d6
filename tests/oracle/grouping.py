"""Grouping of clients (models.md section 3, step 1)."""

from __future__ import annotations

import numpy as np

from layers import Array


def standardise(x: Array) -> tuple[Array, Array, Array]:
    """Points with mean 0 and variance 1 (over n) in each column; a constant column becomes 0.
    Also the mean and 1 / sd (0 for a constant column)."""
    mean = x.mean(axis=0)
    sd = np.sqrt(((x - mean) ** 2).mean(axis=0))
    constant = x.max(axis=0) == x.min(axis=0)
    inverse = np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, sd))
    return (x - mean) * inverse, mean, inverse


def distances(x: Array) -> Array:
    return np.sqrt(((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=2))


def normalised_affinity(x: Array) -> tuple[Array, float]:
    """A_ij = exp(-|x_i - x_j|^2 / (2 median^2)), S = D^-1/2 A D^-1/2, and the median over i < j."""
    apart = distances(x)
    median = float(np.median(apart[np.triu_indices(len(x), 1)]))
    affinity = np.exp(-(apart**2) / (2 * median**2))
    root = np.sqrt(affinity.sum(axis=1))
    return affinity / np.outer(root, root), median


def kmeans(x: Array, groups: int) -> Array:
    """Lloyd's algorithm from centres that are far apart: the first point, then always the point
    farthest from all centres so far."""
    chosen = [0]
    while len(chosen) < groups:
        nearest = ((x[:, None, :] - x[chosen][None]) ** 2).sum(axis=2).min(axis=1)
        chosen.append(int(nearest.argmax()))
    centre = x[chosen]
    while True:
        label = ((x[:, None, :] - centre[None]) ** 2).sum(axis=2).argmin(axis=1)
        moved = np.stack([x[label == g].mean(axis=0) for g in range(groups)])
        if np.array_equal(moved, centre):
            return label
        centre = moved


def spectral(x: Array, groups: int) -> tuple[Array, Array, float]:
    """Ng, Jordan and Weiss (2001): k-means on the rows, scaled to length 1, of the leading
    eigenvectors of S. Also the leading eigenvalues, descending, and the median distance."""
    affinity, median = normalised_affinity(x)
    values, vectors = np.linalg.eigh(affinity)
    leading = vectors[:, ::-1][:, :groups]
    points = leading / np.linalg.norm(leading, axis=1, keepdims=True)
    return kmeans(points, groups), values[::-1][:groups], median


def in_order_of_appearance(label: Array) -> Array:
    names: dict[int, int] = {}
    return np.array([names.setdefault(int(g), len(names)) for g in label], dtype=np.int64)
