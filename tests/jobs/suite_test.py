#!/usr/bin/env python3
"""jobs/suite.py: a small run is valid; what is doctored in its records is INVALID; bad input is
refused before anything is run.

  FEDFUSE_PROGRAM=... suite_test.py
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import unittest
from pathlib import Path
from typing import Any

from suite_case import FOM, WRONG, SuiteTest
from tool import ROOT

REFERENCE = ROOT / "jobs/lib/suite_reference.json"


class Verdicts(SuiteTest):
    def test_two_workloads_of_class_s_are_valid(self) -> None:
        self.assertEqual(self.code, 0, self.said)
        found = FOM.findall(self.said)
        self.assertEqual(
            [(name, of, unit, verdict, ranks) for name, of, _, unit, verdict, ranks in found],
            [(name, "S", "client-rounds/s", "VALID", "2") for name in ("linear", "distil")],
            self.said,
        )
        self.assertTrue(all(float(figure) > 0 for _, _, figure, *_ in found))
        self.assertRegex(self.said.splitlines()[-1], r"^SCORE S \d\S* workloads=2/10 reference=\S")

    def test_the_record_holds_what_the_table_shows(self) -> None:
        document = json.loads((self.run_folder / "suite.json").read_text())
        for row in document["rows"]:
            self.assertGreaterEqual(len(row["samples"]), 5)
            self.assertGreater(row["peak_memory_bytes"], 1e6)
            self.assertGreater(row["phases"]["training"], 0)
            self.assertRegex(row["data_identity"], "^[0-9a-f]{64}$")
            self.assertTrue(row["energy_joules"] or row["energy_skipped"])
            names = [check["name"] for check in row["checks"]]
            self.assertIn("the same bits on other ranks and threads", names)
            self.assertIn("the loss of the reference", names)
        self.assertFalse(list(self.run_folder.rglob("*.h5")), "models are not kept")

    def test_what_is_doctored_is_invalid(self) -> None:
        def nan(run: Any) -> None:
            run["metrics"]["loss"][3] = None

        def lost(run: Any) -> None:
            run["metrics"]["participants"][3] -= 1

        def smaller(run: Any) -> None:
            run["data"]["clients"] = 499

        def easier(run: Any) -> None:
            run["config"]["dim"] = 32

        def shorter(run: Any) -> None:
            for column in run["metrics"].values():
                column.pop()

        def other_sum(run: Any) -> None:
            run["metrics"]["loss"][0] += 1e-12

        def parted(run: Any) -> None:
            run["facts"]["ranks_that_differ"] = 1

        def not_compared(run: Any) -> None:
            del run["facts"]["ranks_that_differ"]

        def slower_start(run: Any) -> None:
            run["metrics"]["loss"][-1] *= 1.01

        def other_data(run: Any) -> None:
            run["identity"]["data"] = "0" * 64

        def other_program(run: Any) -> None:
            run["identity"]["program"] = "0" * 64

        def failed(document: Any) -> None:
            document["rows"][0]["failures"] = ["exit code 139"]

        def fewer_runs(document: Any) -> None:
            document["rows"][0]["repeats"] = 0

        def other_model(document: Any) -> None:
            document["rows"][0]["verify"]["differences"] = ["model/item_table"]

        first, second, record = "linear.S/run-0.json", "linear.S/verify.json", "suite.json"
        for file, change, said in (
            (first, nan, "loss of round 4 is not finite"),
            (first, lost, "499 of 500 clients took part in round 4"),
            (first, smaller, "the size of the class: clients 499, not 500"),
            (first, easier, "the size of the class: dim is 32, not 64"),
            (first, shorter, "the size of the class: 8 rounds"),
            (first, parted, "1 ranks hold another model than rank 0"),
            (first, not_compared, "the program did not compare them"),
            (first, slower_start, "the loss of the reference"),
            (first, other_data, "of another data set than suite.json names"),
            (first, other_program, "of another program than suite.json names"),
            (second, other_sum, "the same bits on other ranks and threads: metrics/loss"),
            (record, failed, "programs ended well: exit code 139"),
            (record, fewer_runs, "every run has a record: 1 of 0 have one"),
            (record, other_model, "ranks and threads: model/item_table"),
        ):
            with self.subTest(change.__name__):
                folder = self.doctored(file, change)
                told = self.suite("--table", folder, code=1)
                self.assertIn("INVALID linear.S: ", told)
                self.assertIn(said, told)
                self.assertRegex(told, r"(?m)^FOM linear\.S - client-rounds/s INVALID ranks=2 ")
                self.assertRegex(told, r"(?m)^FOM distil\.S \d\S* client-rounds/s VALID ")
                self.assertIn("workloads=1/10", told)

    def test_a_program_that_sums_wrongly_ends_with_1(self) -> None:
        """On two ranks alone, so that the run on other ranks shows it."""
        program = self.write("wrong", WRONG.format(os.environ["FEDFUSE_PROGRAM"], sys.executable))
        program.chmod(0o755)
        words = ["--program", program, "--ranks", "2", "--oversubscribe", "--cache", self.cache]
        told = self.suite("linear", *words, "--out", self.folder / "wrong_run", code=1)
        self.assertIn("INVALID linear.S: the same bits on other ranks and threads", told)
        self.assertIn("INVALID linear.S: the loss of the reference", told)
        self.assertRegex(told, r"(?m)^FOM linear\.S - \S+ INVALID ")

    def test_a_record_that_is_missing_is_invalid(self) -> None:
        for name, said in (
            ("run-0.json", "0 of 1 have one"),
            ("verify.json", "the second run has no record"),
        ):
            folder = self.doctored("suite.json", lambda _: None)
            (folder / "linear.S" / name).unlink()
            self.assertIn(said, self.suite("--table", folder, code=1))

    def test_another_reference_is_invalid_and_none_is_unchecked(self) -> None:
        reference = json.loads(REFERENCE.read_text())
        reference["rows"]["linear.S"]["loss"] *= 1.002
        changed = self.write("reference.json", reference)
        told = self.suite("--table", self.run_folder, "--reference", changed, code=1)
        self.assertRegex(told, r"INVALID linear\.S: the loss of the reference: .* tolerance 1e-03")
        del reference["rows"]["linear.S"]
        fewer = self.write("fewer.json", reference)
        told = self.suite("--table", self.run_folder, "--reference", fewer)
        self.assertRegex(told, r"(?m)^FOM linear\.S \d\S* client-rounds/s UNCHECKED ")

    def test_a_saved_reference_has_a_ratio_of_one(self) -> None:
        file = self.folder / "mine.json"
        words = ["--table", self.run_folder, "--reference", file]
        self.suite(*words, "--save-reference", "mine")
        self.assertIn("SCORE S 1 workloads=2/10 reference=mine", self.suite(*words))


class Tools(SuiteTest):
    def test_a_table_of_several_folders(self) -> None:
        slower = self.doctored("suite.json", lambda _: None)
        told = self.suite("--table", self.run_folder, slower)
        self.assertRegex(told, r"(?m)^\| linear\.S \| client-rounds/s \| \d.* \| \d.* \|$")
        self.assertEqual(len(FOM.findall(told)), 4)

    def test_compare_reads_runs_as_samples(self) -> None:
        def three(factor: float, load: str = "quiet", speed: float = 1, last: float = 1) -> Path:
            def change(document: Any) -> None:
                for row in document["rows"]:
                    row["runs"] = [factor * row["fom"] * share for share in (1, 1.01, 0.99)]
                    row["ceilings_flop_per_s"] = [1e11 * speed * s for s in (1, last, 0.99)]
                    row["load"] = load

            return self.doctored("suite.json", change)

        a, b = three(1), three(0.5)
        self.assertIn("not judged", self.run_tool("bench/compare.py", self.run_folder, b))
        self.assertIn("REGRESSION (worse)", self.run_tool("bench/compare.py", a, b, code=1))
        self.assertIn("better", self.run_tool("bench/compare.py", b, a))
        for other, said in (
            (three(0.5, load="busy"), "busy machine"),
            (three(0.5, speed=0.8), "the machine's speed changed, ceiling 100 | 80 GFLOP/s"),
            (three(0.5, last=1.2), "the machine's speed varied by 21 % between the runs"),
        ):
            self.assertIn(f"not judged: {said}", self.run_tool("bench/compare.py", a, other))

        def broken(document: Any) -> None:
            check = {"name": "sums", "passed": False, "told": "they differ"}
            document["rows"][0] |= {"verdict": "INVALID", "checks": [check]}

        c = self.doctored("suite.json", broken)
        told = self.run_tool("bench/compare.py", a, c, code=1)
        self.assertIn("INVALID in B: sums: they differ", told)

        def larger(document: Any) -> None:
            document["rows"][0]["clients"] = 600

        d = self.doctored("suite.json", larger)
        self.assertIn("clients 500 | 600", self.run_tool("bench/compare.py", a, d, code=2))

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "no matplotlib")
    def test_plot_draws_folders(self) -> None:
        for what in ("suite", "phases"):
            out = self.folder / f"{what}.svg"
            self.run_tool("bench/plot.py", what, self.run_folder, self.run_folder, "--out", out)
            self.assertIn("linear.S", out.read_text())

    def test_weak_gives_every_rank_the_clients_of_the_class(self) -> None:
        out = self.folder / "weak"
        words = ["--weak", "--ranks", "2", "--oversubscribe", "--out", out]
        told = self.suite("linear", *words)
        self.assertRegex(told, r"(?m)^FOM linear\.S-weak2 \d\S* \S+ UNCHECKED ranks=2 ")
        twin = json.loads((out / "linear.S-weak2/run-0.json").read_text())
        self.assertEqual((twin["data"]["clients"], twin["data"]["items"]), (1000, 200))

    def test_copies_add_their_rates(self) -> None:
        out = self.folder / "copies"
        words = ["--copies", "2", "--ranks", "1", "--oversubscribe", "--cache", self.cache]
        words += ["--repeats", "2"]
        told = self.suite("linear", *words, "--out", out)
        self.assertRegex(told, r"(?m)^FOM linear\.S-copies2 \d\S* \S+ VALID ranks=1 .* copies=2$")
        row = json.loads((out / "suite.json").read_text())["rows"][0]
        each = [
            json.loads((out / row["name"] / f"run-{number}-seed{seed}.json").read_text())
            for number in range(2)
            for seed in range(2)
        ]
        self.assertEqual([run["config"]["seed"] for run in each], [0, 1, 0, 1])
        rates = [500 / run["time"]["round_s"][2] for run in each]
        self.assertEqual(len(row["samples"]), 12)
        for at, one in ((0, rates[:2]), (6, rates[2:])):
            self.assertAlmostEqual(row["samples"][at], sum(one), delta=1e-6 * sum(one))
        self.assertEqual(len(row["runs"]), 2)


class Refusals(SuiteTest):
    def test_unknown_names_are_told_with_the_nearest(self) -> None:
        for words, said in (
            (["routr"], 'there is no workload "routr" (did you mean "router"?)'),
            (["--class", "s"], 'there is no class "s" (did you mean "S"?)'),
            (["--class", "Z"], "the classes are S, W, A, B, C, D"),
        ):
            self.assertIn(said, self.suite(*words, code=2))

    def test_a_machine_that_is_too_small(self) -> None:
        told = self.suite("mlp", "--class", "B", "--ranks", "1", "--memory-gib", "1", code=2)
        self.assertRegex(told, r"mlp\.B does not fit this machine\n.* it would take \d+ nodes")
        told = self.suite("mlp", "--class", "C", "--ranks", "1", "--memory-gib", "1", code=2)
        self.assertIn("no number of nodes will do", told)
        told = self.suite("linear", "--ranks", "9999", code=2)
        self.assertIn("9999 ranks x threads on", told)
        self.assertFalse((self.folder / "cache").exists(), "something was made before the refusal")

    def test_a_plan_allocates_nothing_and_d_is_only_planned(self) -> None:
        told = self.suite("linear", "router", "--class", "C", "--plan")
        self.assertRegex(told, r"(?m)^router\.C +\d")
        told = self.suite("linear", "--class", "D", "--ranks", "1", code=2)
        self.assertRegex(told, r"(?m)^linear\.D +\d")
        self.assertIn("class D is not run", told)
        self.assertFalse((self.folder / "cache").exists())

    def test_cached_data_that_were_changed(self) -> None:
        try:
            import h5py
        except ImportError:
            self.skipTest("no h5py (python3-h5py)")
        cache = self.folder / "changed"
        shutil.copytree(self.cache, cache)
        with h5py.File(cache / "S.h5", "r+") as file:
            file["items/text"][0, 0] += 1
        words = ["linear", "--ranks", "1", "--out", self.folder / "out", "--cache", cache]
        self.assertIn("S.h5 was changed", self.suite(*words, code=2))
        (cache / "S.h5").write_bytes(b"no data set")
        self.assertIn("S.h5 was changed", self.suite(*words, code=2))
        note = json.loads((cache / "S.json").read_text())
        (cache / "S.json").write_text(json.dumps({**note, "schema_version": 2}))
        self.assertIn("is not of this suite", self.suite(*words, code=2))

    def test_a_results_folder_of_another_version(self) -> None:
        def newer(document: Any) -> None:
            document["schema_version"] = 3

        folder = self.doctored("suite.json", newer)
        for words in (["--table", folder], ["linear", "--ranks", "1", "--out", folder]):
            self.assertIn("schema version 3", self.suite(*words, code=2))
        words = ["linear", "--ranks", "1", "--out"]
        self.assertIn("holds a run", self.suite(*words, self.run_folder, code=2))
        self.assertIn("FOM linear.S", self.suite("--overwrite", *words, folder))
        (folder / "suite.json").write_text('{"format": "mine"}')
        self.assertIn("is no record", self.suite("--overwrite", *words, folder, code=2))
        self.assertIn("is no record of the suite", self.suite("--table", self.folder, code=2))

    def test_a_benchmark_that_is_not_built(self) -> None:
        program = self.write("fedfuse", "#!/bin/sh")
        out = self.folder / "out"
        said = self.suite("io", "--ranks", "1", "--program", program, "--out", out, code=2)
        self.assertIn("there is no bench_io", said)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
