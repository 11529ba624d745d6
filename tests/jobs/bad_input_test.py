#!/usr/bin/env python3
"""Every Python tool, with nonsense: exit code 2, what, why and do, and no traceback."""

import argparse
import json
import subprocess
import sys
import unittest
from pathlib import Path

from tool import QUICKSTART, ROOT, ToolTest, a_result, benchmarks

from records import outputs
from records.arguments import real, whole
from records.errors import Refusal

STUDIES = ROOT / "jobs/studies"
# A line of each tool that ends before it needs the program, and its options with numbers.
TOOLS = {
    "bench/compare.py": (["a.json", "b.json"], ["--threshold"]),
    "bench/plot.py": (["curves", "a.json", "--out", "c.png"], []),
    "bench/redraw.py": ([], []),
    "bench/accountant.py": (["r.h5"], []),
    "bench/rounds/model.py": (
        ["--kernels", "k.json", "--collectives", "c.json", "--table", "t.json", "--out", "m.json"],
        ["--to"],
    ),
    "bench/rounds/rounds.py": (["--data", "d.h5"], ["--ranks", "--rounds", "--repeat"]),
    "bench/rounds/cpu_seconds.py": (["study.json", "--work", "w"], ["--rounds", "--repeat"]),
    "jobs/scaling.py": (["--work", "w"], []),
    "jobs/submit.py": (["--folder", "job"], ["--nodes", "--ranks", "--threads", "--gpus"]),
    "jobs/studies/study.py": (
        ["s.json", "--data", "d.h5", "--work", "w"],
        ["--parallel", "--trials"],
    ),
    "jobs/studies/central.py": (["--data", "d.h5"], ["--penalties", "--neighbours"]),
    "jobs/studies/privacy.py": (
        ["--work", "w", "--program", "absent"],
        ["--parallel", "--seeds"],
    ),
    "jobs/studies/summarise.py": (["runs.csv"], ["--trim"]),
}
RUNS = "backbone,fusion,protocol,seed,status,test_hr_50,test_ndcg_50\n"


class CommandLines(ToolTest):
    def test_nonsense_numbers(self):
        for tool, (words, options) in TOOLS.items():
            for option in options:
                for word in ("", "-1", "1e9", "nan", "0x10", "1_0", "99999999999", "two"):
                    real_number = option in ("--threshold", "--trim", "--penalties")
                    if real_number and word in ("1e9", "99999999999"):
                        continue
                    with self.subTest(f"{tool} {option}={word}"):
                        said = self.run_tool(tool, *words, f"{option}={word}", code=2)
                        self.assertIn(option, said)

    def test_numbers_are_decimal(self):
        self.assertEqual(whole(1)(" 010 "), 10)
        self.assertEqual(real(0)("1e-2"), 0.01)
        for kind, word in ((whole(0), "\u0663"), (real(0), "inf"), (real(0, 0.5), "0.5")):
            with self.assertRaises(argparse.ArgumentTypeError):
                kind(word)

    def test_nothing_and_unknown_words(self):
        for tool, (words, _) in TOOLS.items():
            with self.subTest(tool):
                self.run_tool(tool, "--help")
                self.run_tool(tool, *words, "--no-such-option", code=2)
                if words:
                    self.run_tool(tool, code=2)
                if tool not in ("bench/redraw.py", "jobs/submit.py"):
                    self.run_tool(tool, *words, code=2)  # the files do not exist

    def test_empty_lists(self):
        self.run_tool("bench/plot.py", "curves", "--out", "x.png", code=2)
        self.run_tool("bench/plot.py", "curves", QUICKSTART, "--out", "", code=2)
        self.run_tool("bench/rounds/rounds.py", "--data", "d.h5", "--ranks", code=2)
        self.run_tool("bench/rounds/rounds.py", "--data", "d.h5", "--methods", "fcf", code=2)
        self.run_tool("bench/rounds/rounds.py", "--data", "d", "--launcher", "{rank}", code=2)


