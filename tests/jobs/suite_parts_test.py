#!/usr/bin/env python3
"""The parts of jobs/suite.py over small records: verdicts on kernels, collectives and io; energy;
counters; the memory model; lines for machines.
"""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from tool import ROOT, ToolTest, a_result

from lib import suite_classes, suite_counters, suite_judge, suite_measure, suite_plan, suite_table
from lib.suite_machine import Energy
from lib.suite_run import Shape

CLASS = suite_classes.CLASSES["S"]
ROW = {"class": "S", "copies": 1, "weak": False, "threads": 1, "device": "cpu", "failures": []}


def kernels(**changes: Any) -> dict[str, Any]:
    entries = [
        {"name": name, "run_type": "iteration", "FLOP/s": 2e9 * n, "of_fma": 0.25}
        for name in suite_classes.KERNELS
        for n in (1, 2, 4)
    ]
    entries[0] |= changes
    return {"context": {"ceiling_fma_flop_per_s": "8e+09"}, "benchmarks": entries}


def collectives(**changes: Any) -> dict[str, Any]:
    row = {"collective": "mpi", "bytes": CLASS.most_bytes, "wrong_words": 0}
    row |= {"seconds": [1e-3, 2e-3, 4e-3]}
    return {"ranks": 2, "rows": [{**row, "bytes": 8}, row | changes]}


def io(**changes: Any) -> dict[str, Any]:
    sizes = {"clients": CLASS.users, "items": CLASS.items, "ranks": 2, "bytes": 1e9}
    return sizes | {"wrong_bytes": 0, "write_seconds": [3.0], "read_seconds": [1.0]} | changes


class Verdicts(ToolTest):
    def judged(self, workload: str, *documents: dict[str, Any]) -> dict[str, Any]:
        ranks = 1 if workload == "kernels" else 2
        row = ROW | {"name": f"{workload}.S", "workload": workload, "ranks": ranks}
        row |= {"clients": CLASS.users, "unit": suite_classes.WORKLOADS[workload].unit}
        row["repeats"] = len(documents)
        for number, document in enumerate(documents):
            self.write(f"{workload}.S/run-{number}.json", document)
        return suite_judge.judge(self.folder, row, {})

    def test_whole_records_are_valid(self) -> None:
        for workload, document, figure in (
            ("kernels", kernels(), 4.0),  # the median of 2, 4 and 8
            ("collectives", collectives(), CLASS.most_bytes / 2e-3 * 1e-9),
            ("io", io(), 0.5),
        ):
            row = self.judged(workload, document)
            self.assertEqual(row["verdict"], "VALID", row["checks"])
            self.assertAlmostEqual(row["fom"], figure)
        self.assertAlmostEqual(self.judged("kernels", kernels())["efficiency"], 0.25)

    def test_each_run_of_a_benchmark_is_a_sample(self) -> None:
        slower = io(write_seconds=[7.0])
        row = self.judged("io", io(), slower, io())
        self.assertEqual(row["runs"], [0.5, 0.25, 0.5])
        self.assertEqual((row["fom"], row["phases"]), (0.5, {"write": 3.0, "read": 1.0}))
        row = self.judged("io", io(), io(wrong_bytes=4), io())
        self.assertEqual(row["verdict"], "INVALID")
        self.assertEqual(len(row["checks"]), 3)

    def test_a_failed_check_is_invalid(self) -> None:
        missing = kernels()
        missing["benchmarks"] = missing["benchmarks"][3:]
        failed = {"error_occurred": True, "error_message": "wrong result"}
        for workload, document, said in (
            ("kernels", kernels(**failed), "wrong result"),
            ("kernels", missing, "did not run"),
            ("collectives", collectives(wrong_words=3), "3 words were wrong"),
            ("collectives", collectives(bytes=1024), "up to 1024 B, not"),
            ("collectives", collectives() | {"ranks": 4}, "4 ranks, not 2"),
            ("collectives", collectives(seconds=[0.0]), "a sample is missing"),
            ("io", io(wrong_bytes=4), "4 bytes came back changed"),
            ("io", io(clients=9), "clients 9, not 500"),
        ):
            with self.subTest(said):
                row = self.judged(workload, document)
                self.assertEqual(row["verdict"], "INVALID")
                told = [check["told"] for check in row["checks"] if not check["passed"]]
                self.assertIn(said, "; ".join(told))
                line = suite_table.fom_line(row)
                self.assertRegex(line, rf"^FOM {workload}\.S - \S+ INVALID ranks=")


