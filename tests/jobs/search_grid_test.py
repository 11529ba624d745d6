#!/usr/bin/env python3
"""The axes of a search: their edges, the steps beyond them, and what is refused."""

import json
import math
import unittest

import tool  # noqa: F401  (it puts jobs/ on the path)

from lib import search_grid
from lib.search_grid import axis

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


if __name__ == "__main__":
    unittest.main()
