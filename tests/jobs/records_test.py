#!/usr/bin/env python3
"""Records of runs: validity, comparing, summaries."""

import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np

from tool import QUICKSTART, ToolTest, a_result, benchmarks

from records import readers
from records.errors import Refusal
from records.validity import why_invalid

SCALING_ROW = {
    "nodes": 1,
    "ranks": 2,
    "threads": 1,
    "runs": 3,
    "round_s": 1.0,
    "round_s_runs": [1.0, 1.0, 1.01],
    "invalid": [],
}


class Twins(unittest.TestCase):
    def test_only_the_endings_of_hdf5_are_cut(self):
        for path, twin in (
            ("out/run.h5", "out/run.json"),
            ("run.hdf5", "run.json"),
            ("lr0.1", "lr0.1.json"),
            ("lr0.5.h5", "lr0.5.json"),
        ):
            self.assertEqual(readers.twin_of(Path(path)), Path(twin))


class DamagedResults(unittest.TestCase):
    def refused(self, spoil):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.h5"
            with h5py.File(path, "w") as file:
                file.attrs["format"] = np.bytes_("fedfuse-result")
                file.attrs["config"] = np.bytes_('{"dim": 8}')
                file["facts/clients"] = np.array([5.0])
                spoil(file)
            with self.assertRaises(Refusal) as refusal:
                readers.read_result(path)
            self.assertIn("run.h5", str(refusal.exception))

    def test_are_refused_by_name(self):
        def texts_cut(file):
            file.attrs["config"] = np.bytes_('{"dim": 8')

        def empty_fact(file):
            del file["facts/clients"]
            file["facts/clients"] = np.array([], dtype=float)

        def lost_link(file):
            file["metrics/loss"] = h5py.SoftLink("/nowhere")

        def a_table_that_is_a_dataset(file):
            file["metrics"] = np.array([1.0])

        for spoil in (texts_cut, empty_fact, lost_link, a_table_that_is_a_dataset):
            with self.subTest(spoil.__name__):
                self.refused(spoil)


class Validity(unittest.TestCase):
    def test_a_published_run_is_valid(self):
        self.assertEqual(why_invalid(a_result()), "")
        self.assertEqual(why_invalid(a_result(status="complete")), "")

    def test_every_reason_is_named(self):
        run = a_result()
        rounds = len(run["metrics"]["round"])
        for changed, reason in (
            (a_result(status="failed", status_text="diverged"), "diverged"),
            (a_result(status="interrupted"), "interrupted"),
            (a_result(status="invalid: sums differ"), "sums differ"),
            (a_result(status="running"), "running"),
            (a_result(metrics={"loss": [None] * rounds}), "loss of round 1"),
            (a_result(metrics={"test_ndcg_50": [float("inf")] * rounds}), "test_ndcg_50"),
            (a_result(metrics={"participants": [7.0] * rounds}), "7 of"),
            (
                a_result(metrics={"valid_clients": [9.0, *run["metrics"]["valid_clients"][1:]]}),
                "were evaluated",
            ),
        ):
            with self.subTest(reason):
                self.assertIn(reason, why_invalid(changed))