class Numbers(unittest.TestCase):
    def test_warm_up_and_the_last_round_are_not_measured(self) -> None:
        run = a_result()
        run["time"]["round_s"] = [9.0, 9.0, 0.5, 1.0, 9.0]
        run["metrics"]["participants"] = [100.0] * 5
        linear = suite_classes.WORKLOADS["linear"]
        self.assertEqual(suite_measure.rates(run, linear), [200.0, 100.0])

    def test_a_mean_of_nothing_or_of_zero_does_not_exist(self) -> None:
        self.assertAlmostEqual(suite_measure.geometric_mean([1.0, 4.0]), 2.0)
        self.assertIsNone(suite_measure.geometric_mean([]))
        self.assertIsNone(suite_measure.geometric_mean([1.0, 0.0]))

    def test_numbers_of_lines_have_no_exponent(self) -> None:
        for value, text in ((8.49e7, "84900000"), (3.14159, "3.142"), (2e-5, "0.000020")):
            self.assertEqual(suite_table.number(value), text)
        self.assertEqual(suite_table.number(None), "-")


class Joules(ToolTest):
    def package(self, number: int, joules: float) -> Path:
        folder = f"intel-rapl:{number}"
        self.write(f"{folder}/max_energy_range_uj", "999999")
        return self.write(f"{folder}/energy_uj", str(round(joules * 1e6)))

    def test_packages_are_added_and_counters_wrap(self) -> None:
        first, second = self.package(0, 0.9), self.package(1, 0.1)
        self.write("intel-rapl:0:0/energy_uj", "5")  # a part of package 0
        energy = Energy(self.folder)
        first.write_text("100000")
        second.write_text("300000")
        self.assertAlmostEqual(energy.record()["energy_joules"], 0.2 + 0.2)

    def test_the_record_says_why_not(self) -> None:
        self.assertIn("no intel-rapl package", Energy(self.folder).record()["energy_skipped"])
        self.package(0, 0.5).write_text("denied")
        self.assertIn("cannot be read", Energy(self.folder).record()["energy_skipped"])


class Counts(unittest.TestCase):
    def run_with(self, refused: dict[int, OSError]) -> dict[str, Any]:
        open_event = suite_counters.open_event

        def stand_in(kind: int, configuration: int) -> int:
            if kind in refused:
                raise refused[kind]
            return open_event(kind, configuration)

        with mock.patch.object(suite_counters, "open_event", stand_in):
            counters = suite_counters.Counters()
            subprocess.run([sys.executable, "-c", "sum(range(3 * 10**6))"], check=True)
            return counters.record()

    def test_a_child_counts(self) -> None:
        denied = {suite_counters.HARDWARE: OSError(13, "not permitted")}
        record = self.run_with(denied)
        found = record["counters"]
        self.assertEqual(list(found), list(suite_counters.EVENTS))
        self.assertIn(
            "cycles, instructions, cache_misses: not permitted", record["counters_skipped"]
        )
        if found["cpu_seconds"] is None:  # a container that forbids the call
            self.skipTest(record["counters_skipped"])
        self.assertGreater(found["cpu_seconds"], 0.01)
        self.assertGreater(found["page_faults"], 100)

    def test_runs_are_added_and_shown(self) -> None:
        one = {"counters": dict.fromkeys(suite_counters.EVENTS, 6.0), "counters_skipped": ""}
        other = {
            "counters": {**one["counters"], "cycles": None},
            "counters_skipped": "cycles: gone",
        }
        both = suite_counters.of_all([one, other])
        self.assertEqual(both["counters"]["instructions"], 12.0)
        self.assertIsNone(both["counters"]["cycles"])
        self.assertEqual(both["counters_skipped"], "cycles: gone")
        told = suite_table._counters([{"name": "linear.S", **suite_counters.of_all([one, one])}])
        self.assertRegex(told[1], "^counters +cpu seconds .*cycles .*instructions per cycle$")
        self.assertRegex(told[2], r"^linear\.S +12 .*12 +1$")
        self.assertEqual(suite_table._counters([{"name": "linear.S"}]), [])


