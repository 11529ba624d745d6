"""The folder that a recipe writes, in the forms that `fedfuse import` and encode.py read."""

from __future__ import annotations

import argparse
import csv
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lib.recipes.counts import Interactions
from records.errors import Refusal

MARK = "recipe.json"
TAG = re.compile(r"<[^<>]*>")


class Prepared:
    """Open while a recipe reads: rows go to inter.csv as they come; the rest at the end."""

    def __init__(self, folder: Path, columns: Sequence[str], chosen: argparse.Namespace):
        self.folder = folder
        self.chosen = chosen  # the options of the command line
        self.interactions = Interactions()
        self.matrices: dict[str, int] = {}  # of text or image: items that have it
        self.encoded: list[str] = []  # columns of items.csv
        self._file = (folder / "inter.csv").open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(["userId", "itemId", *columns])

    def close(self) -> None:
        self._file.close()

    def interaction(self, user: str, item: str, *more: str) -> None:
        """A row of inter.csv; `more` are the values of `columns`."""
        self.interactions.add(user, item)
        self._rows.writerow([user, item, *more])

    def report(self, what: str, known: int) -> None:
        print(f"{what}: {known:,} of {len(self.interactions.items):,} items")

    def item_ids(self) -> list[str]:
        """The items that occur, whole numbers by size, else by bytes."""
        ids = list(self.interactions.items)
        if all(text.isascii() and text.isdigit() for text in ids):
            return sorted(ids, key=lambda text: (int(text), text))
        return sorted(ids, key=lambda text: text.encode())

    def write_items(
        self, columns: Sequence[str], rows: dict[str, Sequence[Any]], image: bool = False
    ) -> int:
        """Write items.csv for encode.py, a row for every item that occurs; with `image` the last
        value of a row is the name of its picture. Return how many occur in `rows`.
        """
        self.encoded = list(columns)
        width = len(columns) + image
        ids = self.item_ids()
        with (self.folder / "items.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["itemId", *columns, *["image"] * image])
            for item in ids:
                writer.writerow([item, *(rows.get(item) or [""] * width)])
        return sum(item in rows for item in ids)

    def write_matrix(self, modality: str, rows: Any, ids: Iterable[str]) -> None:
        """Write text.npy or image.npy (float32, n×d) and item_ids.csv, the ids of their rows."""
        import numpy as np

        if not np.isfinite(rows).all():
            bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
            raise Refusal(
                f"the {modality} features cannot be used",
                f"those of item {list(ids)[bad]} are not finite",
                "download them again",
            )
        np.save(self.folder / f"{modality}.npy", np.ascontiguousarray(rows, dtype="<f4"))
        self.matrices[modality] = int(np.any(rows, axis=1).sum())
        with (self.folder / "item_ids.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([["itemId"], *([item] for item in ids)])


def check_common(some: bool, described: Path, used: Path, why: str, do: str) -> None:
    """Refuse a description of none of the items that are used."""
    if not some:
        raise Refusal(f"{described} does not fit {used}", why, do)


def plain(text: Any) -> str:
    """Text without markup, on one line. Lists are joined."""
    if isinstance(text, (list, tuple)):
        return " ".join(filter(None, map(plain, text)))
    if text is None:
        return ""
    return " ".join(TAG.sub(" ", html.unescape(str(text))).split())
