#!/usr/bin/env python3
"""Medians and their intervals: order statistics, the bootstrap, few samples."""

import random
import unittest

import tool  # noqa: F401  (it puts bench/ on the path)

from records.intervals import median_interval, ratio_interval, student, trimmed_mean


class Intervals(unittest.TestCase):
    def test_order_statistics(self):
        # of ten: the second and the ninth, 97.9 %
        low, high, coverage = median_interval(list(range(1, 11)))
        self.assertEqual((low, high), (2, 9))
        self.assertAlmostEqual(coverage, 1 - 22 / 1024)
        self.assertEqual(median_interval([3.0, 1.0, 2.0])[:2], (1.0, 3.0))
        self.assertEqual(median_interval([5.0])[:2], (5.0, 5.0))

    def test_trimmed_mean_leaves_out_the_outer_values(self):
        self.assertEqual(trimmed_mean([100, 1, 2, 3, -50]), 2)
        self.assertEqual(trimmed_mean([1, 2, 6]), 3)

    def test_bootstrap_is_repeatable_and_covers(self):
        a = [1.0, 1.1, 0.9, 1.0, 1.05, 1.0, 1.05, 0.95]
        b = [2 * value for value in a[::-1]]
        self.assertEqual(ratio_interval(a, b), ratio_interval(a, b))
        low, high = ratio_interval(a, b)
        self.assertTrue(1.7 < low <= 2.0 <= high < 2.4)

    def test_points_of_students_t(self):
        for outside, freedom, t in (
            (0.05, 1, 12.706),
            (0.05, 2, 4.303),
            (0.05, 10, 2.228),
            (0.01, 4, 4.604),
            (0.005, 4, 5.598),
            (0.05, 1000, 1.962),
        ):
            self.assertAlmostEqual(student(outside, freedom), t, 3)

    def test_three_samples_of_one_kind_seldom_differ(self):
        rng = random.Random(1)
        outside = 0
        for _ in range(2000):
            a, b = ([rng.lognormvariate(0, 0.1) for _ in range(3)] for _ in "ab")
            low, high = ratio_interval(a, b)
            outside += not low <= 1 <= high
        self.assertLess(outside / 2000, 0.06)
        a, b = [1.0, 1.01, 0.99], [1.2, 1.21, 1.19]
        narrow, wide = ratio_interval(a, b), ratio_interval(a, b, of=10)
        self.assertTrue(wide[0] < narrow[0] < narrow[1] < wide[1])
        low, high = ratio_interval([1.0, 1.01, 0.99], [2.0, 2.02, 1.98])
        self.assertTrue(1.9 < low < 2 < high < 2.1)


if __name__ == "__main__":
    unittest.main()