class Plan(unittest.TestCase):
    def test_nodes_share_the_clients_and_repeat_the_items(self) -> None:
        need = suite_plan.Memory(a_rank=2.0, shared=100.0, file=0)
        self.assertEqual(need.on_a_node(ranks=3), 106.0)
        self.assertEqual(need.nodes(ranks=3, free=16.0), 10)
        self.assertEqual(need.nodes(ranks=3, free=1000.0), 1)
        self.assertIsNone(need.nodes(ranks=3, free=6.0))

    def test_memory_is_that_of_runs(self) -> None:
        """Peaks of a rank of two, in MB, as runs of the suite found them."""
        for name, class_name, peak in (
            ("linear", "W", 196),
            ("linear", "B", 637),
            ("mlp", "B", 790),
            ("rank", "B", 913),
            ("router", "W", 711),
            ("distil", "W", 317),
            ("distil", "B", 1560),
            ("all", "W", 827),
        ):
            of = suite_classes.CLASSES[class_name]
            need = suite_plan.memory(suite_classes.WORKLOADS[name], of, of.users)
            a_rank = (need.a_rank + need.shared / 2) * 1e-6
            self.assertLess(abs(a_rank / peak - 1), 0.2, f"{name}.{class_name}: {a_rank:.0f}")

    def test_uploads_without_room_are_not_stored(self) -> None:
        of, distil = suite_classes.CLASSES["A"], suite_classes.WORKLOADS["distil"]
        stored = suite_plan.memory(distil, of, of.users)
        uploads = of.users * suite_plan.upload_bytes(distil, of)
        self.assertGreater(uploads, 2e9)
        self.assertEqual(suite_plan.memory(distil, of, of.users, uploads), stored)
        again = suite_plan.memory(distil, of, of.users, uploads - 1)
        self.assertAlmostEqual(stored.shared - again.shared, uploads)
        self.assertLess(again.a_rank - stored.a_rank, 2e7)
        self.assertEqual(suite_plan.upload_bytes(suite_classes.WORKLOADS["linear"], of), 0)

    def test_a_node_without_room_for_uploads_plans_none(self) -> None:
        of, distil = suite_classes.CLASSES["A"], suite_classes.WORKLOADS["distil"]
        shape = Shape(ranks=2, threads=1, device="cpu")
        ample, scarce = (
            suite_plan.Plan([distil], of, of.users, shape, 1, free).need(distil).shared
            for free in (20e9, 4e9)
        )
        self.assertGreater(ample - scarce, 2e9)


class Lists(ToolTest):
    def test_every_workload_and_class_is_listed(self) -> None:
        said = self.run_tool("jobs/suite.py", "--list")
        for name in (*suite_classes.WORKLOADS, *suite_classes.CLASSES):
            self.assertRegex(said, rf"(?m)^  {name} ")
        rules = (ROOT / "bench/README.md").read_text()
        for name in suite_classes.WORKLOADS:
            self.assertIn(f"`{name}`", rules)


if __name__ == "__main__":
    unittest.main()
