"""The search of a study: the trials of every cell (a backbone with a fusion), and steps beyond the
edges of their grids. Cells are compared by validation NDCG@50 alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from lib import search_grid, search_study
from lib.cut_short import cut_short
from lib.study_runs import Record, Runner, Settings
from records.errors import Refusal
from records.validity import why_invalid

DIVERGED = -1.0
INSIDE, EDGE = "inside", "edge"


@dataclass
class Trial:
    own: Settings  # what the trial adds to the common options
    record: Record | None  # None: diverged
    score: float
    step: int  # 0: of the grid; k: the k-th step beyond its edges


@dataclass
class Cell:
    backbone: str
    fusion: str
    start: Settings  # what every trial of the cell begins with
    axes: dict[str, search_grid.Axis]
    trials: list[Trial] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.backbone}/{self.fusion}"

    @property
    def best(self) -> Trial:
        return max(self.trials, key=lambda trial: trial.score)  # the first of equal ones

    def edges(self) -> dict[str, str]:
        """The axes on whose open end the best trial lies."""
        best = self.best
        if best.record is None or best.score == DIVERGED:
            return {}
        return search_grid.edges(self.axes, best.record["config"])

    def summary(self) -> Settings:
        """What chosen.json says about the search of the cell."""
        best, edges = self.best, self.edges()
        status = "diverged" if best.score == DIVERGED else EDGE if edges else INSIDE
        return {
            "status": status,
            "edge": edges,
            "trials": len(self.trials),
            "trials_of_grid": sum(trial.step == 0 for trial in self.trials),
            "diverged": sum(trial.score == DIVERGED for trial in self.trials),
            "cut_short": sum(bool(_cut(trial)) for trial in self.trials),
            "best_cut_short": _cut(best),
            "valid_ndcg_50": None if best.score == DIVERGED else best.score,
            "grid": {option: list(axis.values) for option, axis in self.axes.items()},
            "settings": best.own,
        }


def search(study: Settings, runner: Runner) -> list[Cell]:
    """Every cell with its trials; in the order of the file: a fusion may start from the choice of
    an earlier one.
    """
    check(study, runner)
    found: dict[str, Cell] = {}
    for fusion in study["fusions"]:
        cells = [_cell(study, fusion, backbone, found) for backbone in study["backbones"]]
        count = search_study.trials_of(study, fusion)
        jobs = [
            (cell, {**cell.start, **own})
            for cell in cells
            for own in search_grid.trials(cell.axes, count, cell.name)
        ]
        _try(study, runner, jobs, 0)
        for step in range(1, search_study.steps_beyond(study) + 1):
            jobs = [(cell, own) for cell in cells for own in _beyond(study, runner, cell)]
            _try(study, runner, jobs, step)
        found |= {cell.name: cell for cell in cells}
        for cell in cells:
            print(words(cell), flush=True)
    return list(found.values())


def words(cell: Cell) -> str:
    """What is printed of a cell."""
    known = cell.summary()
    edges = ", ".join(f"{option} {end}" for option, end in known["edge"].items())
    score = "-" if known["valid_ndcg_50"] is None else f"{known['valid_ndcg_50']:.4f}"
    marks = [f"on the edge of {edges}"] * bool(edges) + [known["best_cut_short"]]
    notes = "".join(f"; {mark}" for mark in marks if mark)
    grid = ", ".join(f"{option} {values}" for option, values in known["grid"].items())
    return (
        f"{cell.name}: validation NDCG@50 {score} of {known['trials']} trials "
        f"({known['trials_of_grid']} of the grid, {known['diverged']} diverged, "
        f"{known['cut_short']} cut short){notes}\n  grid: {grid or 'none'}"
    )


def rows(cells: list[Cell], runner: Runner) -> list[Settings]:
    """search.csv."""
    return [
        {
            "backbone": cell.backbone,
            "fusion": cell.fusion,
            "valid_ndcg_50": None if trial.score == DIVERGED else round(trial.score, 5),
            "best_round": trial.record["best_round"] if trial.record else 0,
            "rounds": len(trial.record["metrics"]["round"]) if trial.record else None,
            "cut_short": _cut(trial),
            "step": trial.step,
            "trials": len(cell.trials),
            "settings": json.dumps(trial.own, sort_keys=True),
            **runner.columns(trial.record),
        }
        for cell in cells
        for trial in cell.trials
    ]


def check(study: Settings, runner: Runner) -> None:
    """Refuse options that the program refuses, and an early stop on a plateau, before any run."""
    for fusion in study["fusions"]:
        for number, backbone in enumerate(study["backbones"]):
            cell = _cell(study, fusion, backbone, {})
            for own in _samples(cell, all_values=number == 0):
                settings = {**_base(study, cell), **cell.start, **own}
                _check_settings(study, runner, cell, settings)


def _samples(cell: Cell, all_values: bool) -> list[Settings]:
    """Trials that together have every value of every axis; or only the first ones."""
    most = max((len(axis.values) for axis in cell.axes.values()), default=1) if all_values else 1
    return [
        {option: axis.values[k % len(axis.values)] for option, axis in cell.axes.items()}
        for k in range(most)
    ]


def _check_settings(study: Settings, runner: Runner, cell: Cell, settings: Settings) -> None:
    if why := runner.why_refused(settings):
        raise Refusal(
            f'the plan of "{cell.fusion}" with backbone {cell.backbone} cannot be run',
            why,
            "correct the study; `fedfuse train --help` lists the options",
        )
    options = runner.effective(settings)
    every, after = options["eval_every"], options["patience_after"]
    first = (after // every + options["patience"]) * every
    ends = options["patience"] > 0 and first < options["rounds"]
    if ends and first < search_study.FIRST_EARLY_STOP and not study.get("early-stop"):
        raise Refusal(
            f'runs of "{cell.fusion}" may end in round {first}',
            f"--patience {options['patience']} counts after round {after}; "
            f"before round {search_study.FIRST_EARLY_STOP} a run may still be on a plateau",
            'raise "patience-after", leave "patience" out, or give the study "early-stop": true',
        )


def _cell(study: Settings, fusion: str, backbone: str, found: dict[str, Cell]) -> Cell:
    plan = study["search"]["fusions"][fusion]
    earlier = found.get(f"{backbone}/{plan.get('from')}")
    start = {**(earlier.best.own if earlier else {}), **plan.get("fixed", {})}
    return Cell(backbone, fusion, start, search_study.axes_of(study, fusion, backbone))


def _base(study: Settings, cell: Cell) -> Settings:
    searched = study["search"]
    return {
        "backbone": cell.backbone,
        "fusion": cell.fusion,
        "negatives": searched["protocol"],
        "seed": searched["seed"],
    }


def _beyond(study: Settings, runner: Runner, cell: Cell) -> list[Settings]:
    """The trials one step beyond every edge that the best trial lies on; extends the axes."""
    best = cell.best
    if best.record is None or best.score == DIVERGED:
        return []

    def accepts(option: str, value: Any) -> bool:
        return not runner.why_refused({**_base(study, cell), **best.own, option: value})

    known = [trial.own for trial in cell.trials]
    new: list[Settings] = []
    steps = list(search_grid.steps_beyond(cell.axes, best.record["config"], accepts))
    for option, value in steps:
        cell.axes[option] = cell.axes[option].with_value(value)
        for own in search_grid.around(cell.axes, best.own, best.record["config"], option, value):
            if own not in known and own not in new:
                new.append(own)
    return new


def _try(study: Settings, runner: Runner, jobs: list[tuple[Cell, Settings]], step: int) -> None:
    records = runner.run_all([{**_base(study, cell), **own} for cell, own in jobs])
    for (cell, own), record in zip(jobs, records):
        cell.trials.append(Trial(own, _small(record), _score(record), step))


def _small(record: Record | None) -> Record | None:
    """Without the tables: a study has a thousand trials."""
    if record is None:
        return None
    names = ("status", "config", "identity", "facts", "best_round")
    rounds = {"metrics": {"round": record["metrics"]["round"]}}
    return {name: record[name] for name in names if name in record} | rounds


def _score(record: Record | None) -> float:
    if record is None or why_invalid(record):
        return DIVERGED
    score = record["facts"].get("best_valid_ndcg_50")
    if score is None:
        raise Refusal(
            "the data set has no validation item that is ranked",
            "a search compares trials by their validation NDCG@50",
            "use a data set with validation items, or --stage final",
        )
    return float(score)


def _cut(trial: Trial) -> str:
    return cut_short(trial.record) if trial.record else ""
