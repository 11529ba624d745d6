#!/usr/bin/env python3
"""The memory model of jobs/suite.py against the peaks of runs: of a whole process, and of what the
uploads add to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import unittest
from pathlib import Path

from tool import ROOT, ToolTest

from lib import suite_classes, suite_plan, suite_run
from records.mpi_environment import mpi_environment

PROGRAM = Path(os.environ.get("FEDFUSE_PROGRAM", ROOT / "build" / "release" / "fedfuse"))
OF = suite_classes.Class("T", "uploads of 260 MB", users=20_000, items=500, measured=1)
TINY = suite_classes.Class("0", "next to nothing", 20, 50, measured=1, eval_clients=0)
FACTOR = 1.3  # between the formula and the peak, either way


class Peaks(ToolTest):
    def peak(self, name: str, *words: str, of: suite_classes.Class = OF) -> float:
        """Bytes of a run on one rank, as its record says."""
        out = self.folder / "run.h5"
        data = self.folder / f"{of.name}.h5"
        if not data.exists():
            size = ["--users", str(of.users), "--items", str(of.items), "--out", str(data)]
            self.start("generate", *size)
        workload, shape = suite_classes.WORKLOADS[name], suite_run.Shape(1, 1, "cpu")
        runner = suite_run.Runner(PROGRAM, "env", self.folder)
        line = runner.train(workload, of, data, shape, out, 0)
        self.start(*line[line.index("train") :], *words)
        return json.loads(out.with_suffix(".json").read_text())["facts"]["peak_memory_bytes_max"]

    def start(self, *words: str) -> None:
        line, environment = [str(PROGRAM), *words], mpi_environment(OMP_NUM_THREADS="1")
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def planned(self, name: str, room: float) -> float:
        """With the libraries of this build, which may have no CUDA."""
        need = suite_plan.memory(suite_classes.WORKLOADS[name], OF, OF.users, room)
        return need.a_rank + need.shared - suite_plan.PROGRAM + self.empty

    def assert_near(self, planned: float, measured: float, of_what: str) -> None:
        told = f"{of_what}: {planned * 1e-6:.0f} MB by formula, {measured * 1e-6:.0f} MB measured"
        self.assertLess(max(planned / measured, measured / planned), FACTOR, told)

    def test_the_plan_is_near_the_peak(self) -> None:
        self.empty = self.peak("linear", of=TINY)
        self.assertLess(self.empty, FACTOR * suite_plan.PROGRAM)
        stored, again = (
            self.peak("distil", "--uploads=store"),
            self.peak("distil", "--uploads=replay"),
        )
        linear = self.peak("linear")
        plans = self.planned("linear", 0), self.planned("distil", 0), self.planned("distil", 1e12)
        self.assert_near(plans[0], linear, "linear")
        self.assert_near(plans[1], again, "distil, trained twice")
        self.assert_near(plans[2], stored, "distil, stored")
        self.assert_near(plans[2] - plans[1], stored - again, "the uploads alone")


if __name__ == "__main__":
    unittest.main()
