"""One run of the suite: every workload in turn, its records and its row."""

from __future__ import annotations

import datetime
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import suite_run
from lib.suite_classes import Class, Workload, generate_options
from lib.suite_data import data_set
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
        """The document of suite.json, not yet judged."""
        program = identity.ask_program(self.runner.program)
        file, known = None, ""
        if any(workload.needs_data() for workload in workloads):
            name = self.of.name + (self.suffix() if self.is_weak else "")
            generate = generate_options(self.of, self.users())
            file, known = data_set(self.runner.program, self.cache, name, generate)
        now = datetime.datetime.now(datetime.timezone.utc)
        document = {
            "format": FORMAT,
            "schema_version": VERSION,
            "class": self.of.name,
            "started_utc": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": describe(),
            "identity": {"program": program, "data": known},
            "rows": [],
        }
        ceiling = None
        for workload in workloads:
            row = self._row(workload, file, known) | {"program_identity": program}
            if workload.name == "kernels" and not row["failures"]:
                record = self.runner.folder / row["name"] / "kernels.json"
                ceiling = ceiling_of(read_json(record))
            document["rows"].append(row | {"ceiling_flop_per_s": ceiling})
        return document

    def _row(self, workload: Workload, data: Path | None, known: str) -> dict[str, Any]:
        shape = self.shape_of(workload)
        row: dict[str, Any] = {
            "name": self.name_of(workload),
            "workload": workload.name,
            "class": self.of.name,
            "unit": workload.unit,
            "weak": self.is_weak,
            "ranks": shape.ranks,
            "threads": shape.threads,
            "device": shape.device,
            "copies": shape.copies,
            "clients": self.users(),
            "items": self.of.items,
            "data_identity": known if workload.needs_data() else "",
            "verify": None,
        }
        folder = self.runner.folder / row["name"]
        shutil.rmtree(folder, ignore_errors=True)
        outputs.make_folder(folder)
        before, energy = load.now(), Energy()
        if workload.trains():
            row |= self._train(workload, data, folder, row["name"])
        else:
            say(f"{row['name']}")
            failures = suite_run.run_bench(self.runner, workload, self.of, data, shape, folder)
            row |= {"failures": failures} | energy.record()
        own = shape.cores()
        row |= load.judge(before["load"], load.average(), before["cores"], own)
        return row

    def _train(
        self, workload: Workload, data: Path | None, folder: Path, name: str
    ) -> dict[str, Any]:
        """The measured runs, then the one that must give the same bits; energy is of the former."""
        failures: list[str] = []
        energy = Energy()
        for number in range(self.of.repeats):
            say(f"{name}: run {number + 1} of {self.of.repeats}")
            failures += self._run(workload, data, self.shape, folder, f"run-{number}")
        row: dict[str, Any] = {"failures": failures} | energy.record()
        if self.verifies and not failures:
            other = self.shape.other()
            say(f"{name}: again on {other.ranks} x {other.threads}, for the same bits")
            failures += self._run(workload, data, other, folder, "verify")
            first = "run-0-seed0" if self.shape.copies > 1 else "run-0"
            row["verify"] = suite_run.compare_bits(folder, "verify", first)
        suite_run.remove_models(folder)
        return row

    def _run(
        self, workload: Workload, data: Path | None, shape: Shape, folder: Path, name: str
    ) -> list[str]:
        return suite_run.run_training(self.runner, workload, self.of, data, shape, folder, name)
