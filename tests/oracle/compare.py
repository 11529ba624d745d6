"""Compares a goldens file with computed groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cases import Group

TOLERANCE = 1e-12  # of an array's largest number: sums run in another order on another processor


def plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def stored_groups(path: Path) -> dict[str, Group]:
    """Every group of the file that has in/ and out/."""
    groups: dict[str, Group] = {}
    with h5py.File(path) as file:

        def visit(name: str, node: Any) -> None:
            if isinstance(node, h5py.Group):
                if "in" in node:
                    groups[name] = Group(attributes={k: plain(v) for k, v in node.attrs.items()})
                return
            group, folder, array = name.rsplit("/", 2)
            groups[group].arrays[f"{folder}/{array}"] = node[()]

        file.visititems(visit)
    return groups


def difference(got: np.ndarray, want: np.ndarray) -> float:
    """The largest difference, as a share of the largest number; 0 for two arrays of zeros."""
    largest = float(np.abs(want).max(initial=0.0))
    apart = float(np.abs(got.astype(np.float64) - want).max(initial=0.0))
    return apart / largest if largest > 0 else apart


def compare(got: dict[str, Group], want: dict[str, Group]) -> tuple[list[str], float, str]:
    """What differs, in words; the largest difference of two arrays, and which arrays they are."""
    wrong = [f"only in one of them: {name}" for name in sorted(got.keys() ^ want.keys())]
    largest, where = 0.0, ""
    for group in sorted(got.keys() & want.keys()):
        mine, theirs = got[group], want[group]
        if mine.attributes != theirs.attributes:
            wrong.append(f"{group}: attributes {mine.attributes} and {theirs.attributes}")
        names = mine.arrays.keys() ^ theirs.arrays.keys()
        wrong += [f"only in one of them: {group}/{name}" for name in sorted(names)]
        for name in sorted(mine.arrays.keys() & theirs.arrays.keys()):
            a, b = np.asarray(mine.arrays[name]), np.asarray(theirs.arrays[name])
            if a.shape != b.shape or a.dtype != b.dtype:
                wrong.append(f"{group}/{name}: {a.dtype} {a.shape} and {b.dtype} {b.shape}")
                continue
            apart = difference(a, b)
            if not apart <= TOLERANCE:
                wrong.append(f"{group}/{name}: differs by {apart:.2e} of its largest number")
            if not apart <= largest:
                largest, where = apart, f"{group}/{name}"
    return wrong, largest, where
