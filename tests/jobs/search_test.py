#!/usr/bin/env python3
"""The search of a study, on scores that are formulas: trials, steps beyond an edge, marks."""

import contextlib
import io
import math
import unittest

import tool  # noqa: F401  (it puts jobs/ on the path)

from lib import search
from lib.cut_short import cut_short
from records.errors import Refusal

NAN = float("nan")


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


if __name__ == "__main__":
    unittest.main()
