"""Time by phase: one bar per run, medians over all rounds but the first."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from figures import style

from records.fields import PHASES
from records.readers import kind_of, read_json, read_result
from records.validity import why_invalid


def draw(files: list[Path]) -> Any:
    bars = [
        bar
        for file in files
        for bar in (_of_table(file) if kind_of(file) == "scaling" else [_of_result(file)])
    ]
    figure, axes = style.axes(height=1.6 + 0.45 * len(bars))
    left = [0.0] * len(bars)
    for number, phase in enumerate(PHASES):
        widths = [1e3 * seconds.get(phase, 0.0) for _, seconds in bars]
        if max(widths) > 0:
            axes.barh(
                range(len(bars)), widths, left=left, color=f"C{number}", label=phase, height=0.6
            )
            left = [start + width for start, width in zip(left, widths)]
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds of a round, the slowest rank of each phase")
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def _of_result(file: Path) -> tuple[str, dict[str, float]]:
    run = read_result(file)
    config, provenance = run["config"], run["provenance"]
    shape = f"{provenance.get('ranks')}x{provenance.get('threads')}"
    name = f"{config['backbone']}+{config['fusion']} {shape}"
    if why_invalid(run):
        return f"{name}: INVALID", {}
    columns = {
        phase: [s for s in run["time"].get(f"{phase}_max", []) if s is not None] for phase in PHASES
    }
    return name, {
        phase: statistics.median(values[1:] or values)
        for phase, values in columns.items()
        if values
    }


def _of_table(file: Path) -> list[tuple[str, dict[str, float]]]:
    bars = []
    for row in read_json(file)["rows"]:
        name = f"{row['nodes']} nodes, {row['ranks']}x{row['threads']}" + (
            ", oversubscribed" if row["oversubscribed"] else ""
        )
        if "round_s" not in row:
            bars.append((f"{name}: INVALID", {}))
        else:
            bars.append((name, {phase: row[f"{phase}_s"] for phase in PHASES}))
    return bars
