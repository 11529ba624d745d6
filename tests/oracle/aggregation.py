"""Aggregation (models.md section 2) and GFMFR's targets (section 3, step 2)."""

from __future__ import annotations

import numpy as np

from layers import Array


def client_tables(table: Array, rho: Array, rows: Array, touched: Array) -> Array:
    """C_u, N x M x d: the trained row where client u touched it, else the shared row that weight
    decay shrank by rho_u = (1 - lr_items kappa)^steps."""
    decayed = rho[:, None, None] * table[None]
    return np.where(touched[:, :, None] != 0, rows, decayed)


def aggregate(tables: Array, alpha: Array) -> Array:
    """C' = sum_u alpha_u C_u."""
    return np.einsum("u,uik->ik", alpha, tables)


def group_means(tables: Array, group: Array, groups: int) -> Array:
    """C_l: the mean of the tables of group l's members, G x M x d."""
    return np.stack([tables[group == g].mean(axis=0) for g in range(groups)])
