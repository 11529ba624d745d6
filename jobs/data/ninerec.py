#!/usr/bin/env python3
"""One of the nine small sets of NineRec (KU, QB, TN, DY, Bili_Food, ...), raw: titles and covers.

ninerec.py --pairs KU_pair.csv --items KU_item.csv --out out/ku
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib.recipes.command import Input, Recipe, Variant, run  # noqa: E402  (the path comes first)
from lib.recipes.download import Source, file_source  # noqa: E402
from lib.recipes.prepared import Prepared, check_common, plain  # noqa: E402
from lib.recipes.rows import (  # noqa: E402
    REPAIR,
    csv_records,
    identifier,
    number,
    something,
)
from records.arguments import Parser  # noqa: E402
from records.errors import exit_with  # noqa: E402

DOWNLOAD = """Download NineRec from the link on https://github.com/westlake-repl/NineRec
For a set X it has X_pair.csv (item, user, time; without a header, as the authors' get_behaviour.py
reads it) and X_item.csv (item, Chinese title, English title), and a folder of covers, ITEM.jpg, for
encode.py --pictures. A header that names the columns is followed."""
NAMES = {
    "item": ("item_id", "item", "video_id", "vid"),
    "user": ("user_id", "user", "uid"),
    "time": ("timestamp", "time", "ts"),
}


def order_of(header: list[str]) -> dict[str, int]:
    """The places of item, user and time that a header names; empty: it is no header."""
    words = [word.strip().lower() for word in header]
    found = {
        role: words.index(name) for role, names in NAMES.items() for name in names if name in words
    }
    return found if len(found) == len(NAMES) else {}


def pairs(source: Source) -> Iterator[tuple[int, str, str, str]]:
    """Yield line, user, item, time."""
    order, width = {"item": 0, "user": 1, "time": 2}, 0
    for line, fields in csv_records(source):
        if not width:
            width = max(len(fields), len(NAMES))
            named = order_of(fields)
            if named:
                order = named
                continue
        if len(fields) != width:
            raise source.refusal(
                line, f"it has {len(fields)} fields, not {width}: item, user, time", REPAIR
            )
        yield line, fields[order["user"]], fields[order["item"]], fields[order["time"]]


def titles(source: Source, column: int) -> dict[str, tuple[str, str]]:
    """Title and picture of every item. A header, if any, names no item that occurs."""
    found = {}
    for line, fields in csv_records(source):
        if len(fields) <= column:
            raise source.refusal(
                line,
                f"it has {len(fields)} fields, not item, Chinese title, English title",
                REPAIR,
            )
        item = identifier(source, line, "item", fields[0])
        found[item] = (plain(fields[column]), f"{item}.jpg")
    return found


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "--language", choices=["en", "zh"], default="en", help="of the titles (default en)"
    )


def read(files: dict[str, Path], prepared: Prepared) -> None:
    source = file_source(files["pairs"], DOWNLOAD)
    for line, user, item, time in pairs(source):
        prepared.interaction(
            identifier(source, line, "user", user),
            identifier(source, line, "item", item),
            number(source, line, "time", time),
        )
    something(source.label, len(prepared.interactions.of_user))
    column = {"zh": 1, "en": 2}[prepared.chosen.language]
    rows = titles(file_source(files["items"], DOWNLOAD), column)
    known = prepared.write_items((f"title_{prepared.chosen.language}",), rows, image=True)
    prepared.report("titles", known)
    check_common(
        known > 0,
        files["items"],
        files["pairs"],
        "it has none of the items of the interactions",
        "give the files of one set",
    )


RECIPE = Recipe(
    name="NineRec",
    download=DOWNLOAD,
    inputs=(
        Input("pairs", "X_pair.csv: item, user, time"),
        Input("items", "X_item.csv: item, Chinese title, English title"),
    ),
    variants={"raw": Variant()},
    read=read,
    columns=("timestamp",),
    add_options=add_options,
    pictures=True,
)

if __name__ == "__main__":
    exit_with(lambda: run(RECIPE))
