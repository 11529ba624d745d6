"""Learning curves: one line per setting. Several seeds of it become a trimmed mean and a range."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from figures import style

from records.errors import Refusal
from records.intervals import trimmed_mean
from records.readers import read_result
from records.validity import why_invalid


def draw(files: list[Path], column: str) -> Any:
    figure, axes = style.axes()
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    popularity, titles, baseline = None, set(), None
    for file in files:
        run = read_result(file)
        if column not in run["metrics"]:
            raise Refusal(
                f"{file} has no {column}",
                f"it has {', '.join(list(run['metrics'])[:8])} ...",
                "check --metric and --split",
            )
        why = why_invalid(run)
        config = run["config"]
        name = f"{config['backbone']} + {config['fusion']}"
        if why:  # named in the legend, not drawn
            print(f"INVALID, not drawn: {file}: {why}", file=sys.stderr)
            axes.plot([], [], "x", color="grey", label=f"{name}, seed {config['seed']}: INVALID")
            continue
        groups[name].append(run)
        baseline = run["baselines"].get(column, [popularity])[0]
        titles.add(f"{config['data'].rsplit('/', 1)[-1]}, negatives {config['negatives']}")
    if not groups:
        raise Refusal("nothing to draw", "no run is valid", "see the reasons above")
    for name, runs in groups.items():
        _line(axes, name, runs, column)
    if baseline is not None:
        axes.axhline(baseline, linestyle="--", color="grey", linewidth=1, label="popularity")
    axes.set(xlabel="round", ylabel=column, title=", ".join(sorted(titles)))
    axes.legend()
    return figure


def _line(axes: Any, name: str, runs: list[dict[str, Any]], column: str) -> None:
    values: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        for number, value in zip(run["metrics"]["round"], run["metrics"][column]):
            if value is not None:
                values[int(number)].append(value)
    rounds = sorted(number for number, list_ in values.items() if len(list_) == len(runs))
    middle = [trimmed_mean(values[number]) for number in rounds]
    seeds = sorted({run["config"]["seed"] for run in runs})
    (line,) = axes.plot(
        rounds,
        middle,
        label=name if len(runs) == 1 else f"{name} (seeds {', '.join(map(str, seeds))})",
    )
    if len(runs) == 1:
        best = runs[0]["best_round"]
        if best in rounds:
            axes.plot(best, middle[rounds.index(best)], "o", color=line.get_color(), markersize=5)
    else:
        axes.fill_between(
            rounds,
            [min(values[n]) for n in rounds],
            [max(values[n]) for n in rounds],
            color=line.get_color(),
            alpha=0.15,
            linewidth=0,
        )
