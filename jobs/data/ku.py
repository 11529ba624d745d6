#!/usr/bin/env python3
"""KU in the form in which FedVLR's authors use it: with their split and CLIP features.

ku.py --inter inter.csv --text text_features.npy --image image_features.npy --out out/ku
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib.recipes.command import Input, Recipe, Variant, run  # noqa: E402  (the path comes first)
from lib.recipes.counts import Counts  # noqa: E402
from lib.recipes.download import Source, file_source  # noqa: E402
from lib.recipes.prepared import Prepared  # noqa: E402
from lib.recipes.rows import REPAIR, csv_table, identifier, number, something  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402

DOWNLOAD = """Download the data of FedVLR's authors (arXiv 2410.08478): the folder KU with
inter.csv (userID, itemID, rating, timestamp, split_label), text_features.npy and image_features.npy
(one row an item: row k belongs to itemID k)."""
COLUMNS = ("userID", "itemID", "rating", "timestamp", "split_label")


def read_rows(source: Source, prepared: Prepared, items: int) -> None:
    for line, row in csv_table(source, COLUMNS):
        item = identifier(source, line, "itemID", row["itemID"])
        if not (item.isascii() and item.isdigit() and int(item) < items):
            raise source.refusal(
                line, f'itemID "{item}" has no row: the matrices have {items:,}', REPAIR
            )
        if row["split_label"] not in ("0", "1", "2"):
            raise source.refusal(
                line, f'split_label "{row["split_label"]}" is none of 0, 1, 2', REPAIR
            )
        values = [number(source, line, name, row[name]) for name in COLUMNS[2:4]]
        user = identifier(source, line, "userID", row["userID"])
        prepared.interaction(user, item, *values, row["split_label"])
    something(source.label, len(prepared.interactions.of_user))


def read_matrix(path: Path) -> Any:
    import numpy as np

    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Refusal(f"{path} cannot be read", f"it is no whole NPY file: {error}", REPAIR) from (
            error
        )
    if getattr(rows, "ndim", 0) != 2 or rows.dtype.kind != "f" or 0 in rows.shape:
        shape = f"{getattr(rows, 'dtype', '?')} {getattr(rows, 'shape', '?')}"
        raise Refusal(f"{path} cannot be used", f"it holds {shape}, not rows of floats", REPAIR)
    return rows


def read(files: dict[str, Path], prepared: Prepared) -> None:
    matrices = {name: read_matrix(files[name]) for name in ("text", "image")}
    sizes = {name: len(rows) for name, rows in matrices.items()}
    if sizes["text"] != sizes["image"]:
        raise Refusal(
            f"{files['text']} and {files['image']} do not fit each other",
            f"they have {sizes['text']:,} and {sizes['image']:,} rows",
            "give the two of one set",
        )
    read_rows(file_source(files["inter"], DOWNLOAD), prepared, sizes["text"])
    ids = [str(row) for row in range(sizes["text"])]
    for name, rows in matrices.items():
        prepared.write_matrix(name, rows, ids)


RECIPE = Recipe(
    name="KU",
    download=DOWNLOAD,
    inputs=(
        Input("inter", "inter.csv"),
        Input("text", "text_features.npy"),
        Input("image", "image_features.npy"),
    ),
    variants={"FedVLR": Variant(papers={"FedVLR's paper": Counts(204, 560, 3488)})},
    read=read,
    columns=COLUMNS[2:],
)

if __name__ == "__main__":
    exit_with(lambda: run(RECIPE))
