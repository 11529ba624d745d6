"""What the records of a file or a folder say about the load of their machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from records import load
from records.readers import kind_of, read_json
from records.suite_rows import suite_file


def load_notes(path: Path) -> list[str]:
    """One sentence for each load; none when no record says busy."""
    path = suite_file(path) or path
    if path.is_dir():
        records = [read_json(file) for file in sorted(path.rglob("*.load.json"))]
    else:
        kind = kind_of(path)
        if kind == "result":
            beside = path.with_suffix(".load.json")
            records = [read_json(beside)] if beside.exists() else []
        elif kind == "benchmark":
            records = [load.of_benchmarks(read_json(path)["context"])]
        elif kind == "suite":
            records = [load.worst(read_json(path)["rows"])]
        else:
            records = read_json(path)["rows"]
    notes = [load.note(record) for record in records if isinstance(record, dict)]
    return sorted({note for note in notes if note})


def load_around(twin: Path) -> dict[str, Any]:
    """What study.py kept of the load around a run; unknown of a run of an earlier version."""
    file = twin.with_suffix(".load.json")
    return read_json(file) if file.exists() else load.judge(None, None, None)
