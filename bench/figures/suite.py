"""Figures of merit of several runs of the suite, relative to the first run; of one run, relative to
its reference machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from figures import style

from records import load
from records.errors import Refusal
from records.readers import kind_of, read_json
from records.suite_rows import why_invalid

Row = dict[str, Any]


def draw(files: list[Path]) -> Any:
    others = [file for file in files if kind_of(file) != "suite"]
    if others:
        raise Refusal(f"{others[0]} is no run of the suite", "it is another record", "give folders")
    documents = [read_json(file) for file in files]
    tables = [{row["name"]: row for row in document["rows"]} for document in documents]
    base = _base(documents, tables)
    names = [name for name in dict.fromkeys(n for table in tables for n in table) if name in base]
    if not names:
        raise Refusal(
            "nothing to draw",
            "no valid row has a figure to compare with: one run needs a reference",
            "give two folders or more, with rows of the same names",
        )
    figure, axes = style.axes(width=8.0, height=1.6 + 0.2 * len(names) * (1 + len(tables)))
    height = 0.8 / len(tables)
    for number, (document, table) in enumerate(zip(documents, tables)):
        _bars(axes, number, height, [_relative(table.get(n), base[n]) for n in names], document)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks([n + 0.4 - height / 2 for n in range(len(names))], names)
    axes.invert_yaxis()
    to = "the first run" if len(tables) > 1 else _reference_name(documents[0])
    axes.set(xlabel=f"figure of merit, relative to {to} (95 % interval)")
    axes.set_xlim(0, None)
    if len(tables) > 1:
        style.legend(axes, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    rows = [row for table in tables for row in table.values()]
    invalid = sorted({row["name"] for row in rows if why_invalid(row)})
    left_out = f"INVALID, not drawn: {', '.join(invalid)}" if invalid else ""
    style.below(figure, [left_out, load.note(load.worst(rows))])
    return figure


def _base(documents: list[dict[str, Any]], tables: list[dict[str, Row]]) -> dict[str, float]:
    """What is 1 of each row."""
    if len(documents) == 1:
        return {n: row["fom"] / row["ratio"] for n, row in tables[0].items() if row.get("ratio")}
    return {n: row["fom"] for n, row in tables[0].items() if row["fom"] and not why_invalid(row)}


def _relative(row: Row | None, base: float) -> tuple[float, float, float] | None:
    if row is None or why_invalid(row) or not row["fom"]:
        return None
    return row["fom"] / base, row["low"] / base, row["high"] / base


def _bars(
    axes: Any,
    number: int,
    height: float,
    values: list[tuple[float, float, float] | None],
    document: dict[str, Any],
) -> None:
    places = [at + number * height for at, value in enumerate(values) if value]
    known = [value for value in values if value]
    errors = [[v - low for v, low, _ in known], [high - v for v, _, high in known]]
    axes.barh(
        places,
        [value for value, _, _ in known],
        xerr=errors,
        height=height * 0.9,
        color=style.colour(number),
        hatch=style.hatch(number),
        edgecolor="white",
        linewidth=0,
        ecolor="black",
        error_kw={"linewidth": 0.8},
        label=f"{document['machine']['processor']}, {document['started_utc'][:16]}",
    )


def _reference_name(document: dict[str, Any]) -> str:
    return (document.get("score") or {}).get("reference") or "the reference machine"
