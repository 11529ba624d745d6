#!/usr/bin/env python3
"""A whole scaling study on this machine, small: tree, runs, table, model and figure; and the
collectives under it.

  FEDFUSE_PROGRAM=... FEDFUSE_COLLECTIVES=... scaling_test.py
"""

import importlib.util
import json
import os
import subprocess
import unittest

from tool import ROOT, ToolTest

STUDY = {
    "name": "tiny",
    "kind": "strong",
    "generate": {"users": 60, "items": 60, "dim-text": 8, "dim-image": 8},
    "train": {"backbone": "fcf", "fusion": "none", "rounds": 4, "dim": 8},
    "points": [{"ranks": 1}, {"ranks": 2}],
    "repeats": 2,
}


class Scaling(ToolTest):
    def scaling(self, study, *words, code=0):
        return self.run_tool(
            "jobs/scaling.py",
            self.write("study.json", study),
            "--system",
            "single-node",
            "--program",
            os.environ["FEDFUSE_PROGRAM"],
            "--work",
            self.folder / "work",
            *words,
            code=code,
        )

    def test_from_a_study_to_its_figure(self):
        work = self.folder / "work"
        said = self.scaling(STUDY)
        self.assertIn("1 data set and 4 runs written", said)
        self.assertFalse(list(work.rglob("result.*")), "the dry run ran something")
        self.scaling(STUDY, "--submit")
        for file in (
            "job.sbatch",
            "job.sh",
            "job.json",
            "config.toml",
            "environment.txt",
            "attempts.txt",
            "log.txt",
            "result.h5",
            "result.json",
        ):
            self.assertEqual(len(list(work.glob(f"runs/*/repeat-*/{file}"))), 4, file)
        self.assertIn("0 data sets and 0 runs", self.scaling(STUDY))
        drawing = ["--figure", "scaling"] if importlib.util.find_spec("matplotlib") else []
        self.run_tool("jobs/scaling.py", "--work", work, "--collect", *drawing)
        rows = json.loads((work / "table.json").read_text())["rows"]
        self.assertEqual(
            [(row["ranks"], row["runs"], row["status"]) for row in rows],
            [(1, 2, "ok"), (2, 2, "ok")],
        )
        self.assertGreater(rows[1]["communication_share"], rows[0]["communication_share"])
        self.assertEqual(
            bool(drawing),
            (work / "scaling.svg").exists() and (work / "scaling-phases.png").exists(),
        )
        self.invalid_runs_are_named_and_enter_no_median(work)
        self.model(work / "table.json")

    def invalid_runs_are_named_and_enter_no_median(self, work):
        first, _ = sorted(work.glob("runs/*ranks-1*/repeat-*/result.json"))
        run = json.loads(first.read_text())
        first.write_text(
            json.dumps(
                {**run, "status": "interrupted", "time": {**run["time"], "round_s": [1e9] * 4}}
            )
        )
        sorted(work.glob("runs/*ranks-2*/repeat-*/result.json"))[0].unlink()
        said = self.run_tool("jobs/scaling.py", "--work", work, "--collect")
        self.assertIn("INVALID repeat-0: interrupted", said)
        self.assertIn("INVALID repeat-0: no result; last:", said)
        rows = json.loads((work / "table.json").read_text())["rows"]
        self.assertLess(rows[0]["round_s"], 1.0)
        self.assertEqual([row["runs"] for row in rows], [1, 1])

    def model(self, table):
        collectives = self.folder / "collectives.json"
        subprocess.run(
            [
                "mpirun",
                "-n",
                "2",
                os.environ["FEDFUSE_COLLECTIVES"],
                *["--max-bytes", "8192", "--repeats", "3", "--out"],
                collectives,
            ],
            check=True,
            timeout=60,
        )
        document = json.loads(collectives.read_text())
        self.assertTrue(
            document["rows"]
            and all(
                row["wrong_words"] == 0 and row["seconds_median"] > 0 for row in document["rows"]
            )
        )
        provenance = document["provenance"]
        self.assertEqual(
            (provenance["program"], provenance["ranks"], provenance["device"]["reduction"]),
            ("bench_collectives", 2, "mpi"),
        )
        self.assertRegex(provenance["git_sha"], "^([0-9a-f]{40}|unknown)$")
        on_device = subprocess.run(
            [
                "mpirun",
                "-n",
                "2",
                os.environ["FEDFUSE_COLLECTIVES"],
                *["--max-bytes", "512", "--repeats", "1"],
            ],
            check=True,
            timeout=60,
            capture_output=True,
            # the path of NCCL, on the emulated device
            env=os.environ | {"FEDFUSE_BENCH_EMULATED": "1"},
        ).stdout
        device = json.loads(on_device)["provenance"]["device"]
        self.assertEqual(
            (device["kind"], device["reduction"]),
            ("emulated", "mpi on the emulated device's memory"),
        )
        self.assertTrue(
            device["name"] and "driver" in device and sum(device["ranks_of_uuid"].values()) == 2
        )
        rows = json.loads(on_device)["rows"]
        self.assertEqual(len({row["collective"] for row in rows}), 2)
        self.assertTrue(all(row["wrong_words"] == 0 for row in rows))
        kernels = ROOT / "results/kernels/kernels.json"
        said = self.run_tool(
            "bench/rounds/model.py",
            "--kernels",
            kernels,
            "--collectives",
            collectives,
            "--table",
            table,
            "--to",
            "8",
            "--out",
            self.folder / "model.json",
        )
        self.assertEqual(said.count("EXTRAPOLATED"), 2)
        drawing = ["--figure", "with_model"] if importlib.util.find_spec("matplotlib") else []
        said = self.run_tool(
            "jobs/scaling.py",
            "--work",
            table.parent,
            "--collect",
            "--kernels",
            kernels,
            "--collectives",
            collectives,
            *drawing,
        )
        self.assertIn("EXTRAPOLATED", said)
        if drawing:
            self.assertIn("EXTRAPOLATION", (table.parent / "with_model.svg").read_text())
        self.run_tool(
            "jobs/scaling.py", "--work", table.parent, "--collect", "--kernels", kernels, code=2
        )
        self.run_tool(
            "bench/rounds/model.py",
            "--kernels",
            collectives,
            "--collectives",
            collectives,
            "--table",
            table,
            "--out",
            self.folder / "m.json",
            code=2,
        )
        self.run_tool("bench/compare.py", collectives, collectives)
        # the INVALID runs of before
        self.assertIn(
            "2 regressions or failed checks",
            self.run_tool("bench/compare.py", table, table, code=1),
        )

    def test_cpu_seconds_are_a_table_that_the_model_takes(self):
        program, work = os.environ["FEDFUSE_PROGRAM"], self.folder / "cpu"
        study = self.write("study.json", STUDY)
        said = self.run_tool(
            "bench/rounds/cpu_seconds.py",
            study,
            "--work",
            work,
            "--program",
            program,
            *["--rounds", "1000", "--repeat", "2"],
        )
        self.assertIn("ms of CPU a round", said)
        table = json.loads((work / "table.json").read_text())
        self.assertEqual(
            (table["clock"], table["rows"][0]["users"], len(table["rows"][0]["round_s_runs"])),
            ("cpu", 60, 2),
        )
        self.assertLess(table["rows"][0]["round_s"], 0.5)
        self.assertGreater(table["rows"][0]["round_s"], 0)
        kernels, collectives = (
            ROOT / "results/kernels/kernels.json",
            ROOT / "results/scaling/collectives_2.json",
        )
        self.run_tool(
            "bench/rounds/model.py",
            "--kernels",
            kernels,
            "--collectives",
            collectives,
            "--table",
            work / "table.json",
            "--to",
            "4",
            "--out",
            work / "model.json",
        )
        self.run_tool(
            "bench/rounds/cpu_seconds.py",
            study,
            "--work",
            work,
            "--program",
            program,
            "--train",
            "uploads",
            code=2,
        )
        # exit code 75
        said = self.run_tool(
            "bench/rounds/cpu_seconds.py",
            study,
            "--work",
            work,
            "--program",
            program,
            "--train",
            "time_budget=0.001",
            code=2,
        )
        self.assertIn("the program failed", said)

    def test_bad_input(self):
        for change, said in (
            ({"knid": 1}, 'unknown key "knid"'),
            ({"kind": "sideways"}, "strong or weak"),
            ({"points": [{"rank": 1}]}, 'a point has "rank"'),
            ({"train": {"rounds": 1}}, "warm-up"),
            ({"kind": "weak", "points": [{"threads": 1}, {"threads": 2}]}, 'differ in "threads"'),
        ):
            with self.subTest(said):
                self.assertIn(said, self.scaling({**STUDY, **change}, code=2))
        self.run_tool("jobs/scaling.py", "--work", self.folder / "nowhere", "--collect", code=2)
        self.assertIn("there is no data set", self.scaling(STUDY, "--data", "/absent.h5", code=2))

    def test_without_slurm_it_says_so(self):
        path = os.environ["PATH"]
        os.environ["PATH"] = str(self.folder)  # no sbatch on it
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        said = self.run_tool(
            "jobs/submit.py", "--folder", self.folder / "job", "--submit", "--", "train", code=2
        )
        self.assertIn("there is no SLURM here", said)


if __name__ == "__main__":
    unittest.main()
