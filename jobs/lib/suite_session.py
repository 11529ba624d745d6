"""One run of the suite: every workload in turn, its records and its row."""

from __future__ import annotations

import datetime
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import suite_counters, suite_profile, suite_run
from lib.suite_classes import Class, Workload, generate_options
from lib.suite_counters import Counters
from lib.suite_data import data_set
from lib.suite_judge import twins
from lib.suite_machine import Energy, describe
from lib.suite_measure import ceiling_of
from lib.suite_record import FORMAT, VERSION
from lib.suite_run import Runner, Shape, say
from records import identity, load, outputs
from records.readers import read_json


@dataclass(frozen=True)
class Session:
    runner: Runner
    of: Class
    shape: Shape
    is_weak: bool
    verifies: bool
    repeats: int  # runs of each workload
    cache: Path

    def users(self) -> int:
        return self.of.users * (self.shape.ranks if self.is_weak else 1)

    def suffix(self) -> str:
        weak = f"-weak{self.shape.ranks}" if self.is_weak else ""
        return weak + (f"-copies{self.shape.copies}" if self.shape.copies > 1 else "")

    def name_of(self, workload: Workload) -> str:
        return f"{workload.name}.{self.of.name}" + (self.suffix() if workload.trains() else "")

    def shape_of(self, workload: Workload) -> Shape:
        if workload.trains():
            return self.shape
        ranks = 1 if workload.name == "kernels" else self.shape.ranks
        return Shape(ranks, 1, "cpu")

    def run(self, workloads: list[Workload]) -> dict[str, Any]:
        """The document of suite.json, not yet judged. The runs alternate (A B C A B C ...), so that
        a slow phase of the machine meets all workloads alike.
        """
        program = identity.ask_program(self.runner.program)
        file, known = None, ""
        if any(workload.needs_data() for workload in workloads):
            name = self.of.name + (self.suffix() if self.is_weak else "")
            generate = generate_options(self.of, self.users())
            file, known = data_set(self.runner.program, self.cache, name, generate)
        now = datetime.datetime.now(datetime.timezone.utc)
        rows = [self._row(workload, known, program) for workload in workloads]
        for number in range(self.repeats):
            for workload, row in zip(workloads, rows):
                self._measure(workload, row, file, number)
        for workload, row in zip(workloads, rows):
            if workload.trains():
                self._end(workload, row, file)
        return {
            "format": FORMAT,
            "schema_version": VERSION,
            "class": self.of.name,
            "started_utc": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": describe(),
            "identity": {"program": program, "data": known},
            "rows": [row | _of_all_runs(row.pop("around")) | self._ceilings(rows) for row in rows],
        }

    def _row(self, workload: Workload, known: str, program: str) -> dict[str, Any]:
        shape = self.shape_of(workload)
        row = {
            "name": self.name_of(workload),
            "workload": workload.name,
            "class": self.of.name,
            "unit": workload.unit,
            "weak": self.is_weak,
            "ranks": shape.ranks,
            "threads": shape.threads,
            "device": shape.device,
            "copies": shape.copies,
            "repeats": self.repeats,
            "clients": self.users(),
            "items": self.of.items,
            "data_identity": known if workload.needs_data() else "",
            "program_identity": program,
            "failures": [],
            "verify": None,
            "around": [],  # of each run: the load, the energy and the counters
        }
        folder = self.runner.folder / row["name"]
        shutil.rmtree(folder, ignore_errors=True)
        outputs.make_folder(folder)
        return row

    def _measure(
        self, workload: Workload, row: dict[str, Any], data: Path | None, number: int
    ) -> None:
        """One run; it adds its failures, its load, energy and counters to the row."""
        shape, folder = self.shape_of(workload), self.runner.folder / row["name"]
        say(f"{row['name']}: run {number + 1} of {row['repeats']}")
        before, energy, counters = load.now(), Energy(), Counters()
        if workload.trains():
            row["failures"] += self._train(workload, row, data, shape, f"run-{number}")
        else:
            parts = (workload, self.of, data, shape, folder)
            row["failures"] += suite_run.run_bench(self.runner, *parts, f"run-{number}")
        around = load.judge(before["load"], load.average(), before["cores"], shape.cores())
        row["around"].append(around | energy.record() | counters.record())

    def _end(self, workload: Workload, row: dict[str, Any], data: Path | None) -> None:
        """The run that must give the same bits; then no model is needed any more."""
        folder = self.runner.folder / row["name"]
        if self.verifies and not row["failures"]:
            other = self.shape.other()
            say(f"{row['name']}: again on {other.ranks} x {other.threads}, for the same bits")
            row["failures"] += self._train(workload, row, data, other, "verify")
            first = "run-0-seed0" if self.shape.copies > 1 else "run-0"
            row["verify"] = suite_run.compare_bits(folder, "verify", first)
        suite_run.remove_models(folder)
        suite_profile.write(folder)

    def _train(
        self, workload: Workload, row: dict[str, Any], data: Path | None, shape: Shape, name: str
    ) -> list[str]:
        folder = self.runner.folder / row["name"]
        return suite_run.run_training(self.runner, workload, self.of, data, shape, folder, name)

    def _ceilings(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """What each run of `kernels` measured: no change of fedfuse moves it."""
        good = [row for row in rows if row["workload"] == "kernels" and not row["failures"]]
        files = twins(self.runner.folder / good[0]["name"], "run-") if good else []
        return {"ceilings_flop_per_s": [ceiling_of(read_json(file)) for file in files]}


def _of_all_runs(around: list[dict[str, Any]]) -> dict[str, Any]:
    """The worst load; the energy and the counters of all runs together, or why there are none."""
    found = load.worst(around) | suite_counters.of_all(around)
    skipped = next((one["energy_skipped"] for one in around if "energy_skipped" in one), "")
    if skipped:
        return found | {"energy_joules": None, "energy_skipped": skipped}
    return found | {"energy_joules": sum(one["energy_joules"] for one in around)}
