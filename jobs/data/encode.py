#!/usr/bin/env python3
"""Titles, descriptions and pictures to text.npy and image.npy, for `fedfuse import`.

  build/encode/bin/python jobs/data/encode.py --items items.csv --pictures covers --out features

--items: CSV with a column itemId; all other columns are text, or those of --columns. The picture of
an item is ITEM.jpg (.png, .webp, ...) in --pictures, or the file that a column `image` names.
The folder --out gets text.npy, image.npy, item_ids.csv, mask.csv (who lacks what, and why) and
features.json (model, preparation, length of rows, checksums). An item without a text or a picture
has a row of zeros, which `fedfuse import` reads as missing. Broken pictures are listed; the rest is
done. A run that was ended goes on where it stopped: its batches are in OUT.partial.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib.encoding import packages  # noqa: E402  (the path comes first)
from lib.whole_folder import check, whole_folder  # noqa: E402
from records.arguments import Parser, filled, whole  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402

NEEDED = ("numpy", "onnx", "onnxruntime", "tokenizers", "PIL")
NONE = "none"


def parse() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--items", type=Path, required=True, help="the table of items")
    parser.add_argument(
        "--columns", type=filled, help="columns of text, as title,description (default: all)"
    )
    parser.add_argument("--pictures", type=Path, help="the folder of pictures")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    kinds = "default, a .onnx file, a folder of a model"
    parser.add_argument(
        "--text-model", type=filled, default="default", help=f"{kinds}, or none: no text.npy"
    )
    parser.add_argument("--image-model", type=filled, default="default", help=kinds)
    parser.add_argument(
        "--length", choices=["unit", "raw"], default="unit", help="of the rows (default unit)"
    )
    parser.add_argument("--batch", type=whole(1), default=32, help="items a batch (default 32)")
    parser.add_argument(
        "--threads", type=whole(1), default=len(os.sched_getaffinity(0)), help="default: all cores"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace --out")
    return parser.parse_args()


def versions() -> dict[str, str]:
    names = ("numpy", "onnx", "onnxruntime", "tokenizers", "pillow")
    return {"python": platform.python_version()} | {n: packages.version_of(n) for n in names}


def encode_texts(items: Sequence[Any], chosen: argparse.Namespace) -> Any:
    from lib.encoding import text_model
    from lib.encoding.batches import Batches
    from lib.encoding.features import Modality, spread

    places = [k for k, item in enumerate(items) if item.text]
    if not places:
        raise Refusal(
            f"{chosen.items} has no text",
            "the columns of text are empty, or there are none",
            "name others with --columns, or give --text-model none",
        )
    model = text_model.load(chosen.text_model, chosen.threads)
    texts = [items[k].text for k in places]
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    settings = {**model.description, "length": chosen.length, "batch": chosen.batch}
    batches = Batches(chosen.out, "text", [settings, versions(), digest], chosen.batch)
    rows = batches.run(texts, lambda text: text, model, chosen.length == "unit")
    absent = ["" if item.text else "it has no text" for item in items]
    return Modality("text", spread(rows, places, len(items), absent), settings, batches.folder)


def encode_pictures(items: Sequence[Any], chosen: argparse.Namespace) -> Any:
    from lib.encoding import image_model, pictures
    from lib.encoding.batches import Batches
    from lib.encoding.features import Modality, spread

    found = pictures.find(chosen.pictures, items)
    places = [k for k, picture in enumerate(found) if picture]
    there = [picture for picture in found if picture]
    model = image_model.load(chosen.image_model, chosen.threads)
    files = [(p.name, p.path.stat().st_size, p.path.stat().st_mtime_ns) for p in there]
    settings = {**model.description, "length": chosen.length, "batch": chosen.batch}
    batches = Batches(chosen.out, "image", [settings, versions(), files], chosen.batch)
    rows = batches.run(there, pictures.read, model, chosen.length == "unit")
    absent = ["" if picture else "it has no picture" for picture in found]
    return Modality("image", spread(rows, places, len(items), absent), settings, batches.folder)


def main() -> None:
    chosen = parse()
    if chosen.text_model == NONE and chosen.pictures is None:
        raise Refusal(
            "there is nothing to encode",
            "--text-model is none, and there are no --pictures",
            "give --pictures, or leave --text-model out",
        )
    packages.need(*NEEDED)
    from lib.encoding import features
    from lib.encoding.items import ItemTable

    inputs = [chosen.items, *filter(None, [chosen.pictures])]
    inputs += [Path(model) for model in (chosen.text_model, chosen.image_model)]
    check(chosen.out, features.MARK, chosen.overwrite, inputs)
    columns = chosen.columns.split(",") if chosen.columns else None
    items = ItemTable(chosen.items, columns).read()
    parts = []
    if chosen.text_model != NONE:
        parts.append(encode_texts(items, chosen))
    if chosen.pictures is not None:
        parts.append(encode_pictures(items, chosen))
    with whole_folder(chosen.out, features.MARK, chosen.overwrite) as folder:
        features.write(folder, items, parts, versions())
    remove_batches([part.batches for part in parts])
    line = ["fedfuse", "import", "--inter", "INTERACTIONS.csv"]
    for part in parts:
        print(part.summary())
        line += [f"--{part.kind}", str(chosen.out / f"{part.kind}.npy")]
    for part in parts:
        list_broken(items, part)
    line += ["--item-ids", str(chosen.out / "item_ids.csv"), "--out", "DATA.h5"]
    print("next:", shlex.join(line))


def remove_batches(folders: Sequence[Path]) -> None:
    """Batches of other inputs or settings stay."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    parent = folders[0].parent
    try:
        parent.rmdir()
    except OSError:
        print(f"{parent} has batches of other inputs or settings", file=sys.stderr)


def list_broken(items: Sequence[Any], part: Any, most: int = 10) -> None:
    """Name the pictures that are there and cannot be decoded; mask.csv has all."""
    broken = [(k, why) for k, why in enumerate(part.rows.why) if why and "has no" not in why]
    for k, why in broken[:most]:
        print(f"item {items[k].name}: {why}", file=sys.stderr)
    if len(broken) > most:
        print(f"{len(broken) - most:,} more are in mask.csv", file=sys.stderr)


if __name__ == "__main__":
    exit_with(main)
