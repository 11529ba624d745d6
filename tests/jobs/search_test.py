#!/usr/bin/env python3
"""The search of a study: axes and their edges, the steps beyond them, and what is refused."""

import contextlib
import csv
import io
import json
import math
import os
import shutil
import subprocess
import unittest

from tool import ROOT, SMALL, STUDY, ToolTest

from lib import search, search_grid, search_study
from lib.cut_short import cut_short
from lib.search_grid import Axis, axis
from records.errors import Refusal

PROGRAM = os.environ.get("FEDFUSE_PROGRAM", "build/release/fedfuse")
NAN = float("nan")


class Axes(unittest.TestCase):
    def test_an_edge_is_an_open_end(self):
        rates = axis([0.3, 0.1, 1.0])
        self.assertEqual(rates.values, (0.1, 0.3, 1.0))
        for value, end in ((0.1, "low"), (0.05, "low"), (0.2, ""), (0.3, ""), (1.0, "high")):
            self.assertEqual(rates.edge(value), end)
        self.assertEqual(rates.edge(-1.0), "", "the program fills it in")
        self.assertEqual(rates.edge(None), "")
        self.assertEqual(axis(["all", "negatives"]).edge("all"), "")
        self.assertEqual(axis([True, False]).edge(True), "")
        for closed, ends in (("low", ("", "high")), ("high", ("low", "")), ("both", ("", ""))):
            one = axis({"values": [0.1, 1.0], "closed": closed})
            self.assertEqual((one.edge(0.1), one.edge(1.0)), ends)
        self.assertEqual(axis([0.0, 0.1]).edge(0.0), "", "no ratio leads below zero")

    def test_the_next_value_has_the_same_ratio(self):
        rates = axis([0.03, 0.1, 0.3, 1])
        self.assertAlmostEqual(rates.beyond("high", 1), 3.333)
        self.assertAlmostEqual(rates.beyond("low", 0.03), 0.009)
        # a default far beyond the edge: the step goes beyond it
        self.assertAlmostEqual(axis([0.1, 1.0]).beyond("low", 0.0005), 1e-4)
        self.assertEqual(axis([1, 2, 8]).beyond("high", 8), 32)
        self.assertIsInstance(axis([256, 4096]).beyond("low", 256), int)
        self.assertIsNone(axis([1, 4]).beyond("low", 1), "a whole number has an end")
        self.assertIsNone(axis([0.0, 1.0]).beyond("high", 1.0), "zero gives no ratio")
        extended = rates.with_value(3.333)
        self.assertEqual(extended.edge(1), "")
        self.assertEqual(extended.edge(3.333), "high")

    def test_around_moves_one_axis_at_a_time(self):
        axes = {"lr": axis([1, 3, 9]), "server-lr": axis([0.1, 1.0, 10.0]), "on": axis(["a", "b"])}
        best = {"lr": 3, "server-lr": 1.0, "on": "a"}
        effective = {"lr": 3, "server_lr": 1.0, "on": "a"}
        found = search_grid.around(axes, best, effective, "lr", 9)
        self.assertEqual(
            found,
            [{**best, "lr": 9, "server-lr": rate} for rate in (1.0, 0.1, 10.0)],
        )
        # the trial of the defaults: their values are those of the record
        found = search_grid.around(axes, {}, {"lr": 3, "server_lr": 0.5}, "lr", 27)
        self.assertEqual(
            found, [{"lr": 27}, {"lr": 27, "server-lr": 0.1}, {"lr": 27, "server-lr": 1.0}]
        )

    def test_trials_are_the_defaults_and_distinct_points(self):
        axes = {"lr": axis([1, 2, 3]), "on": axis(["a", "b"])}
        found = search_grid.trials(axes, 100, "seed")
        self.assertEqual((found[0], len(found)), ({}, 7))
        self.assertEqual(len({json.dumps(one) for one in found}), 7)
        self.assertEqual(search_grid.trials(axes, 4, "seed"), found[:4])
        self.assertEqual(search_grid.trials({}, 3, "seed"), [{}, {}])

    def test_mistakes(self):
        for given, said in (
            ([], "no list of values"),
            (3, "no list of values"),
            ([0.1, NAN], "not finite"),
            ([0.1, math.inf], "not finite"),
            (["a", NAN], "not finite"),
            ([-1, 0.1], "negative"),
            ([0.1, 0.1], "twice"),
            ([0.1], "has one value"),
            ([[1]], "no number, no word"),
            ({"values": [0.1, 1], "closed": "up"}, "closed at 'up'"),
            ({"values": [0.1, 1], "open": "low"}, 'unknown key "open"'),
            ({"values": ["a", "b"], "closed": "low"}, "words have no ends"),
            ({"closed": "low"}, "no list of values"),
        ):
            with self.subTest(given):
                self.assertIn(said, " ".join(search_grid.mistakes("the grid", {"lr": given})))
        many = {name: list(range(1, 101)) for name in ("a", "b", "c")}
        self.assertIn("1,000,000 points", " ".join(search_grid.mistakes("the grid", many)))
        self.assertEqual(search_grid.mistakes("g", {"lr": [0.1, 1], "on": ["a"]}), [])


