"""Evaluation (models.md section 5)."""

from __future__ import annotations

import numpy as np

from layers import Array, Named

CUTOFFS = (10, 20, 50)


def rank(scores: Array, dropped: Array, held_out: int) -> int:
    """1 + (candidates scored higher) + ceil((candidates tied with the held-out item) / 2)."""
    candidate = dropped == 0
    candidate[held_out] = False
    higher = int((scores[candidate] > scores[held_out]).sum())
    tied = int((scores[candidate] == scores[held_out]).sum())
    return 1 + higher + -(-tied // 2)


def metrics(ranks: Array) -> Named:
    """HR@K = [rank <= K], NDCG@K = [rank <= K] / log2(1 + rank), means over the clients."""
    found: Named = {}
    for k in CUTOFFS:
        hit = (ranks <= k).astype(np.float64)
        found[f"hr_{k}"] = hit.mean()
        found[f"ndcg_{k}"] = (hit / np.log2(1.0 + ranks)).mean()
    return found