class StandardOutput(ToolTest):
    def line(self):
        return [sys.executable, ROOT / "bench/compare.py", QUICKSTART, QUICKSTART]

    def test_a_closed_pipe_is_no_error(self):
        tool = subprocess.Popen(self.line(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        tool.stdout.close()
        said = tool.stderr.read().decode()
        tool.stderr.close()
        self.assertEqual((tool.wait(60), said), (0, ""))

    def test_a_full_disk_is_one(self):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                self.line(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^fedfuse: error: standard output .*\n  why: .*\n  do: ")
        self.assertEqual(done.stderr.count("\n"), 3)


class Outputs(ToolTest):
    def test_no_output_is_an_input(self):
        kernels = ROOT / "results/kernels/kernels.json"
        collectives = ROOT / "results/scaling/collectives_2.json"
        table = self.folder / "table.json"
        table.write_bytes((ROOT / "results/scaling/strong/table.json").read_bytes())
        (self.folder / "link.json").symlink_to(table)
        for out in (table, self.folder / "link.json", self.folder / "x/../table.json"):
            (self.folder / "x").mkdir(exist_ok=True)
            before = table.read_bytes()
            words = ["--kernels", kernels, "--collectives", collectives, "--table", table]
            self.run_tool("bench/rounds/model.py", *words, "--out", out, code=2)
            self.assertEqual(table.read_bytes(), before)
        data = self.write("d.h5", "data")
        self.run_tool("bench/rounds/rounds.py", "--data", data, "--out", data, code=2)
        study = self.write("w/table.json", (STUDIES / "strong.json").read_text())
        self.run_tool("bench/rounds/cpu_seconds.py", study, "--work", study.parent, code=2)
        search = self.write("w/chosen.json", (STUDIES / "example.json").read_text())
        words = [search, "--data", data, "--work", search.parent]
        self.run_tool("jobs/studies/study.py", *words, code=2)
        self.assertEqual(search.read_text(), (STUDIES / "example.json").read_text())

    def test_a_folder_that_cannot_be_made(self):
        file = self.write("file", "")
        for tool, words in (
            ("jobs/submit.py", ["--folder", file / "job"]),
            ("jobs/scaling.py", [STUDIES / "strong.json", "--work", file / "w"]),
            ("jobs/studies/study.py", [STUDIES / "example.json", "--data", file, "--work", file]),
            ("bench/rounds/cpu_seconds.py", [STUDIES / "strong.json", "--work", file / "w"]),
            ("bench/rounds/rounds.py", ["--data", file, "--out", file / "r.csv"]),
            ("bench/redraw.py", ["--into", file]),
        ):
            with self.subTest(tool):
                self.run_tool(tool, *words, code=2)

    def test_a_file_is_whole_or_not_there(self):
        out = self.folder / "out.txt"

        def fail(path):
            path.write_text("half")
            raise OSError(28, "No space left on device")

        with self.assertRaises(Refusal):
            outputs.write(out, fail)
        self.assertEqual(list(self.folder.iterdir()), [])
        outputs.write_text(out, "whole")
        self.assertEqual(out.read_text(), "whole")


class Records(ToolTest):
    def summarise(self, rows, code=0):
        return self.run_tool(
            "jobs/studies/summarise.py", self.write("runs.csv", RUNS + rows), code=code
        )

    def test_tables_of_runs(self):
        said = self.summarise("fcf,none,p,0,finished,0.5,0.25\n")
        self.assertIn("| 50.0 / 25.0 |", said)  # one value has no deviation
        said = self.summarise("fcf,none,p,0,finished,0.5,-\nfcf,none,p,1,finished,0.7,nan\n")
        self.assertIn("60.0±14.1 / – (2 of 2 without a value)", said)
        said = self.summarise("fcf,none,p,0,diverged,,\nfcf,none,p,1,INVALID: x,,\n")
        self.assertIn("– / – (1 of 2 diverged) (1 of 2 INVALID)", said)
        self.assertNotIn("without", said)
        for rows in ("", "fcf,none,p,0,finished,many,0.1\n", "fcf,none,p,,finished,0.1,0.1\n"):
            self.summarise(rows, code=2)
        self.run_tool("jobs/studies/summarise.py", self.write("runs.csv", ""), code=2)

    def test_results_without_validation(self):
        """No validation item: the model is that of the last round."""
        rounds = len(a_result()["metrics"]["round"])
        nothing = {"valid_ndcg_50": [None] * rounds, "valid_clients": [0.0] * rounds}
        for seed, best in ((0, 0), (1, None)):
            run = a_result(config={"seed": seed}, metrics=nothing, best_round=best)
            self.write(f"runs/{seed}.json", {**run, "model_round": rounds})
        last = 100 * a_result()["metrics"]["test_hr_50"][-1]
        self.assertIn(
            f"{last:.1f}±0.0", self.run_tool("jobs/studies/summarise.py", self.folder / "runs")
        )
        said = self.run_tool("bench/compare.py", self.folder / "runs", self.folder / "runs")
        self.assertIn("test_hr_50", said)

    def test_damaged_records(self):
        whole_run = a_result()
        damaged = [
            {**whole_run, "time": None},
            {**whole_run, "metrics": {"round": [1], "loss": "x"}},
            {**whole_run, "config": {}},
            {"format": "fedfuse-scaling", "kind": "strong", "rows": [{"nodes": 1}]},
            {"format": "fedfuse-scaling", "kind": "strong", "rows": []},
            {"format": "fedfuse-scaling", "kind": "strong", "rows": None},
            {"context": {}, "benchmarks": [{}]},
            {"context": None, "benchmarks": [{"name": "k", "FLOP": 1, "bytes": 1, "FLOP/s": 1}]},
            {"context": {}, "benchmarks": []},
        ]
        drawn = (("curves", "phases"), ("scaling", "phases"), ("roofline",))
        for number, record in enumerate(damaged):
            path = self.write("bad.json", record)
            with self.subTest(number):
                self.run_tool("bench/compare.py", path, path, code=2)
                for what in drawn[number // 3]:
                    out = self.folder / "x.png"
                    code = 0 if (what, number) == ("curves", 0) else 2  # they need no times
                    self.run_tool("bench/plot.py", what, path, "--out", out, code=code)

    def test_zero_is_a_number_and_null_is_none(self):
        zero = self.write("zero.json", benchmarks({"k": [0.0, 0.0, 1.0, 2.0]}))
        self.assertIn(
            "not judged",
            self.run_tool(
                "bench/compare.py",
                zero,
                self.write("other.json", benchmarks({"k": [0.0, 3.0, 1.0, 2.0]})),
            ),
        )

    def test_studies(self):
        good = json.loads((STUDIES / "example.json").read_text())
        data = self.write("d.h5", "")
        for change, said in (
            ({"seeds": []}, '"seeds" is empty'),
            ({"seeds": [-1]}, "no whole number"),
            ({"fusions": ["none", "x"]}, 'no plan of "x"'),
            ({"sead": 1}, 'unknown key "sead"'),
            ({"backbones": "fcf"}, "not of type list"),
            (
                {
                    "search": {
                        **good["search"],
                        "fusions": {
                            "none": {"trials": 0, "grid": {}},
                            "mlp": {"trials": 1, "grid": {"lr": []}, "from": "mlp"},
                        },
                    }
                },
                "needs at least 1",
            ),
        ):
            study = self.write("study.json", {**good, **change})
            words = [study, "--data", data, "--work", self.folder / "w"]
            self.assertIn(said, self.run_tool("jobs/studies/study.py", *words, code=2))
        self.run_tool("jobs/studies/study.py", self.write("l.json", []), *words[1:], code=2)
        self.run_tool(
            "jobs/studies/study.py",
            STUDIES / "example.json",
            *words[1:],
            "--stage",
            "final",
            code=2,
        )
        strong = json.loads((STUDIES / "strong.json").read_text())
        for change in (
            {"points": [{"ranks": 0}]},
            {"points": [{"ranks": True}]},
            {"points": [{"gpus": -1}]},
            {"generate": {"users": -5}},
            {"train": {"rounds": "8"}},
            {"repeats": 0},
        ):
            with self.subTest(change):
                study = self.write("study.json", {**strong, **change})
                self.run_tool("jobs/scaling.py", study, "--work", self.folder / "w", code=2)

    def test_seeds(self):
        for seeds in ("0-9999999", "1-", "\u0663", "a", "5-1", "0-4:0"):
            with self.subTest(seeds):
                self.run_tool(
                    "jobs/submit.py",
                    "--folder",
                    self.folder / "job",
                    "--template",
                    "array",
                    "--seeds",
                    seeds,
                    "--",
                    "train",
                    code=2,
                )


if __name__ == "__main__":
    unittest.main()
