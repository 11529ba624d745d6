#!/usr/bin/env python3
"""study.py with the program, the fair study, and the studies of the repository."""

import csv
import json
import math
import os
import shutil
import subprocess
import unittest

from tool import ROOT, SMALL, STUDY, ToolTest

from lib import search_study, study_tree
from lib.search_grid import Axis

PROGRAM = os.environ.get("FEDFUSE_PROGRAM", "build/release/fedfuse")


@unittest.skipUnless(shutil.which(PROGRAM), f"{PROGRAM} is not built")
class WithTheProgram(ToolTest):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "data.h5"
        line = [PROGRAM, "generate", *SMALL, "--out", self.data]
        subprocess.run(line, check=True, capture_output=True)

    def study(self, *words, code=0, **searched):
        study = {**STUDY, "search": {**STUDY["search"], **searched}}
        return self.run_tool(
            "jobs/studies/study.py",
            self.write("study.json", study),
            *["--data", self.data, "--program", PROGRAM, "--work", self.folder / "work", *words],
            code=code,
        )

    def rows(self, name):
        with (self.folder / "work" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def test_what_a_search_leaves_behind(self):
        plans = {"none": {"grid": {"lr-items": [0.5, 1.0]}}}
        said = self.study(trials=2, extend=1, grid={"lr": [1e-4, 1e-3]}, fusions=plans)
        self.assertIn("fcf/none: validation NDCG@50", said)
        chosen = json.loads((self.folder / "work/chosen.json").read_text())
        cell = chosen["search"]["fcf/none"]
        self.assertEqual(cell["settings"], chosen["fcf/none"])
        self.assertEqual(cell["trials_of_grid"], 2)
        trials = self.rows("search.csv")
        self.assertEqual(len(trials), cell["trials"])
        self.assertEqual({row["trials"] for row in trials}, {str(cell["trials"])})
        run = self.rows("runs.csv")[0]
        edges = ", ".join(f"{option} {end}" for option, end in cell["edge"].items())
        self.assertEqual(run["search"], f"edge: {edges}" if edges else "inside")
        for name in ("cut_short", "rounds_after_best", "popularity_hr_50", "cold_first_ndcg_50"):
            self.assertIn(name, run)
        kept = list((self.folder / "work/final/fcf/own-train").glob("*.json"))
        self.assertEqual([path.name for path in kept], ["none_0.json"])
        self.assertEqual(json.loads(kept[0].read_text())["config"]["seed"], 0)

        chosen["fcf/none"] = {"lr": 0.01}
        (self.folder / "work/chosen.json").write_text(json.dumps(chosen))
        self.study("--stage", "final", trials=2, extend=1, grid={"lr": [1e-4, 1e-3]}, fusions=plans)
        self.assertEqual(self.rows("runs.csv")[0]["search"], "edited")

    def test_another_number_of_trials_is_recorded(self):
        plans = {"none": {"trials": 1}}
        self.study("--trials", "3", extend=0, grid={"lr": [0.1, 0.2, 0.3]}, fusions=plans)
        chosen = json.loads((self.folder / "work/chosen.json").read_text())
        self.assertEqual(chosen["search"]["fcf/none"]["trials_of_grid"], 3)
        said = self.study("--stage", "final", grid={"lr": [0.1, 0.2]}, fusions=plans, code=2)
        self.assertIn("the search of the study is another one", said)

    def test_options_that_the_program_refuses_are_refused_before_any_run(self):
        for searched, said in (
            ({"grid": {"learning-rate": [0.1, 1]}}, 'no option "learning-rate"'),
            ({"grid": {"lr": [0.1, 1e300]}}, "--lr"),
            ({"grid": {"fraction": [0.5, 2.0]}}, "--fraction"),
            ({"fusions": {"none": {"trials": 1, "fixed": {"distill-on": "nobody"}}}}, "distill-on"),
        ):
            with self.subTest(said):
                self.assertIn(said, self.study(code=2, **searched))
                self.assertEqual(list((self.folder / "work/runs").iterdir()), [])


class FairStudy(ToolTest):
    def test_what_it_refuses(self):
        def fair(*words, **variables):
            done = subprocess.run(
                [ROOT / "jobs/studies/fair.sh", *words],
                env={**os.environ, **variables},
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, r"(?s)^fedfuse: error: .*\n  why: .*\n  do:  ")
            self.assertEqual(list(self.folder.iterdir()), [])
            return done.stderr

        out = self.folder / "out"
        self.assertIn("no folder", fair())
        self.assertIn("no set movies", fair(out, "movies"))
        self.assertIn("runs at a time=0", fair(out, "planted", "0"))
        self.assertIn("FEDFUSE_FAIR_TRIALS=0", fair(out, "10k", FEDFUSE_FAIR_TRIALS="0"))
        for sets in ("ku", "all"):
            self.assertIn(
                "FEDFUSE_KU_TEXT names no file",
                fair(out, sets, FEDFUSE_KU_INTER=str(ROOT / "LICENSE"), FEDFUSE_KU_TEXT="absent"),
            )


class Studies(unittest.TestCase):
    def test_options_are_written_as_the_program_reads_them(self):
        settings = {"views": ["sum", "gate"], "seed": 0, "resume": True, "overwrite": False}
        words = study_tree.option_words(settings)
        self.assertEqual(words, ["--views", "sum,gate", "--seed", "0", "--resume"])

    def test_every_study_can_be_read(self):
        names = [
            *("example.json", "fair_ku.json", "fair_planted.json", "fair_control.json"),
            "fair_10k.json",
        ]
        for name in names:
            study = search_study.load(ROOT / "jobs/studies" / name)
            if name.startswith("fair"):
                self.assertEqual(search_study.unequal_trials(study), "", name)
                self.assertNotIn("early-stop", study)
                self.assertNotIn("patience", study["common"])

    def test_fair_studies_search_every_rate_over_decades(self):
        for name in ("fair_ku.json", "fair_planted.json", "fair_control.json", "fair_10k.json"):
            study = search_study.load(ROOT / "jobs/studies" / name)
            for fusion in study["fusions"]:
                axes = search_study.axes_of(study, fusion, "fcf")
                for option in ("lr", "lr-items", "server-lr"):
                    values = axes.get(option, Axis((1, 1000))).values
                    decades = math.log10(values[-1] / values[0])
                    self.assertGreaterEqual(decades, 2 if option == "lr" else 3 - 1e-9, option)


if __name__ == "__main__":
    unittest.main()
