"""The data sets, the search and the runs of a ledger of claims (jobs/studies/claims.json)."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib import generated, search, search_study
from lib.search import Cell
from lib.study_runs import Record, Runner, Settings
from lib.study_tree import option_words
from records.errors import Refusal
from records.readers import read_json

PROTOCOL = "own-train"


@dataclass
class Ledger:
    """A plan at one of its sizes, and where its runs stand."""

    plan: dict[str, Any]
    size: dict[str, Any]
    program: str
    work: Path
    parallel: int
    seeds: list[int]
    cells: dict[str, Cell] = field(default_factory=dict)  # by SET BACKBONE/FUSION
    runners: dict[str, Runner] = field(default_factory=dict)  # by set
    # methods by set and what of them was trained
    central: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def generate_options(self, name: str) -> Settings:
        given = self.plan["sets"][name]
        own = {key: value for key, value in given.items() if key != "like"}
        like = self.plan["sets"].get(given.get("like"), {})
        sizes = {"users": self.size["users"], "items": self.size["items"]}
        return {**sizes, **like, **own, "name": name}

    def runner(self, name: str) -> Runner:
        """Of a set; its data are made at the first use."""
        if name in self.runners:
            return self.runners[name]
        if name not in self.plan["sets"]:
            raise Refusal(
                f'a claim names the set "{name}"',
                f"the sets are {', '.join(self.plan['sets'])}",
                "correct claims.json",
            )
        data = self.work / f"{name}.h5"
        generated.make(self.program, self.generate_options(name), data)
        common = {"rounds": self.size["rounds"], "negatives": PROTOCOL}
        folder = self.work / name
        self.runners[name] = Runner(self.program, str(data), folder, common, self.parallel)
        return self.runners[name]

    def search(self, cells: set[str]) -> None:
        """The same number of trials for every cell that a claim needs: SET BACKBONE/FUSION."""
        for one in self.plan["searches"]:
            backbones = [b for b in one["backbones"] if self._needed(cells, one, b)]
            if not backbones:
                continue
            study = self._study(one, backbones)
            print(f"search on {one['set']}: {', '.join(backbones)}", file=sys.stderr, flush=True)
            for cell in search.search(study, self.runner(one["set"])):
                self.cells[f"{one['set']} {cell.name}"] = cell
        if lacks := sorted(cells - set(self.cells)):
            raise Refusal(
                f"no search has the cell {lacks[0]}",
                "its settings would be those of nobody",
                'add it to "searches" of the ledger',
            )

    def _needed(self, cells: set[str], one: dict[str, Any], backbone: str) -> bool:
        return any(f"{one['set']} {backbone}/{fusion}" in cells for fusion in one["fusions"])

    def _study(self, one: dict[str, Any], backbones: list[str]) -> dict[str, Any]:
        plans = {fusion: self.plan["fusions"][fusion] for fusion in one["fusions"]}
        return {
            "common": {},
            "backbones": backbones,
            "fusions": one["fusions"],
            "protocols": [PROTOCOL],
            "seeds": self.seeds,
            "search": {
                "protocol": PROTOCOL,
                "seed": self.seeds[0],
                "trials": self.size["trials"],
                "extend": search_study.STEPS_BEYOND_AN_EDGE,
                "grid": self.plan["grid"],
                "fusions": plans,
            },
        }

    def cell_of(self, run: dict[str, Any]) -> str:
        """Where the settings of a run were searched: on its set, or on the one that it is like."""
        name = run.get("set", "sparse")
        return f"{self.plan['sets'].get(name, {}).get('like', name)} {run['cell']}"

    def settings_of(self, run: dict[str, Any], seed: int) -> Settings:
        backbone, fusion = run["cell"].split("/")
        own = self.cells[self.cell_of(run)].best.own
        return {**own, **run.get("with", {}), "backbone": backbone, "fusion": fusion, "seed": seed}

    def records(self, run: dict[str, Any]) -> list[Record | None]:
        """Of every seed."""
        runner = self.runner(run.get("set", "sparse"))
        return runner.run_all([self.settings_of(run, seed) for seed in self.seeds])

    def command(self, run: dict[str, Any]) -> str:
        """What a person types, with the first seed."""
        runner = self.runner(run.get("set", "sparse"))
        options = option_words(runner.whole(self.settings_of(run, self.seeds[0])))
        data = f"{run.get('set', 'sparse')}.h5"
        return shlex.join(["fedfuse", "train", "--data", data, *options, "--out", "run.h5"])


def load(path: Path, size: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan, and one of its sizes. Refusal of a file that describes no ledger."""
    plan = read_json(path)
    parts = {
        "sizes": dict,
        "sets": dict,
        "searches": list,
        "grid": dict,
        "fusions": dict,
        "claims": list,
    }
    lacks = [
        name
        for name, kind in parts.items()
        if not isinstance(plan, dict) or not isinstance(plan.get(name), kind)
    ]
    if lacks:
        raise Refusal(
            f"{path} describes no ledger of claims",
            f"it has no {', '.join(lacks)}",
            "jobs/studies/claims.json is an example",
        )
    names = [claim.get("id") for claim in plan["claims"]]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Refusal(f"{path} has the claim {twice} twice", json.dumps(names), "rename one")
    return plan, plan["sizes"][size]
