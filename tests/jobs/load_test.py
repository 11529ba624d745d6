#!/usr/bin/env python3
"""The load of the machine: read, judged, kept in records, told by the readers.

FEDFUSE_PROGRAM=... load_test.py
"""

import csv
import json
import os
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

from job_case import JobTest
from tool import ROOT, SMALL, STUDY, ToolTest, a_result, benchmarks

from lib import collect, study_tree
from records import load

SCALING = {
    "name": "tiny",
    "kind": "strong",
    "generate": {"users": 60},
    "train": {name: a_result()["config"][name] for name in ("backbone", "fusion", "rounds")},
    "points": [{"ranks": 1}, {"ranks": 2}],
    "repeats": 2,
}


class Judging(unittest.TestCase):
    def test_verdicts(self):
        for before, after, cores, own, verdict in (
            (24.0, 22.0, 2, 0, "busy"),
            (0.3, 24.0, 2, 0, "busy"),  # the others came later
            (1.6, 2.1, 2, 0, "quiet"),
            (3.9, 4.2, 2, 4, "quiet"),  # an oversubscribed study finds its own last run
            (5.1, 4.2, 2, 4, "busy"),
            (1.4, None, 0.5, 0, "busy"),  # half a core by quota
            (70.0, 70.0, 128, 0, "quiet"),
            (None, None, 2, 0, "unknown"),
            (24.0, 24.0, None, 0, "unknown"),
            (float("nan"), None, 2, 0, "unknown"),
        ):
            with self.subTest((before, after, cores, own)):
                self.assertEqual(load.judge(before, after, cores, own)["load"], verdict)

    def test_one_busy_run_makes_the_row_busy(self):
        quiet, busy = load.judge(0.1, 0.2, 2), load.judge(0.1, 9.0, 2)
        unknown = load.judge(None, None, None)
        self.assertEqual(load.worst([quiet, busy, unknown])["load"], "busy")
        self.assertEqual(load.worst([quiet, busy])["load_after"], 9.0)
        self.assertEqual(load.worst([quiet, unknown])["load"], "unknown")
        self.assertEqual(load.worst([])["load"], "unknown")
        self.assertEqual(load.note(busy), "busy machine: load 9.0 on 2 cores")
        self.assertEqual(load.note(quiet) + load.note({}) + load.note(unknown), "")


