"""Learning curves: one line per setting. Several seeds of it become a trimmed mean and a range."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from figures import style, words

from records import identity
from records.errors import Refusal
from records.intervals import trimmed_mean
from records.load import is_number
from records.readers import read_result
from records.validity import why_invalid

MARKS = 12  # markers of a line, so that lines that lie on each other are told apart
MARKERS = "osD^vP"


def draw(files: list[Path], column: str) -> Any:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    notes = []
    for file in files:
        run = read_result(file)
        if column not in run["metrics"]:
            raise Refusal(
                f"{file} has no {column}",
                f"it has {', '.join(list(run['metrics'])[:8])} ...",
                "check --metric and --split",
            )
        config = run["config"]
        name = words.method(config["backbone"], config["fusion"])
        if why := why_invalid(run):
            print(f"INVALID, not drawn: {file}: {why}", file=sys.stderr)
            notes.append(f"INVALID, not drawn: {name}, seed {config['seed']}")
        elif not any(map(is_number, run["metrics"][column])):
            print(f"no value, not drawn: {file}: {column} is empty", file=sys.stderr)
            notes.append(f"no value, not drawn: {name}, seed {config['seed']}")
        else:
            _check_workload(groups, name, file, run)
            groups[name].append(run)
    if not groups:
        raise Refusal("nothing to draw", "no run is valid and has values", "see the reasons above")
    figure, axes = style.axes(width=8.6)
    last = _lines(axes, groups, column)
    runs = [run for some in groups.values() for run in some]
    for value in sorted(_baselines(runs, column)):
        axes.axhline(value, color="grey", linewidth=1, label="most popular items first")
    axes.set(xlabel="round", ylabel=words.metric(column), title=_title(runs))
    style.rounds_axis(axes, last)
    style.legend(axes, loc="center left", bbox_to_anchor=(1.0, 0.5))
    marked = "large circle: the best round by validation NDCG@50"
    style.below(figure, [marked if any(len(some) == 1 for some in groups.values()) else "", *notes])
    return figure


def _check_workload(
    groups: dict[str, list[dict[str, Any]]], name: str, file: Path, run: dict[str, Any]
) -> None:
    """One figure is of one data set, and one line of runs that differ in the seed only."""
    here = identity.workload(run)
    other = [
        words for runs in groups.values() for words in identity.workload(runs[0]).other_data(here)
    ] or [
        words
        for before in groups[name][:1]
        for words in identity.workload(before).differences(here)
    ]
    if other:
        raise Refusal(
            f"{file} cannot be drawn with the results before it",
            f"it is of other data or settings: {', '.join(other[:4])}",
            "draw results of one data set; runs of one name may differ in the seed only",
        )


def _title(runs: list[dict[str, Any]]) -> str:
    """The data sets and how negatives are drawn."""
    titles = set()
    for run in runs:
        data, config = run.get("data", {}), run["config"]
        name = data.get("name") or config["data"].rsplit("/", 1)[-1]
        sizes = [
            words.count(data[key], noun)
            for key, noun in (("clients", "client"), ("items", "item"))
            if is_number(data.get(key))
        ]
        titles.add(f"{', '.join([name, *sizes])}; negatives {config['negatives']}")
    return "\n".join(sorted(titles))


def _scale(column: str) -> float:
    return 100 if words.is_share(column) else 1


def _baselines(runs: list[dict[str, Any]], column: str) -> set[float]:
    """The ranking by popularity of every data set that has one."""
    first = [(run["baselines"].get(column) or [None])[0] for run in runs]
    return {_scale(column) * value for value in first if is_number(value)}


def _lines(axes: Any, groups: dict[str, list[dict[str, Any]]], column: str) -> int:
    """Draws a line per setting and returns the last round."""
    drawn: dict[tuple[Any, ...], str] = {}
    last = 1
    for number, (name, runs) in enumerate(groups.items()):
        values = _values(runs, column)
        rounds = sorted(at for at, list_ in values.items() if len(list_) == len(runs))
        middle = [trimmed_mean(values[at]) for at in rounds]
        if not rounds:
            print(f"no round with a value of every seed, not drawn: {name}", file=sys.stderr)
            continue
        seeds = sorted({run["config"]["seed"] for run in runs})
        label = name if len(runs) == 1 else f"{name}\n(seeds {', '.join(map(str, seeds))})"
        same = drawn.setdefault((tuple(rounds), tuple(middle)), name)
        if same != name:
            label += f"\n(equal to {same})"
        _line(axes, number, rounds, middle, label)
        if len(runs) == 1:
            _best(axes, number, runs[0].get("best_round"), rounds, middle)
        else:
            _range(axes, number, rounds, [values[at] for at in rounds])
        last = max(last, rounds[-1])
    return last


def _values(runs: list[dict[str, Any]], column: str) -> dict[int, list[float]]:
    values: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        for at, value in zip(run["metrics"]["round"], run["metrics"][column]):
            if is_number(value):
                values[int(at)].append(_scale(column) * value)
    return values


def _line(axes: Any, number: int, rounds: list[int], middle: list[float], label: str) -> None:
    step = max(1, len(rounds) // MARKS)
    axes.plot(
        rounds,
        middle,
        color=style.colour(number),
        linestyle=style.dashes(number),
        marker=MARKERS[number % len(MARKERS)],
        markersize=4,
        markevery=(number % step, step),
        label=label,
    )


def _best(axes: Any, number: int, best: int | None, rounds: list[int], middle: list[float]) -> None:
    if best in rounds:
        axes.plot(
            best,
            middle[rounds.index(best)],
            "o",
            color=style.colour(number),
            markersize=9 + 2 * (number % 3),
            fillstyle="none",
            markeredgewidth=1.6,
        )


def _range(axes: Any, number: int, rounds: list[int], values: list[list[float]]) -> None:
    axes.fill_between(
        rounds,
        [min(some) for some in values],
        [max(some) for some in values],
        color=style.colour(number),
        alpha=0.15,
        linewidth=0,
    )
