"""Rows of the text formats: separated fields, CSV, and one JSON object a line."""

from __future__ import annotations

import ast
import csv
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from lib.recipes.download import Source
from records.errors import Refusal

REPAIR = "download it again; if the publisher changed the format, this recipe must follow"
csv.field_size_limit(1 << 24)


def separated(
    source: Source, separator: str, columns: Sequence[str], encoding: str = "utf-8"
) -> Iterator[tuple[int, list[str]]]:
    """Yield lines without quoting, as u.data and ratings.dat have them."""
    for number, text in source.lines(encoding):
        if not text:
            continue
        fields = text.split(separator)
        if len(fields) != len(columns):
            raise source.refusal(
                number,
                f'it has {len(fields)} fields separated by "{_shown(separator)}", not '
                f"{len(columns)}: {', '.join(columns[:6])}{', ...' * (len(columns) > 6)}",
                REPAIR,
            )
        yield number, fields


def csv_records(source: Source, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the line that a record ends on, and its fields; empty lines are left out."""
    reader = csv.reader(
        (text + "\n" for _, text in source.lines()), delimiter=separator, strict=True
    )
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise source.refusal(reader.line_num, f"it is no CSV: {error}", REPAIR) from error
        if fields:
            yield reader.line_num, fields


def csv_table(source: Source, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows under a header that has all of these columns, in any order."""
    records = csv_records(source)
    _, header = next(records, (0, []))
    absent = [name for name in columns if name not in header]
    if absent:
        raise source.refusal(
            1, f"it has no column {', '.join(absent)}; its columns: {', '.join(header)}", REPAIR
        )
    for number, fields in records:
        if len(fields) != len(header):
            raise source.refusal(
                number, f"it has {len(fields)} fields, and the header has {len(header)}", REPAIR
            )
        yield number, dict(zip(header, fields))


def json_lines(source: Source, keys: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield one object a line; the metadata of 2014 are Python literals."""
    for number, text in source.lines():
        if not text:
            continue
        try:
            found = json.loads(text)
        except ValueError:
            found = _literal(source, number, text)
        absent = [key for key in keys if not isinstance(found, dict) or key not in found]
        if absent:
            raise source.refusal(number, f"it has no {', '.join(absent)}", REPAIR)
        yield number, found


def _literal(source: Source, number: int, text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        why = "it is neither JSON nor a Python literal: the file is cut off, or another one"
        raise source.refusal(number, why, REPAIR) from error


def number(source: Source, line: int, name: str, value: Any) -> str:
    """The text of a finite number that is not negative."""
    text = str(value).strip()
    try:
        fits = math.isfinite(float(text)) and float(text) >= 0
    except ValueError:
        fits = False
    if not fits:
        raise source.refusal(line, f'{name} "{text[:40]}" is no number from 0', REPAIR)
    return text


def identifier(source: Source, line: int, name: str, value: Any) -> str:
    text = str(value).strip()
    if not text:
        raise source.refusal(line, f"{name} is empty", REPAIR)
    return text


def something(label: str, rows: int) -> None:
    if rows == 0:
        raise Refusal(f"{label} cannot be used", "it holds no row", REPAIR)


def _shown(separator: str) -> str:
    return {"\t": "tab"}.get(separator, separator)
