"""The seconds of a run as a tree of regions, in the literal form of Hatchet:

  hatchet.GraphFrame.from_literal(json.load(open("profile.json")))

"time (inc)" is that of the slowest rank, over all rounds; "min" and "max" are over ranks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from records import load, outputs
from records.fields import PHASES
from records.readers import read_result

Node = dict[str, Any]


def write(folder: Path) -> None:
    """profile.json of the first run in the folder of a row; none where it has no record."""
    first = next(iter(sorted(folder.glob("run-0*.json"))), None)
    if first is not None:
        outputs.write_text(folder / "profile.json", json.dumps(tree(read_result(first))) + "\n")


def tree(run: dict[str, Any]) -> list[Node]:
    phases = [
        _node(phase, _sum(run, f"{phase}_max"), [], _sum(run, f"{phase}_min"))
        for phase in PHASES
        if _sum(run, f"{phase}_max") > 0
    ]
    rounds = _node("rounds", _sum(run, "round_s"), phases)
    setup = _node("setup", run["facts"].get("setup_seconds") or 0.0, [])
    total = run["facts"].get("total_seconds") or 0.0
    return [_node("train", total, [setup, rounds])]


def _sum(run: dict[str, Any], column: str) -> float:
    return sum(value for value in run["time"].get(column, []) if load.is_number(value))


def _node(name: str, seconds: float, children: list[Node], least: float | None = None) -> Node:
    inner = sum(child["metrics"]["time (inc)"] for child in children)
    return {
        "frame": {"name": name, "type": "region"},
        "metrics": {
            "time (inc)": seconds,
            "time": max(0.0, seconds - inner),
            "min": seconds if least is None else least,
            "max": seconds,
        },
        "children": children,
    }