class Plain:
    """A stand-in for the runner: the score is a function of the options."""

    def __init__(self, score, refuses=()):
        self.score, self.refuses, self.asked = score, refuses, []

    def effective(self, settings):
        defaults = {"lr": 0.1, "lr_items": 0.3, "patience": 0, "patience_after": 50, "rounds": 100}
        given = {name.replace("-", "_"): value for name, value in settings.items()}
        return {**defaults, "eval_every": 1, **given}

    def why_refused(self, settings):
        return "too large" if settings.get("lr") in self.refuses else ""

    def run_all(self, jobs):
        self.asked += jobs
        return [self.record(self.effective(job)) for job in jobs]

    def record(self, config):
        score = self.score(config)
        if score is None:
            return None
        return {
            "status": "finished",
            "config": config,
            "facts": {"best_valid_ndcg_50": score, "rising_at_end": float(config["lr"] > 5)},
            "best_round": 1,
            "metrics": {"round": [1], "loss": [0.1], "participants": [5]},
        }


class Search(unittest.TestCase):
    def study(self, **changes):
        searched = {
            "protocol": "own-train",
            "seed": 0,
            "trials": 30,
            "grid": {"lr": [0.1, 0.3, 1.0]},
            "fusions": {"none": {"grid": {"lr-items": [0.1, 1.0, 10.0]}}, "mlp": {}},
            **changes,
        }
        return {"fusions": ["none", "mlp"], "backbones": ["fcf", "fedavg"], "search": searched}

    def cells(self, score, refuses=(), **changes):
        runner = Plain(score, refuses)
        with contextlib.redirect_stdout(io.StringIO()):
            found = search.search(self.study(**changes), runner)
        return {cell.name: cell.summary() for cell in found}, runner

    def test_every_cell_has_the_same_trials_and_an_inner_best_is_final(self):
        found, runner = self.cells(
            lambda c: 1 - abs(c["lr"] - 0.3) - abs(c["lr_items"] - 1) / 100, trials=4
        )
        self.assertEqual({cell["trials_of_grid"] for cell in found.values()}, {4})
        found, runner = self.cells(lambda c: 1 - abs(c["lr"] - 0.3) - abs(c["lr_items"] - 1) / 100)
        self.assertEqual({cell["status"] for cell in found.values()}, {"inside"})
        self.assertEqual(found["fcf/none"]["settings"], {"lr": 0.3, "lr-items": 1.0})
        self.assertEqual(found["fcf/none"]["trials"], 10)
        self.assertEqual(len(runner.asked), 2 * 10 + 2 * 4)

    def test_trials_begin_with_what_is_fixed_and_with_an_earlier_choice(self):
        fusions = {
            "none": {"grid": {"lr-items": [0.1, 1.0, 10.0]}, "fixed": {"rounds": 7}},
            "mlp": {"from": "none", "fixed": {"dim": 8}},
        }
        found, runner = self.cells(
            lambda c: 1 - abs(c["lr"] - 0.3) - abs(c["lr_items"] - 1) / 100, fusions=fusions
        )
        self.assertEqual({job["rounds"] for job in runner.asked}, {7})
        of_mlp = [job for job in runner.asked if job["fusion"] == "mlp"]
        self.assertEqual({(job["lr-items"], job["dim"]) for job in of_mlp}, {(1.0, 8)})
        self.assertEqual(
            found["fcf/mlp"]["settings"], {"lr": 0.3, "lr-items": 1.0, "rounds": 7, "dim": 8}
        )

    def test_a_best_on_the_edge_extends_the_axis_for_every_fusion(self):
        found, _ = self.cells(lambda c: 1 - abs(math.log10(c["lr"] / 3)))
        for cell in found.values():
            self.assertEqual(cell["status"], "inside")
            self.assertEqual(cell["grid"]["lr"], [0.1, 0.3, 1.0, 3.333, 11.11])
            self.assertEqual(cell["settings"]["lr"], 3.333)
        self.assertEqual(found["fcf/mlp"]["trials"], 4 + 2)

    def test_rates_move_together_beyond_an_edge(self):
        """The larger lr is better only with the smaller lr-items."""
        found, _ = self.cells(
            lambda c: min(c["lr"], 4) / (1 + 100 * (c["lr"] * c["lr_items"] > 1.0))
        )
        self.assertEqual(found["fcf/none"]["settings"]["lr"], 11.11)
        self.assertEqual(found["fcf/none"]["settings"]["lr-items"], 0.01)

    def test_what_stays_on_an_edge_is_marked(self):
        for extend, grid in (
            (0, [0.1, 0.3, 1.0]),
            (1, [0.1, 0.3, 1.0, 3.333]),
            (2, [0.1, 0.3, 1.0, 3.333, 11.11]),
        ):
            found, _ = self.cells(lambda c: c["lr"], extend=extend)
            for name, cell in found.items():
                self.assertEqual((cell["status"], cell["edge"]["lr"]), ("edge", "high"), name)
                self.assertEqual(cell["grid"]["lr"], grid)
        self.assertEqual(found["fcf/mlp"]["best_cut_short"], "still rising")
        self.assertEqual(found["fcf/mlp"]["cut_short"], 1)

    def test_a_closed_end_is_none(self):
        grid = {"lr": {"values": [0.1, 1.0], "closed": "high"}}
        found, _ = self.cells(lambda c: c["lr"] - abs(c["lr_items"] - 1), grid=grid)
        self.assertEqual({cell["status"] for cell in found.values()}, {"inside"})

    def test_a_value_that_the_program_refuses_is_not_tried(self):
        found, runner = self.cells(lambda c: c["lr"], refuses=(3.333,))
        self.assertEqual(found["fcf/mlp"]["status"], "edge")
        self.assertNotIn(3.333, [job.get("lr") for job in runner.asked])

    def test_the_edge_of_the_defaults_counts(self):
        """The first trial takes no value of the grid, and may be the best."""
        found, _ = self.cells(
            lambda c: 1 - abs(c["lr"] - 0.1), grid={"lr": [0.3, 1.0]}, extend=0, trials=1
        )
        self.assertEqual(found["fcf/mlp"]["settings"], {})
        self.assertEqual(found["fcf/mlp"]["edge"], {"lr": "low"})

    def test_nothing_that_learns_is_said(self):
        found, _ = self.cells(lambda _: None)
        self.assertEqual({cell["status"] for cell in found.values()}, {"diverged"})
        self.assertEqual(found["fcf/mlp"]["diverged"], 4)

    def test_an_early_stop_on_a_plateau_is_refused(self):
        for patience, after, rounds, every, refused in (
            (15, 50, 100, 1, True),
            (50, 50, 200, 1, False),
            (15, 85, 200, 1, False),
            (15, 84, 200, 1, True),
            (10, 50, 60, 1, False),  # it never stops
            (0, 0, 100, 1, False),
            (5, 50, 200, 10, False),
            (4, 59, 200, 10, True),
        ):
            study = self.study(trials=1)
            study["search"]["fusions"]["mlp"]["fixed"] = {
                "patience": patience,
                "patience-after": after,
                "rounds": rounds,
                "eval-every": every,
            }
            with self.subTest((patience, after, rounds, every)):
                runner = Plain(lambda c: c["lr"])
                if refused:
                    with self.assertRaisesRegex(Refusal, "may end in round"):
                        search.check(study, runner)
                search.check({**study, "early-stop": refused}, runner)

    def test_a_run_that_was_cut_short(self):
        for status, rising, said in (
            ("finished", 0.0, ""),
            ("finished", None, ""),
            ("finished", 1.0, "still rising"),
            ("stopped-early", 0.0, "stopped early"),
            ("stopped-early", 1.0, "stopped early, still rising"),
        ):
            record = {"status": status, "facts": {"rising_at_end": rising}}
            self.assertEqual(cut_short(record), said)
        self.assertEqual(cut_short({"status": "finished", "facts": {}}), "", "an older file")
        self.assertEqual(cut_short({"status": "finished", "facts": {"rising_at_end": NAN}}), "")


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
    def test_every_study_can_be_read(self):
        names = [
            *("example.json", "ku.json", "fair_ku.json", "fair_planted.json", "fair_10k.json"),
            *("planted.json", "planted_sparse.json", "planted_control.json"),
        ]
        for name in names:
            study = search_study.load(ROOT / "jobs/studies" / name)
            if name.startswith("fair"):
                self.assertEqual(search_study.unequal_trials(study), "", name)
                self.assertNotIn("early-stop", study)
                self.assertNotIn("patience", study["common"])

    def test_fair_studies_search_every_rate_over_decades(self):
        for name in ("fair_ku.json", "fair_planted.json", "fair_10k.json"):
            study = search_study.load(ROOT / "jobs/studies" / name)
            for fusion in study["fusions"]:
                axes = search_study.axes_of(study, fusion, "fcf")
                for option in ("lr", "lr-items", "server-lr"):
                    values = axes.get(option, Axis((1, 1000))).values
                    decades = math.log10(values[-1] / values[0])
                    self.assertGreaterEqual(decades, 2 if option == "lr" else 3 - 1e-9, option)


if __name__ == "__main__":
    unittest.main()
