#!/usr/bin/env python3
"""The oracle's own tests: its gradients against finite differences, its parts against facts that
are known without it, and goldens.h5 against values computed anew."""

from __future__ import annotations

import copy
import json
import sys
import unittest
from collections.abc import Callable
from dataclasses import replace

try:
    import h5py  # noqa: F401  (compare.py and make_goldens.py need it)
    import numpy as np
except ImportError as missing:
    print(f"oracle_test: skipped: {missing} (Debian: python3-numpy, python3-h5py)")
    sys.exit(77)

import cases
import clients
import group_prior
import grouping
import item_views
import ranking
import renyi
import teacher
from compare import TOLERANCE, compare, stored_groups
from draws import Draws, fnv1a
from layers import Array, Named, Optimizer
from make_goldens import GOLDENS

STEP = 1e-5
ACCOUNTANT_GOLDENS = GOLDENS.with_name("accountant_goldens.json")


def slopes(loss: Callable[[Named], float], p: Named, name: str) -> Array:
    """Central differences of loss, of fourth order, along every number of p[name]."""
    found = np.zeros(p[name].size)
    for k in range(found.size):
        for steps, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            changed = p[name].copy()
            changed.flat[k] += steps * STEP
            found[k] += weight * loss(p | {name: changed}) / (12 * STEP)
    return found.reshape(p[name].shape)


class Gradients(unittest.TestCase):
    def check(self, loss: Callable[[Named], float], p: Named, gradient: Named) -> None:
        self.assertEqual(p.keys(), gradient.keys())
        for name in p:
            want = slopes(loss, p, name)
            scale = max(float(np.abs(want).max()), 1e-2)
            apart = float(np.abs(want - gradient[name]).max())
            self.assertLess(apart, 1e-7 * scale, name)

    def test_clients(self) -> None:
        for name, rules in cases.client_rules().items():
            p, soft, step_items, step_labels = cases.client_inputs(name, rules)
            for items, y in cases.batches_of(step_items, step_labels)[:3:2]:
                with self.subTest(name, samples=len(y)):
                    c = None
                    if rules.personal and not rules.rows_trained:
                        omega = np.ones(1)
                        if rules.views > 1:
                            omega = clients.router_weights(p, items)
                        c = np.tensordot(omega, p["table"][:, items], axes=1)

                    def loss(at: Named) -> float:
                        return clients.batch_loss(rules, at, soft, items, y, c)[0]  # noqa: B023

                    self.check(loss, p, clients.batch_loss(rules, p, soft, items, y)[1])

    def test_item_views(self) -> None:
        p, given, up = cases.views_inputs()
        made, cache = item_views.forward(p, given)
        self.assertEqual(made.shape, up.shape)
        self.check(
            lambda at: float((up * item_views.forward(at, given)[0]).sum()),
            p,
            item_views.backward(p, cache, up),
        )

    def test_teacher(self) -> None:
        arrays = cases.group_fusion("sgd", 0.0625).arrays
        given = {m: (arrays[f"in/E_{m}"], arrays[f"in/mask_{m}"]) for m in ("t", "v")}
        names = teacher.shapes(cases.D, 6, {"t": 9, "v": 7}, 3)
        p = {name: arrays[f"in/{name}"] for name in names}
        for pairs in arrays["in/step_pairs"]:

            def loss(at: Named, pairs: Array = pairs) -> float:
                return teacher.batch_loss(at, given, arrays["in/C"], pairs)[0]

            self.check(loss, p, teacher.batch_loss(p, given, arrays["in/C"], pairs)[1])

    def test_group_prior(self) -> None:
        for name in cases.PRIORS:
            p, data, rules = cases.prior_inputs(name)
            s = data["S"]
            n = rules["negatives"] * s.sum(axis=0) / len(s)

            def loss(at: Named, data: Named = data, s: Array = s, n: Array = n) -> float:
                return group_prior.loss(at, data["Z"], s, n)[0]

            self.check(loss, p, group_prior.loss(p, data["Z"], s, n)[1])


