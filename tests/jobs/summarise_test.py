#!/usr/bin/env python3
"""The table of a study: means over seeds, invalid and missing values."""

import unittest
from pathlib import Path

from tool import ToolTest, a_result

from records import readers


class Summaries(ToolTest):
    def test_different_data_or_settings_have_no_mean(self):
        self.write("result-0.json", a_result())
        for change, said in (
            ({"config": {"seed": 1, "dim": 17}}, "dim 64 | 17"),
            ({"config": {"seed": 1, "fusion": "mlp"}, "data": {"clients": 9}}, "data clients"),
        ):
            self.write("result-1.json", a_result(**change))
            self.assertIn(said, self.run_tool("jobs/studies/summarise.py", self.folder, code=2))
        head = "backbone,fusion,protocol,seed,status,data_identity\n"
        rows = [f"fcf,none,own-train,{seed},diverged,{seed}\n" for seed in (0, 1)]
        table = self.write("runs.csv", head + "".join(rows))
        self.assertIn("2 data sets", self.run_tool("jobs/studies/summarise.py", table, code=2))

    def test_invalid_runs_are_counted_and_left_out(self):
        for seed, status in ((0, "finished"), (1, "finished"), (2, "failed")):
            self.write(f"result-{seed}.json", a_result(status=status, config={"seed": seed}))
        said = self.run_tool("jobs/studies/summarise.py", self.folder)
        self.assertIn("(1 of 3 INVALID)", said)
        self.assertIn("Seeds 0, 1, 2; means over all of them", said)
        for seed in (3, 4):
            self.write(f"result-{seed}.json", a_result(config={"seed": seed}))
        self.assertIn(
            "means without the 1 lowest and the 1 highest",
            self.run_tool("jobs/studies/summarise.py", self.folder),
        )
        self.run_tool("jobs/studies/summarise.py", self.folder, "--trim", "0.5", code=2)

    def test_a_run_without_a_best_round_is_quoted_at_that_of_its_model(self):
        run = a_result()
        rounds = len(run["metrics"]["round"])
        self.assertEqual(readers.chosen_row(run), run["best_round"] - 1)
        nothing = {"best_round": 0, "model_round": rounds}
        self.assertEqual(readers.chosen_row(run | nothing), rounds - 1)
        self.assertIsNone(readers.chosen_row(run | {"best_round": 0, "model_round": 0}))
        column = [0.1] * (rounds - 1) + [0.75]
        changed = a_result(metrics={"test_hr_50": column}) | nothing
        changed["metrics"]["test_ndcg_50"] = [None] * rounds
        changed["metrics"]["test_clients"] = [0] * rounds
        self.write("result-0.json", changed)
        said = self.run_tool("jobs/studies/summarise.py", self.folder)
        self.assertIn("75.0 / –", said)

    def test_absent_files_are_refused(self):
        self.run_tool("jobs/studies/summarise.py", Path("/absent.csv"), code=2)


if __name__ == "__main__":
    unittest.main()
