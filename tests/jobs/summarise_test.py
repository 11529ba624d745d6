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

    def test_what_cut_a_run_short_and_edges_are_marked(self):
        head = "backbone,fusion,protocol,seed,status,search,cut_short,test_hr_50,test_ndcg_50\n"
        rows = [
            "fcf,none,p,0,stopped-early,inside,stopped early,0.5,0.25",
            'fcf,none,p,1,finished,inside,"stopped early, still rising",0.5,0.25',
            "fcf,none,p,2,finished,inside,,0.5,0.25",
            "fcf,mlp,p,0,finished,edge: lr high,,0.4,0.2",
            "fcf,fedvlr,p,0,finished,inside,,0.3,0.1",
        ]
        table = self.write("runs.csv", head + "\n".join(rows) + "\n")
        said = self.run_tool("jobs/studies/summarise.py", table)
        self.assertIn("(2 of 3 stopped early) (1 of 3 still rising) |", said)
        self.assertIn("| fcf | mlp | 40.0 / 20.0† |", said)
        self.assertIn("| fcf | fedvlr | 30.0 / 10.0 |", said)
        for note in ("†: the best setting", "stopped early: --patience", "still rising: valid"):
            self.assertIn(note, said)
        table = self.write("runs.csv", head + rows[-1] + "\n")
        said = self.run_tool("jobs/studies/summarise.py", table)
        for word in ("†", "stopped early", "still rising"):
            self.assertNotIn(word, said)

    def test_central_references_are_rows(self):
        head = (
            "backbone,fusion,protocol,seed,status,data_identity,test_hr_50,test_ndcg_50,"
            "popularity_hr_50,popularity_ndcg_50,cold_first_hr_50,cold_first_ndcg_50,"
            "popularity_hr_50_cold,popularity_ndcg_50_cold\n"
        )
        rows = (
            "fcf,none,p,0,diverged,abc,,,,,,,,\n"
            "fcf,none,q,0,finished,abc,0.5,0.25,0.2,0.1,0.0,0.0,0.01,0.0\n"
        )
        table = self.write("runs.csv", head + rows)
        said = self.run_tool("jobs/studies/summarise.py", table)
        self.assertIn("| central | popularity | 20.0 / 10.0 | 20.0 / 10.0 |", said)
        self.assertIn("| central | cold-first | 0.0 / 0.0 | 0.0 / 0.0 |", said)
        said = self.run_tool("jobs/studies/summarise.py", table, "--split", "cold")
        self.assertIn("| central | popularity | 1.0 / 0.0 | 1.0 / 0.0 |", said)
        self.assertNotIn("cold-first", said)
        known = {
            "format": "fedfuse-central",
            "identity": {"data": "abc"},
            "methods": {"EASE": {"test_hr_50": 0.4, "test_ndcg_50": None}},
        }
        words = [table, "--central", self.write("central.json", known)]
        said = self.run_tool("jobs/studies/summarise.py", *words)
        self.assertIn("| central | EASE | 40.0 / – | 40.0 / – |", said)
        for change, why in (
            ({"identity": {"data": "def"}}, "of other data: def | abc"),
            ({"format": "x"}, "no central references"),
            ({"methods": {"EASE": 1}}, "no central references"),
        ):
            self.write("central.json", {**known, **change})
            self.assertIn(why, self.run_tool("jobs/studies/summarise.py", *words, code=2))

    def test_absent_files_are_refused(self):
        self.run_tool("jobs/studies/summarise.py", Path("/absent.csv"), code=2)


if __name__ == "__main__":
    unittest.main()
