"""The table of items: an id, texts, and the name of a picture if a column gives it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from records.errors import Refusal, meant

ID_NAMES = ("itemid", "item", "iid", "movieid")  # as fedfuse import knows them, without _ and -
IMAGE = "image"
csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class Item:
    name: str
    text: str  # empty: the item has none
    image: str | None  # None: no column says; empty: the item has none
    line: int


def simplified(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


class ItemTable:
    """CSV, or tabs where the header has tabs and no comma. The first line names the columns."""

    def __init__(self, path: Path, columns: Sequence[str] | None):
        self.path = path
        self.line = 1
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise Refusal(
                f"{path} cannot be read", error.strerror or str(error), "check the name"
            ) from error
        except UnicodeDecodeError as error:
            line = path.read_bytes()[: error.start].count(b"\n") + 1
            raise Refusal(
                f"{path}, line {line} cannot be used",
                "it is not UTF-8",
                "convert the file: iconv -f latin1 -t utf-8",
            ) from error
        first = text.partition("\n")[0]
        separator = "\t" if "\t" in first and "," not in first else ","
        lines = text.splitlines(keepends=True)
        self._reader = csv.reader(lines, delimiter=separator, strict=True)
        self.header = self._next() or self.fail("it is empty", "give a header and one item a line")
        self._id = self._id_column()
        self._image = self.header.index(IMAGE) if IMAGE in self.header else None
        self.columns = self._text_columns(columns)

    def fail(self, why: str, do: str) -> NoReturn:
        raise Refusal(f"{self.path}, line {self.line} cannot be used", why, do)

    def _next(self) -> list[str] | None:
        """The next record that is not empty, with the line that it starts on."""
        while True:
            self.line = self._reader.line_num + 1
            try:
                fields = next(self._reader)
            except StopIteration:
                return None
            except csv.Error as error:
                self.fail(f"it is no CSV: {error}", "put quotes around fields with commas")
            if fields:
                return fields

    def _id_column(self) -> int:
        found = [k for k, name in enumerate(self.header) if simplified(name) in ID_NAMES]
        if len(found) != 1:
            self.fail(
                f"{len(found)} of its columns name an item: {', '.join(self.header)[:80]}",
                "call the column of ids itemId, and no other",
            )
        return found[0]

    def _text_columns(self, columns: Sequence[str] | None) -> list[int]:
        if columns is None:
            return [k for k in range(len(self.header)) if k not in (self._id, self._image)]
        for name in columns:
            if name not in self.header:
                hint = meant(name, self.header)
                self.fail(
                    f"it has no column {name}{hint}; its columns: {', '.join(self.header)[:80]}",
                    "name columns of the file with --columns",
                )
        return [self.header.index(name) for name in columns]

    def read(self) -> list[Item]:
        items: list[Item] = []
        line_of: dict[str, int] = {}
        while (fields := self._next()) is not None:
            if len(fields) != len(self.header):
                self.fail(
                    f"it has {len(fields)} fields, and the header has {len(self.header)}",
                    "repair the line; if it is the last one, the file is truncated",
                )
            name = fields[self._id].strip()
            if not name:
                self.fail("the id is empty", "give every item an id")
            if name in line_of:
                self.fail(f"item {name} stands on line {line_of[name]} already", "keep one")
            line_of[name] = self.line
            parts = (" ".join(fields[k].split()) for k in self.columns)
            items.append(
                Item(name, ". ".join(filter(None, parts)), self._picture(fields), self.line)
            )
        if not items:
            self.fail("there is no item below the header", "give one item a line")
        return items

    def _picture(self, fields: list[str]) -> str | None:
        if self._image is None:
            return None
        name = fields[self._image].strip()
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            self.fail(f'the picture "{name[:60]}" is outside of --pictures', "name a file in it")
        return name
