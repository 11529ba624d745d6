"""Time by phase: one bar per run, medians over all rounds but the first."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from figures import style, words

from records import load, suite_rows
from records.errors import Refusal
from records.fields import PHASES
from records.load import is_number
from records.readers import kind_of, read_json, read_result
from records.validity import why_invalid

VISIBLE = 0.005  # of the longest bar: a shorter segment has no entry in the legend


@dataclass
class Bar:
    name: str
    seconds: dict[str, float] = field(default_factory=dict)  # by phase; empty: INVALID
    row: dict[str, Any] = field(default_factory=dict)  # of a scaling table, with its load


def draw(files: list[Path]) -> Any:
    bars = [bar for file in files for bar in BARS.get(kind_of(file), _of_result)(file)]
    longest = max((sum(bar.seconds.values()) for bar in bars), default=0.0)
    if longest <= 0:
        raise Refusal("nothing to draw", "no run is valid and has times", "check the records")
    figure, axes = style.axes(width=8.6, height=2.0 + 0.45 * len(bars))
    thin = _segments(axes, bars, longest)
    axes.set(xlabel="milliseconds of a round (median; of each phase the slowest rank)")
    axes.set_xlim(0, None)
    if len(bars) == 1:
        axes.set(title=bars[0].name)
        axes.yaxis.set_visible(False)
    else:
        axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.invert_yaxis()
    style.legend(
        axes, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.1 if len(bars) == 1 else 1.0)
    )
    shorter = f"too short to see, below {VISIBLE:.1%} of the longest bar: {', '.join(thin)}"
    busy = load.note(load.worst([bar.row for bar in bars]))
    style.below(figure, [shorter if thin else "", busy])
    return figure


def _segments(axes: Any, bars: list[Bar], longest: float) -> list[str]:
    """Draws the phases one after the other and returns those that cannot be seen."""
    left, thin = [0.0] * len(bars), []
    for number, phase in enumerate(PHASES):
        widths = [1e3 * bar.seconds.get(phase, 0.0) for bar in bars]
        if max(widths) <= 0:
            continue
        is_seen = max(widths) >= VISIBLE * 1e3 * longest
        axes.barh(
            range(len(bars)),
            widths,
            left=left,
            color=style.colour(number),
            hatch=style.hatch(number),
            edgecolor="white",
            linewidth=0,
            label=words.phase(phase) if is_seen else "_",
            height=0.6,
        )
        left = [start + width for start, width in zip(left, widths)]
        if not is_seen:
            thin.append(words.phase(phase))
    return thin


def _of_result(file: Path) -> list[Bar]:
    run = read_result(file)
    config, provenance = run["config"], run["provenance"]
    shape = words.shape(provenance.get("ranks"), provenance.get("threads"))
    name = "\n".join(
        part for part in (words.method(config["backbone"], config["fusion"]), shape) if part
    )
    if why_invalid(run):
        return [Bar(f"{name}\nINVALID")]
    columns = {
        phase: [s for s in run["time"].get(f"{phase}_max", []) if is_number(s)] for phase in PHASES
    }
    medians = {phase: statistics.median(v[1:] or v) for phase, v in columns.items() if v}
    return [Bar(name, medians)]


def _of_suite(file: Path) -> list[Bar]:
    """Of every row that has the phases of a round."""
    bars = []
    for row in read_json(file)["rows"]:
        seconds = {phase: s for phase, s in row.get("phases", {}).items() if phase in PHASES}
        if suite_rows.why_invalid(row):
            bars.append(Bar(f"{row['name']}\nINVALID"))
        elif seconds:
            bars.append(Bar(row["name"], seconds, row))
    return bars


def _of_table(file: Path) -> list[Bar]:
    bars = []
    for row in read_json(file)["rows"]:
        name = f"{words.count(row['nodes'], 'node')}, {words.shape(row['ranks'], row['threads'])}"
        if row["oversubscribed"]:
            name += "\noversubscribed"
        busy = load.note(row)
        if not is_number(row.get("round_s")):
            bars.append(Bar(f"{name}\nINVALID"))
        else:
            seconds = {phase: row.get(f"{phase}_s") for phase in PHASES}
            bars.append(
                Bar(
                    f"{name}\nbusy" if busy else name,
                    {phase: value for phase, value in seconds.items() if is_number(value)},
                    row,
                )
            )
    return bars


BARS = {"scaling": _of_table, "suite": _of_suite}  # other files are results