class KnownFacts(unittest.TestCase):
    def test_the_generator(self) -> None:
        self.assertEqual(fnv1a(""), 0xCBF29CE484222325)
        self.assertEqual(fnv1a("a"), 0xAF63DC4C8601EC8C)
        draws = Draws("")
        draws.state = 0
        self.assertEqual(draws.word(), 0xE220A8397B1DCDAF)
        self.assertEqual(draws.word(), 0x6E789E6AA1B965F4)
        values = draws.grid((50, 100), 0.5)
        self.assertTrue(np.array_equal(values, values.astype(np.float32)))
        self.assertLess(abs(float(values.mean())), 0.02)
        self.assertAlmostEqual(float(values.std()), 0.5 / 3**0.5, delta=0.01)

    def test_adam_moves_by_the_rate_under_a_constant_gradient(self) -> None:
        g = np.array([3.0, -0.5])
        p = {"x": np.zeros(2)}
        adam = Optimizer("adam", 0.01)
        for step in (1, 2, 3):
            adam.step(p, {"x": g})
            moved = -0.01 * step * g / (np.abs(g) + 1e-8)
            self.assertTrue(np.allclose(p["x"], moved, rtol=1e-13, atol=0))

    def test_a_round_without_a_learning_rate_moves_nothing(self) -> None:
        for name, rules in cases.client_rules().items():
            p, soft, items, labels = cases.client_inputs(name, rules)
            still = replace(rules, lr=0.0, lr_items=0.0)
            after = clients.train(still, p, soft, cases.batches_of(items, labels))[0]
            self.assertTrue(all(np.array_equal(after[n], p[n]) for n in p), name)

    def test_untouched_rows_only_decay(self) -> None:
        rules = cases.client_rules()["linear_distill_decay"]
        p, soft, items, labels = cases.client_inputs("linear_distill_decay", rules)
        after = clients.train(rules, p, soft, cases.batches_of(items, labels))[0]
        rho = (1 - rules.lr_items * rules.weight_decay) ** len(items)
        untouched = np.setdiff1d(np.arange(p["table"].shape[1]), items)
        self.assertGreater(untouched.size, 0)
        self.assertTrue(
            np.allclose(
                after["table"][:, untouched], rho * p["table"][:, untouched], rtol=1e-14, atol=0
            )
        )

    def test_inputs_stand_at_no_kink(self) -> None:
        """A ReLU at its kink turns a rounding of float32 into a jump."""
        for name, rules in cases.client_rules().items():
            p, soft, items, labels = cases.client_inputs(name, rules)
            batches = cases.batches_of(items, labels)
            want = clients.train(rules, p, soft, batches)
            for sign in (-1e-6, 1e-6):
                moved = {n: v * (1 + sign) for n, v in p.items()}
                got = clients.train(rules, moved, soft, batches)
                for n, v in {**want[0], "view_grad": want[1]}.items():
                    apart = np.abs({**got[0], "view_grad": got[1]}[n] - v).max()
                    self.assertLess(apart, 1e-4 * max(float(np.abs(v).max()), 1e-2), f"{name} {n}")

    def test_a_projection_keeps_the_norm_and_the_leading_directions(self) -> None:
        for name, (items, width) in cases.PRIORS.items():
            z = cases.prior_inputs(name)[1]["Z"]
            self.assertEqual(z.shape, (items, min(width, 16)))
            gram = z.T @ z
            if width < 16:
                off = gram - np.diag(np.diag(gram))
                self.assertLess(np.abs(off).max(), 1e-12 * gram[0, 0])
                self.assertTrue((np.diff(np.diag(gram)) < 0).all())
            again = cases.prior_inputs(name)[1]
            rows = sum((again[f"mask_{m}"] > 0).sum() for m in ("t", "v"))
            self.assertAlmostEqual(float((z**2).sum()), float(rows), places=10)

    def test_grouping_finds_what_was_planted(self) -> None:
        vectors, planted = cases.grouping_inputs()
        points, _, inverse_sd = grouping.standardise(vectors)
        varied = inverse_sd > 0
        self.assertEqual(int(varied.sum()), vectors.shape[1] - 1)
        self.assertTrue(np.allclose(points.mean(axis=0), 0, atol=1e-13))
        self.assertTrue(np.allclose((points**2).mean(axis=0)[varied], 1, rtol=1e-13))
        want = grouping.in_order_of_appearance(planted).tolist()
        label, eigenvalues, _ = grouping.spectral(points, 4)
        self.assertEqual(grouping.in_order_of_appearance(label).tolist(), want)
        found = grouping.in_order_of_appearance(grouping.kmeans(points, 4))
        self.assertEqual(found.tolist(), want)
        self.assertAlmostEqual(float(eigenvalues[0]), 1.0, places=12)

    def test_ranks_and_metrics(self) -> None:
        kept = np.zeros(5, dtype=np.uint8)
        self.assertEqual(ranking.rank(np.array([5.0, 4, 3, 2, 1]), kept, 2), 3)
        self.assertEqual(ranking.rank(np.ones(5), kept, 2), 3)
        self.assertEqual(ranking.rank(np.array([1.0, 1, 0, 0, 0]), kept, 0), 2)
        self.assertEqual(ranking.rank(np.array([5.0, 4, 3, 2, 1]), np.array([1, 0, 0, 0, 0]), 2), 2)
        found = ranking.metrics(np.array([1, 10, 11, 60]))
        self.assertEqual([found[f"hr_{k}"] for k in (10, 20, 50)], [0.5, 0.75, 0.75])
        self.assertAlmostEqual(found["ndcg_10"], (1 + 1 / np.log2(11)) / 4)


