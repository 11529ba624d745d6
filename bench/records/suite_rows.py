"""Rows of a suite's record (jobs/suite.py) as measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from records.identity import Workload
from records.intervals import FEWEST
from records.load import is_number

FILE = "suite.json"


def suite_file(path: Path) -> Path | None:
    """The record in a folder that jobs/suite.py wrote."""
    file = path / FILE
    return file if path.is_dir() and file.is_file() else None


def why_invalid(row: dict[str, Any]) -> str:
    failed = [f"{one['name']}: {one['told']}" for one in row["checks"] if not one["passed"]]
    return "; ".join(failed) or ("INVALID" if row["verdict"] == "INVALID" else "")


def samples_of(row: dict[str, Any]) -> list[float]:
    """The median of each run: rounds of one run say nothing about the next run. [] of few runs."""
    return list(row["runs"]) if len(row["runs"]) >= FEWEST else []


def controls_of(row: dict[str, Any]) -> list[float]:
    """The ceilings of a core, in FLOP/s, from the times of the runs. Rows of a device have none."""
    ceilings = row["ceilings_flop_per_s"] if row["device"] == "cpu" else []
    return [one for one in ceilings if is_number(one) and one > 0]


def workload_of(row: dict[str, Any]) -> Workload:
    """By sizes: data that another machine generated may differ in the last bits."""
    sizes = {name: row[name] for name in ("clients", "items")}
    return Workload(facts=sizes, settings={"class": row["class"], "weak": row["weak"]})