class Compare(ToolTest):
    base: ClassVar = {"k/1": [10.0, 10.1, 9.9, 10.0, 10.05], "k/2": [5.0, 5.1, 4.9]}

    def test_same_and_noise_are_no_regression(self):
        a = self.write("a.json", benchmarks(self.base))
        b = self.write(
            "b.json",
            benchmarks(
                {"k/1": [10.1, 10.0, 9.95, 10.2, 9.9], "k/2": [5.0, 5.1, 4.9], "new": [1.0]}
            ),
        )
        self.assertIn("only in B: new", self.run_tool("bench/compare.py", a, b))

    def test_slower_ends_with_1_and_faster_with_0(self):
        a = self.write("a.json", benchmarks(self.base))
        b = self.write("b.json", benchmarks({**self.base, "k/1": [20.0, 20.1, 19.9]}))
        self.assertIn("REGRESSION", self.run_tool("bench/compare.py", a, b, code=1))
        self.assertIn("faster", self.run_tool("bench/compare.py", b, a))

    def test_one_sample_is_not_judged(self):
        a, b = (
            self.write("a.json", benchmarks({"k": [1.0]})),
            self.write("b.json", benchmarks({"k": [9.0]})),
        )
        self.assertIn("not judged", self.run_tool("bench/compare.py", a, b))

    def test_a_failed_check_ends_with_1(self):
        broken = benchmarks(self.base)
        broken["benchmarks"].append(
            {"name": "k/3", "error_occurred": True, "error_message": "wrong result"}
        )
        good = benchmarks({**self.base, "k/3": [1.0, 1.0, 1.0]})
        self.assertIn(
            "wrong result",
            self.run_tool(
                "bench/compare.py", self.write("a.json", good), self.write("b.json", broken), code=1
            ),
        )

    def test_results_and_an_invalid_one(self):
        a = self.write("a/none.json", a_result())
        self.assertIn("same", self.run_tool("bench/compare.py", a, QUICKSTART / "none.json"))
        b = self.write("b/none.json", a_result(status="failed", status_text="diverged"))
        self.assertIn(
            "INVALID in B: 1 of 1 runs: failed: diverged",
            self.run_tool("bench/compare.py", a.parent, b.parent, code=1),
        )
        self.assertIn(
            "INVALID in A: 1 of 1 runs", self.run_tool("bench/compare.py", b.parent, a.parent)
        )

    def test_an_invalid_run_among_others_ends_with_1(self):
        for seed in range(4):
            self.write(f"a/none-{seed}.json", a_result(config={"seed": seed}))
            self.write(
                f"b/none-{seed}.json",
                a_result(config={"seed": seed}, status="failed" if seed == 3 else "finished"),
            )
        said = self.run_tool("bench/compare.py", self.folder / "a", self.folder / "b", code=1)
        self.assertIn("INVALID in B: 1 of 4 runs", said)
        self.assertIn("1 regressions or failed checks", said)  # the three others are compared
        self.write("b/other.json", a_result(config={"fusion": "mlp"}, status="failed"))
        self.assertIn(
            "INVALID in B, and not in A at all: fcf/mlp",
            self.run_tool("bench/compare.py", self.folder / "a", self.folder / "b", code=1),
        )

    def test_a_number_that_is_not_finite_is_invalid(self):
        a, b = (
            self.write("a.json", benchmarks(self.base)),
            self.write("b.json", benchmarks({**self.base, "k/2": [5.0, float("nan"), 4.9]})),
        )
        self.assertIn(
            "INVALID in B: a number is not finite", self.run_tool("bench/compare.py", a, b, code=1)
        )

    def test_invalid_runs_of_a_scaling_table_end_with_1(self):
        row = SCALING_ROW
        a = self.write("a.json", {"format": "fedfuse-scaling", "kind": "strong", "rows": [row]})
        b = self.write(
            "b.json",
            {
                "format": "fedfuse-scaling",
                "kind": "strong",
                "rows": [{**row, "runs": 2, "invalid": ["repeat-2: clients lost"]}],
            },
        )
        self.assertIn(
            "INVALID in B: repeat-2: clients lost", self.run_tool("bench/compare.py", a, b, code=1)
        )

    def test_other_settings_are_said(self):
        a, b = (
            self.write("a/none.json", a_result()),
            self.write("b/none.json", a_result(config={"dim": 17})),
        )
        self.assertIn(
            "not the same settings, A | B: dim 64 | 17",
            self.run_tool("bench/compare.py", a, b, "--across-settings"),
        )
        self.assertNotIn("NOTE", self.run_tool("bench/compare.py", a, QUICKSTART / "none.json"))

    def test_results_of_other_data_are_not_compared(self):
        def run(name, data):
            known = {"data": data * 64, "config": "c" * 64, "program": "d" * 64}
            return self.write(name, {**a_result(), "identity": known})

        a, b = run("a.json", "a"), run("b.json", "b")
        for words in ((), ("--across-settings",)):
            said = self.run_tool("bench/compare.py", a, b, *words, code=2)
            self.assertIn("different workloads", said)
            self.assertIn("data aaaaaaaaaaaa | bbbbbbbbbbbb", said)
        self.assertIn("same", self.run_tool("bench/compare.py", a, run("c.json", "a")))
        # the counts stand for an identity that is not recorded
        fewer = self.write("d.json", a_result(data={"clients": 7}))
        self.assertIn("data clients", self.run_tool("bench/compare.py", a, fewer, code=2))

    def test_scaling_tables_of_other_workloads_are_not_compared(self):
        row = {**SCALING_ROW, "users": 60, "data_identity": "a" * 64}
        table = {
            "format": "fedfuse-scaling",
            "schema_version": 1,
            "kind": "strong",
            "generate": {"users": 60, "seed": 0},
            "train": {"backbone": "fcf", "fusion": "none", "dim": 8},
            "rows": [row],
        }
        a = self.write("a.json", table)
        old = {key: value for key, value in row.items() if key != "data_identity"}
        for change, said in (
            ({"train": {**table["train"], "dim": 16}}, "dim 8 | 16"),
            ({"train": {**table["train"], "backbone": "fedncf"}}, "backbone fcf | fedncf"),
            ({"rows": [{**row, "data_identity": "b" * 64}]}, "data aaaaaaaaaaaa | bbbbbbbbbbbb"),
            ({"rows": [old], "generate": {"users": 60, "seed": 1}}, "data seed 0 | 1"),
            ({"rows": [{**old, "users": 90}]}, "data users 60 | 90"),
            ({"clock": "cpu"}, "clock wall | cpu"),
        ):
            with self.subTest(said):
                b = self.write("b.json", {**table, **change})
                self.assertIn(said, self.run_tool("bench/compare.py", a, b, code=2))
        # what decides no bit may differ, and a device
        b = self.write(
            "b.json", {**table, "train": {**table["train"], "uploads": "store", "device": "cuda"}}
        )
        self.run_tool("bench/compare.py", a, b)

    def test_benchmarks_of_other_work_are_not_compared(self):
        documents = [benchmarks(self.base) for _ in range(2)]
        for document, flops in zip(documents, (1e6, 2e6)):
            for entry in document["benchmarks"]:
                entry["FLOP"] = flops
        a, b = (self.write(f"{n}.json", document) for n, document in enumerate(documents))
        self.assertIn("FLOP", self.run_tool("bench/compare.py", a, b, code=2))
        self.run_tool("bench/compare.py", a, a)

    def test_shares_of_other_ceilings_are_not_compared(self):
        rows = [entry | {"of_fma": 0.5} for entry in benchmarks(self.base)["benchmarks"]]
        old = self.write("a.json", {"context": {}, "benchmarks": rows})
        new = self.write("b.json", {"context": {"ceiling_fma_bits": "1"}, "benchmarks": rows})
        said = self.run_tool("bench/compare.py", old, new, "--by", "of_fma", code=2)
        self.assertIn("ceilings of eight lanes of C++ | each vector width", said)
        self.run_tool("bench/compare.py", old, new)

    def test_another_schema_is_refused(self):
        good = self.write("a.json", a_result())
        for version in (2, 99, "1", None):
            other = self.write("b.json", a_result(schema_version=version))
            self.assertIn("schema version", self.run_tool("bench/compare.py", good, other, code=2))

    def test_bad_input_ends_with_2(self):
        good = self.write("a.json", benchmarks(self.base))
        for other in (
            self.folder / "absent.json",
            self.write("text.json", "no JSON"),
            self.write("list.json", []),
            self.write("alone.json", benchmarks({"z": [1.0]})),
        ):
            with self.subTest(other):
                self.run_tool("bench/compare.py", good, other, code=2)


if __name__ == "__main__":
    unittest.main()