class Committed(unittest.TestCase):
    def test_goldens_are_what_the_oracle_computes(self) -> None:
        wrong, largest, where = compare(cases.all_groups(), stored_groups(GOLDENS))
        print(
            f"largest difference {largest:.2e} of an array's largest number ({where}), "
            f"allowed {TOLERANCE:.0e}",
            file=sys.stderr,
        )
        self.assertEqual(wrong, [], "to write them anew: tests/oracle/make_goldens.py")

    def test_the_comparison_complains(self) -> None:
        stored = stored_groups(GOLDENS)
        self.assertEqual(compare(stored, stored)[0], [])
        for change in (
            lambda g: g["views"].arrays.update({"out/views": np.zeros((3, 9, 8))}),
            lambda g: g["ranks"].arrays.pop("out/rank"),
            lambda g: g["views"].arrays["out/grad_D"].__imul__(1 + 1e-11),
            lambda g: g["views"].arrays["out/grad_D"].fill(np.nan),
            lambda g: g["client/mlp"].attributes.update(lr=0.5),
            lambda g: g.pop("aggregate"),
        ):
            changed = copy.deepcopy(stored)
            change(changed)
            self.assertEqual(len(compare(stored, changed)[0]), 1)


class Accountant(unittest.TestCase):
    """renyi.py against dp-accounting's figures."""

    def setUp(self) -> None:
        self.goldens = json.loads(ACCOUNTANT_GOLDENS.read_text())

    def test_runs(self) -> None:
        orders = self.goldens["orders"]
        for point in self.goldens["points"][::7]:
            add = point["adjacency"] == "add-or-remove-one"
            noise = point["z"] if add else point["z"] / 2
            one = renyi.rdp_poisson if add else renyi.rdp_without_replacement
            rdp = [point["steps"] * one(noise, point["q"], a) for a in orders]
            found = renyi.epsilon(rdp, point["delta"], orders)
            self.assertLess(abs(found / point["epsilon"] - 1), 1e-8, point)

    def test_one_step(self) -> None:
        for step in self.goldens["one_step"]:
            found = renyi.rdp_poisson(step["z"], step["q"], step["order"])
            self.assertLess(abs(found / step["rdp"] - 1), 1e-8, step)


if __name__ == "__main__":
    unittest.main()