class Cores(ToolTest):
    def cores(self, group, files):
        self.write("proc/self/cgroup", group)
        for name, text in files.items():
            self.write(f"sys/fs/cgroup/{name}", text)
        return load._quota(self.folder)

    def test_the_least_quota_of_all_levels(self):
        files = {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n", "cpu.max": "x"}
        self.assertEqual(self.cores("0::/a/b\n", files), 1.5)

    def test_version_1(self):
        files = {
            "cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n",
            "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        }
        self.assertEqual(self.cores("4:cpu,cpuacct:/job\n3:memory:/job\n", files), 0.5)

    def test_no_quota(self):
        self.assertEqual(self.cores("garbage\n0::/\n", {}), float("inf"))
        self.assertGreater(load.usable_cores(), 0)


class Tables(ToolTest):
    def collected(self, environment):
        study = study_tree.load(self.write("study.json", SCALING))
        for point in study.points:
            for repeat in range(study.repeats):
                folder = f"work/runs/{point.name()}/repeat-{repeat}"
                self.write(f"{folder}/result.json", a_result())
                if text := environment(point, repeat):
                    self.write(f"{folder}/environment.txt", text)
        return collect.collect(self.folder / "work", study)

    def captured(self, before, after, cores):
        return (
            f"# program\nx\n# load\n{before} 1 1 2/79 19\n# cores\n{cores}\n"
            f"# load after\n{after} 1 1 2/79 20\n"
        )

    def test_a_busy_repeat_is_told_in_the_table(self):
        table = self.collected(
            lambda point, repeat: self.captured(24 if repeat and point.ranks == 2 else 1, 2.0, 2)
        )
        quiet, busy = table["rows"]
        self.assertEqual((quiet["load"], quiet["load_before"], quiet["status"]), ("quiet", 1, "ok"))
        self.assertEqual((busy["load"], busy["usable_cores"]), ("busy", 2))
        self.assertIn("ok, busy machine: load", collect.as_text(table))
        file = self.write("table.json", table)
        self.assertIn(
            "NOTE: B was measured on a busy machine", self.run_tool("bench/compare.py", file, file)
        )

    def test_a_table_without_loads_says_so(self):
        table = self.collected(lambda _, repeat: "# load\n\n" if repeat else "")
        for row in table["rows"]:
            self.assertEqual((row["load"], row["load_before"]), ("unknown", None))
        self.assertRegex(collect.as_text(table), r" - +ok")

    def test_a_run_with_the_warm_up_only_is_not_measured(self):
        """An empty set of rounds takes not 0 s."""
        run = a_result()
        run["time"] = {name: column[:1] for name, column in run["time"].items()}
        study = study_tree.load(self.write("study.json", {**SCALING, "points": [{}], "repeats": 1}))
        self.write("work/runs/nodes-1_ranks-1_threads-1/repeat-0/result.json", run)
        (row,) = collect.collect(self.folder / "work", study)["rows"]
        self.assertEqual(row["status"], "INVALID")
        self.assertIn("warm-up", row["invalid"][0])
        self.assertNotIn("round_s", row)

    def test_missing_columns_are_no_zeros(self):
        run = a_result()
        run["time"] = {name: run["time"][name] for name in ("round", "round_s", "training_max")}
        row = collect._medians([run])
        self.assertIsNone(row["views_s"])
        self.assertIsNone(row["communication_share"])
        self.assertGreater(row["training_s"], 0)

    def test_benchmarks_under_load(self):
        quiet = benchmarks({"k": [1.0, 1.1, 1.2]})
        busy = {**quiet, "context": {"load_avg": [24.0, 3.0, 1.0], "num_cpus": 2}}
        a, b = self.write("a.json", quiet), self.write("b.json", busy)
        said = self.run_tool("bench/compare.py", a, b)
        self.assertIn("NOTE: B was measured on a busy machine: load 24.0 on 2 cores", said)
        self.assertNotIn("NOTE: A", said)


class Studies(JobTest):
    def test_runs_keep_their_load(self):
        program, data = os.environ["FEDFUSE_PROGRAM"], self.folder / "d.h5"
        self.run_line(program, "generate", *SMALL, "--out", data)
        work = self.folder / "work"
        words = [ROOT / "jobs/studies/study.py", self.write("study.json", STUDY)]
        words += ["--data", data, "--work", work, "--program", program]
        self.run_line(sys.executable, *words)
        (row,) = csv.DictReader((work / "runs.csv").read_text().splitlines())
        self.assertIn(row["load"], ("quiet", "busy"))
        self.assertGreater(float(row["usable_cores"]), 0)
        for file in work.glob("runs/*.load.json"):
            file.write_text(json.dumps(load.judge(24.0, 24.0, 2)))
        self.run_line(sys.executable, *words)
        (row,) = csv.DictReader((work / "runs.csv").read_text().splitlines())
        self.assertEqual((row["load"], row["load_before"]), ("busy", "24.0"))
        self.assertIn(
            "NOTE: A was measured on a busy machine",
            self.run_line(sys.executable, ROOT / "bench/compare.py", work / "runs", work / "runs"),
        )

    def test_a_job_captures_the_load_around_its_run(self):
        self.submit("--submit", "--", "train", "--data", "d.h5")
        folder = Path(self.folder / "job")
        for heading in ("load", "load after", "cores"):
            self.assertIsNotNone(collect._captured(folder, heading), heading)
        self.assertEqual(collect._captured(folder, "modules"), None)
        point = SimpleNamespace(points=[study_tree.Point()])
        run = {
            "load": {
                name: collect._captured(folder, name) for name in ("load", "load after", "cores")
            }
        }
        self.assertIn(collect._load(point, [run])["load"], ("quiet", "busy"))


if __name__ == "__main__":
    unittest.main()
