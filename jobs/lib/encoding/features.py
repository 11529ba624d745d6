"""What encode.py writes: matrices for `fedfuse import`, and what they are."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.encoding.batches import Rows
from lib.encoding.items import Item
from lib.encoding.onnx_session import sha256_of

MARK = "features.json"


@dataclass
class Modality:
    """Rows of all items, and the settings that made them."""

    kind: str  # text or image
    rows: Rows
    settings: dict[str, Any]
    batches: Path  # the folder of its batches

    def summary(self) -> str:
        has, total, width = int(self.rows.has.sum()), len(self.rows.has), self.rows.values.shape[1]
        counts = Counter(why.partition(":")[0] for why in self.rows.why if why)
        reasons = Counter("cannot be decoded" if "decoded" in w else w for w in counts.elements())
        words = "; ".join(f"{number:,}: {why}" for why, number in sorted(reasons.items()))
        lacks = f" ({words})" if words else ""
        return f"{self.kind}.npy: {total:,} × {width} float32; {has:,} items have it{lacks}"


def spread(rows: Rows, places: Sequence[int], total: int, absent: Sequence[str]) -> Rows:
    """Rows of the inputs at their items' places; the other items keep the reason in `absent`."""
    values = np.zeros((total, rows.values.shape[1]), np.float32)
    has, why = np.zeros(total, bool), list(absent)
    values[list(places)] = rows.values
    has[list(places)] = rows.has
    for place, reason in zip(places, rows.why):
        why[place] = reason
    return Rows(values, has, why)


def write(folder: Path, items: Sequence[Item], parts: Sequence[Modality], about: Any) -> None:
    ids = [item.name for item in items]
    for part in parts:
        np.save(folder / f"{part.kind}.npy", np.ascontiguousarray(part.rows.values, dtype="<f4"))
    _write_csv(folder / "item_ids.csv", [["itemId"], *([name] for name in ids)])
    masks = [["itemId", *(part.kind for part in parts), "why"]]
    for k, name in enumerate(ids):
        reasons = [f"{part.kind}: {part.rows.why[k]}" for part in parts if part.rows.why[k]]
        masks.append([name, *(int(part.rows.has[k]) for part in parts), "; ".join(reasons)])
    _write_csv(folder / "mask.csv", masks)
    text = {
        "format": "fedfuse-features",
        "schema_version": 1,
        "items": len(ids),
        "item_ids_sha256": sha256_of((folder / "item_ids.csv").read_bytes()),
        **{part.kind: _describe(folder, part) for part in parts},
        "versions": about,
    }
    (folder / MARK).write_text(json.dumps(text, indent=1) + "\n")


def _describe(folder: Path, part: Modality) -> dict[str, Any]:
    has = int(part.rows.has.sum())
    return {
        "file": f"{part.kind}.npy",
        "sha256": sha256_of((folder / f"{part.kind}.npy").read_bytes()),
        "dtype": "float32",
        "dimension": part.rows.values.shape[1],
        "items_with": has,
        "items_without": len(part.rows.has) - has,
        "missing": "a row of zeros, and 0 in mask.csv",
        **part.settings,
    }


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
