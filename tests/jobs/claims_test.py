#!/usr/bin/env python3
"""The ledger of claims: verdicts from numbers alone, its plan, and a small run of it."""

import json
import os
import sys
import unittest
from pathlib import Path

from job_case import JobTest
from tool import ROOT, ToolTest

from lib import claim_runs
from lib.claim_verdicts import (
    FAILS,
    HOLDS,
    UNDECIDED,
    Verdict,
    bounded,
    higher,
    keeps,
    larger_gain,
    middle,
    only_under,
)

LEDGER = ROOT / "jobs/studies/claims.json"
TOOL = "jobs/studies/claims.py"


class Verdicts(unittest.TestCase):
    def test_a_gain_must_be_there_with_every_seed(self):
        self.assertEqual(higher([0.11, 0.12, 0.13], [0.1, 0.1, 0.1]).word, HOLDS)
        self.assertEqual(higher([0.11, 0.12, 0.09], [0.1, 0.1, 0.1]).word, UNDECIDED)
        self.assertEqual(higher([0.1, 0.101, 0.09], [0.1, 0.1, 0.1]).word, FAILS)
        self.assertEqual(higher([0.11, 0.12, 0.13], [0.1, 0.1, 0.1], 0.35).word, FAILS)

    def test_a_diverged_run_is_no_gain(self):
        self.assertEqual(higher([0.11, None, 0.13], [0.1, 0.1, 0.1]).word, FAILS)
        self.assertEqual(higher([0.11, 0.12, 0.13], [0.1, None, 0.1]).word, UNDECIDED)
        self.assertIn("1 of 3 diverged", higher([0.11, None, 0.13], [0.1, 0.1, 0.1]).figures)

    def test_figures_are_percent_with_the_extremes(self):
        said = higher([0.12, 0.13], [0.1, 0.1]).figures.split(", ")
        self.assertEqual(said[0], "12.5 (12 to 13) against 10 (10 to 10)")
        self.assertEqual(said[1], "gain +25.0 % (+20.0 to +30.0)")

    def test_a_share_that_is_kept(self):
        self.assertEqual(keeps([0.09, 0.1], [0.1, 0.1], 0.9).word, HOLDS)
        self.assertEqual(keeps([0.089, 0.1], [0.1, 0.1], 0.9).word, UNDECIDED)
        self.assertEqual(keeps([0.05, 0.05], [0.1, 0.1], 0.9).word, FAILS)

    def test_a_middle_value_beats_both_ends(self):
        peak = [(1, [0.1, 0.1]), (5, [0.2, 0.2]), (20, [0.1, 0.1])]
        self.assertEqual(middle(peak).word, HOLDS)
        self.assertEqual(middle([*peak[:2], (20, [0.3, 0.3])]).word, FAILS)
        self.assertEqual(middle([*peak[:2], (20, [0.05, 0.21])]).word, UNDECIDED)
        self.assertEqual(middle([*peak[:2], (20, [None, None])]).word, UNDECIDED)

    def test_protocols_where_it_holds_are_named(self):
        def found(*words):
            names = ("own-train", "own-all")
            return only_under({name: Verdict(word, "") for name, word in zip(names, words)}).word

        self.assertEqual(found(HOLDS, HOLDS), HOLDS)
        self.assertEqual(found(FAILS, FAILS), FAILS)
        self.assertEqual(found(FAILS, HOLDS), "holds only under own-all")
        self.assertEqual(found(FAILS, UNDECIDED), UNDECIDED)

    def test_bounds(self):
        self.assertEqual(bounded([0.6, 0.7], 0.5, is_least=True).word, HOLDS)
        self.assertEqual(bounded([0.4, 0.7], 0.5, is_least=True).word, UNDECIDED)
        self.assertEqual(bounded([0.6, 0.7], 0.5, is_least=False).word, FAILS)
        self.assertEqual(bounded([None, 0.7], 0.5, is_least=True).word, UNDECIDED)

    def test_a_larger_gain(self):
        large, small = ([0.2, 0.2], [0.1, 0.1]), ([0.11, 0.11], [0.1, 0.1])
        self.assertEqual(larger_gain(large, small).word, HOLDS)
        self.assertEqual(larger_gain(small, large).word, FAILS)


class Plan(ToolTest):
    def test_every_claim_can_be_run(self):
        plan, _ = claim_runs.load(LEDGER, "quick")
        self.assertGreaterEqual(len(plan["claims"]), 30)
        searched = {
            f"{one['set']} {backbone}/{fusion}"
            for one in plan["searches"]
            for backbone in one["backbones"]
            for fusion in one["fusions"]
        }
        ledger = claim_runs.Ledger(plan, plan["sizes"]["quick"], "", self.folder, 1, [0])
        sys.path.insert(0, str(ROOT / "jobs/studies"))
        import claims

        for claim in plan["claims"]:
            runs = claims.runs_of(claim)
            self.assertTrue(runs or claim["kind"] == "not-run", claim["id"])
            for run in runs:
                self.assertIn(ledger.cell_of(run), searched, claim["id"])
                self.assertIn(run.get("set", "sparse"), plan["sets"], claim["id"])

    def test_what_cannot_be_read_is_refused(self):
        for text, said in (
            ("{}", "it has no sizes, sets"),
            ("[1]", "describes no ledger of claims"),
            ("nothing", "nothing.json"),
        ):
            file = self.write("nothing.json", text)
            told = self.run_tool(TOOL, "--work", "w", "--ledger", file, code=2)
            self.assertIn(said, told)
        self.assertIn("there is no claim", self.run_tool(TOOL, "--list", "--only", "gfmfr", code=2))
        self.assertIn("--work", self.run_tool(TOOL, code=2))
        self.assertIn("groups-learned", self.run_tool(TOOL, "--list"))


