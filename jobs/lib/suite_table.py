"""What a reader and a machine get: the table, the lines of figures of merit, the score."""

from __future__ import annotations

from typing import Any

from lib.suite_judge import INVALID, UNCHECKED
from records import load

ABSENT = "-"
HEAD = (
    "workload",
    "figure",
    "unit",
    "spread",
    "ratio",
    "of peak",
    "down / up",
    "moved",
    "peak mem",
    "energy",
    "verdict",
)


def number(value: float | None) -> str:
    """84900, 3.214: never with an exponent, so that every pattern matches it."""
    if not load.is_number(value):
        return ABSENT
    return (
        f"{value:.0f}"
        if abs(value) >= 1000
        else f"{value:.4g}"
        if value >= 1e-3
        else f"{value:.6f}"
    )


def shape(row: dict[str, Any]) -> str:
    text = f"ranks={row['ranks']} threads={row['threads']} device={row['device']}"
    return text + (f" copies={row['copies']}" if row["copies"] > 1 else "")


def fom_line(row: dict[str, Any]) -> str:
    """FOM linear.S 84900 client-rounds/s VALID ranks=2 threads=1 device=cpu"""
    value = ABSENT if row["verdict"] == INVALID else number(row.get("fom"))
    return f"FOM {row['name']} {value} {row['unit']} {row['verdict']} {shape(row)}"


def score_line(document: dict[str, Any]) -> str:
    """SCORE S 1.02 workloads=10/10 reference=NAME; "" without a row that has a reference."""
    score = document.get("score")
    if score is None:
        return ""
    of = f"workloads={score['workloads']}/{score['of']}"
    return (
        f"SCORE {document['class']} {number(score['geometric_mean'])} {of} "
        f"reference={score['reference']}"
    )


def _bytes(value: float | None) -> str:
    if not load.is_number(value):
        return ABSENT
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"


def _cells(row: dict[str, Any]) -> list[str]:
    is_good = row["verdict"] != INVALID and row.get("fom")
    spread = (
        f"{100 * (row['low'] / row['fom'] - 1):+.0f} {100 * (row['high'] / row['fom'] - 1):+.0f} %"
        if is_good
        else ABSENT
    )
    share, sent = row.get("efficiency"), row.get("bytes") or {}
    sizes = [_bytes(sent.get(f"{way}_per_client")) for way in ("down", "up")]
    moved = next((sent[n] for n in ("moved_per_round", "message", "checkpoint") if n in sent), None)
    return [
        row["name"],
        number(row.get("fom")) if is_good else ABSENT,
        row["unit"],
        spread,
        number(row["ratio"]) if is_good and row.get("ratio") else ABSENT,
        f"{100 * share:.0f} %" if load.is_number(share) else ABSENT,
        " / ".join(sizes) if "down_per_client" in sent else ABSENT,
        _bytes(moved),
        _bytes(row.get("peak_memory_bytes")),
        f"{row['energy_joules']:.0f} J" if load.is_number(row.get("energy_joules")) else ABSENT,
        row["verdict"],
    ]


def aligned(rows: list[list[str]], words: tuple[int, ...] = (2, -1)) -> list[str]:
    """The first column and those of words to the left, numbers to the right. By default words are
    the unit and the verdict.
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    left = {0, *(at % len(rows[0]) for at in words)}
    return [
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def table(document: dict[str, Any]) -> str:
    lines = aligned([list(HEAD), *map(_cells, document["rows"])])
    lines.insert(1, "-" * max(map(len, lines)))
    lines += _phases(document["rows"])
    lines += _counters(document["rows"])
    lines += _notes(document["rows"])
    return "\n".join(lines)


def _phases(rows: list[dict[str, Any]]) -> list[str]:
    """Seconds of a round, median; phases that no row has are left out."""
    known = [row for row in rows if any((row.get("phases") or {}).values())]
    names = list(dict.fromkeys(n for row in known for n in _that_count(row["phases"])))
    if not known:
        return []
    cells = [["milliseconds by phase", *names]]
    for row in known:
        values = [row["phases"].get(name) for name in names]
        cells.append([row["name"], *(f"{1e3 * v:.1f}" if v else ABSENT for v in values)])
    return _block(cells)


def _block(cells: list[list[str]]) -> list[str]:
    """After an empty line; all columns but the first are numbers."""
    return ["", *aligned(cells, words=())]


def _counters(rows: list[dict[str, Any]]) -> list[str]:
    """Of all processes and runs of a row; counters that no row has are left out."""
    known = {row["name"]: _with_ratio(row["counters"]) for row in rows if row.get("counters")}
    names = list(dict.fromkeys(n for found in known.values() for n, v in found.items() if v))
    if not names:
        return []
    cells = [["counters", *(name.replace("_", " ") for name in names)]]
    for row, found in known.items():
        cells.append([row, *(number(found.get(name)) for name in names)])
    return _block(cells)


def _with_ratio(counters: dict[str, float | None]) -> dict[str, float | None]:
    cycles, instructions = (counters.get(name) for name in ("cycles", "instructions"))
    ratio = {"instructions_per_cycle": instructions / cycles} if cycles and instructions else {}
    return {**counters, **ratio}


def _that_count(phases: dict[str, float]) -> list[str]:
    """Phases of more than a hundredth of the round."""
    return [name for name, seconds in phases.items() if seconds > 0.01 * sum(phases.values())]


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    found = [
        f"INVALID {row['name']}: {check['name']}: {check['told']}"
        for row in rows
        for check in row["checks"]
        if not check["passed"]
    ]
    if words := load.note(load.worst(rows)):
        busy = [row["name"] for row in rows if load.note(row)]
        found.append(f"NOTE: {words}, in {', '.join(busy)}")
    skipped = sorted({row["energy_skipped"] for row in rows if row.get("energy_skipped")})
    found += [f"NOTE: no energy: {why}" for why in skipped]
    skipped = sorted({row["counters_skipped"] for row in rows if row.get("counters_skipped")})
    return found + [f"NOTE: not counted: {why}" for why in skipped]


def readers_table(documents: list[dict[str, Any]], labels: list[str]) -> str:
    """Markdown: a row for each workload, a column for each run."""
    tables = [{row["name"]: row for row in document["rows"]} for document in documents]
    lines = [["workload", "unit", *labels], ["---"] * (2 + len(labels))]
    for name in dict.fromkeys(name for one in tables for name in one):
        rows = [one.get(name) for one in tables]
        unit = next(row["unit"] for row in rows if row)
        lines.append([name, unit, *map(_cell, rows)])
    scores = [document.get("score") for document in documents]
    means = [f"{number(s['geometric_mean'])} ({s['workloads']})" if s else ABSENT for s in scores]
    lines.append(["geometric mean (of workloads)", "to reference", *means])
    lines.append(["machine", "", *(f"{d['machine']['processor']}" for d in documents)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ABSENT
    if row["verdict"] == INVALID or not row["fom"]:
        return INVALID
    words = [f"{row['ranks']} x {row['threads']}"]
    words += [row["device"]] * (row["device"] != "cpu")
    words += ["unchecked"] * (row["verdict"] == UNCHECKED) + ["busy"] * bool(load.note(row))
    return f"{number(row['fom'])} ({', '.join(words)})"