SMALL = {
    "sizes": {"quick": {"rounds": 3, "trials": 1, "users": 60, "items": 50}},
    "sets": {"sparse": {"activity": 8}, "shuffled": {"like": "sparse", "shuffle-features": True}},
    "searches": [{"set": "sparse", "backbones": ["fcf"], "fusions": ["none", "mlp"]}],
    "grid": {"lr": [0.1, 0.3]},
    "fusions": {"none": {"grid": {}}, "mlp": {"grid": {}}},
    "claims": [
        {
            "id": "content",
            "paper": "P",
            "where": "here",
            "claim": "content | helps",
            "kind": "higher",
            "a": {"cell": "fcf/mlp"},
            "b": {"cell": "fcf/none"},
        },
        {
            "id": "shuffled",
            "paper": "P",
            "where": "here",
            "claim": "its meaning does",
            "kind": "higher",
            "a": {"cell": "fcf/mlp"},
            "b": {"cell": "fcf/mlp", "set": "shuffled"},
        },
        {
            "id": "bytes",
            "paper": "P",
            "where": "here",
            "claim": "fewer bytes",
            "kind": "below",
            "a": {"cell": "fcf/mlp"},
            "column": "traffic/dense_down",
            "than": "traffic/raw_multimodal_down",
        },
        {
            "id": "negatives",
            "paper": "P",
            "where": "here",
            "claim": "content helps whatever the negatives",
            "kind": "protocols",
            "a": {"cell": "fcf/mlp"},
            "b": {"cell": "fcf/none"},
        },
        {
            "id": "few",
            "paper": "P",
            "where": "here",
            "claim": "more for clients of few interactions",
            "kind": "larger-gain",
            "a": [{"cell": "fcf/mlp"}, {"cell": "fcf/none"}],
            "b": [{"cell": "fcf/mlp"}, {"cell": "fcf/none"}],
            "column": "activity/activity_clients:first",
            "column_b": "activity/activity_clients:last",
        },
        {
            "id": "central",
            "paper": "P",
            "where": "here",
            "claim": "as good as a central method",
            "kind": "keeps-central",
            "share": 0.0,
            "method": "EASE",
            "a": {"cell": "fcf/mlp"},
        },
        {
            "id": "never",
            "paper": "P",
            "where": "here",
            "claim": "what nobody can run",
            "kind": "not-run",
            "why": "no option does it",
        },
    ],
}


class Runs(JobTest):
    def ledger(self, *words, code=0):
        file = Path(self.folder) / "ledger.json"
        file.write_text(json.dumps(SMALL))
        line = [sys.executable, ROOT / TOOL, "--ledger", file, "--seeds", "0-1"]
        line += ["--work", Path(self.folder) / "work", "--program", os.environ["FEDFUSE_PROGRAM"]]
        return self.run_line(*line, *words, code=code)

    def test_a_small_ledger(self):
        self.ledger()
        work = Path(self.folder) / "work"
        document = json.loads((work / "claims.json").read_text())
        rows = {row["id"]: row for row in document["rows"]}
        self.assertEqual(set(rows), {claim["id"] for claim in SMALL["claims"]})
        self.assertEqual(rows["never"]["verdict"], "not run")
        self.assertEqual(rows["bytes"]["verdict"], "holds")
        self.assertEqual(rows["central"]["verdict"], "holds")
        self.assertIn("--fusion mlp", rows["content"]["commands"][0])
        self.assertIn("--negatives lowest-ids", rows["negatives"]["commands"][-1])
        self.assertEqual(rows["few"]["figures"], "gain +0.0 % against gain +0.0 %")
        self.assertEqual(rows["content"]["searched"]["sparse fcf/mlp"]["trials_of_grid"], 1)
        text = (work / "claims.md").read_text()
        self.assertIn("1 trials a cell, seeds 0, 1", text)
        self.assertIn("P: content | helps (`content`)", text)
        before = {file: file.stat().st_mtime_ns for file in work.rglob("runs/*.json")}
        self.assertGreater(len(before), 4)
        self.ledger("--only", "bytes")
        after = {file: file.stat().st_mtime_ns for file in work.rglob("runs/*.json")}
        self.assertEqual(before, after)


if __name__ == "__main__":
    unittest.main()
