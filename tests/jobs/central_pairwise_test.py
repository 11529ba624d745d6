#!/usr/bin/env python3
"""BPR and VBPR: gradients against finite differences, planted content, the tool."""

import importlib.util
import json
import os
import shutil
import subprocess
import unittest

from tool import SMALL, ToolTest

PROGRAM = os.environ.get("FEDFUSE_PROGRAM", "build/release/fedfuse")
HAS_NUMPY = all(importlib.util.find_spec(name) for name in ("numpy", "h5py"))
if HAS_NUMPY:
    import numpy as np

    from lib import central_methods as central
    from lib import central_pairwise as pairwise


def planted(clients=200, items=120, cold=24, dim=4):
    """Clients like directions of content. Items below `cold` are never trained on; the test item is
    the best of these, the validation item another one.
    """
    random = np.random.default_rng(3)
    content, taste = random.normal(size=(items, dim)), random.normal(size=(clients, dim))
    liking = 1.5 * taste @ content.T + random.gumbel(size=(clients, items))
    x = np.zeros((clients, items), np.uint8)
    valid, test = np.full(clients, -1), np.full(clients, -1)
    for u, order in enumerate(np.argsort(-liking, axis=1)):
        unseen, seen = order[order < cold], order[order >= cold]
        x[u, seen[1:13]] = 1
        valid[u], test[u] = (unseen[1] if u % 2 else seen[0]), unseen[0]
    noise = 0.1 * random.normal(size=(items, 12))
    features = pairwise.scaled([content @ random.normal(size=(dim, 12)) + noise])
    return central.Data(x, valid, test), features


def plain_loss(theta, triples, features, penalty):
    """The formula, triple by triple."""
    total = 0.0
    for u, i, j in triples:
        x = theta["b"][i] - theta["b"][j] + theta["p"][u] @ (theta["q"][i] - theta["q"][j])
        rows = [theta["b"][[i, j]], theta["p"][u], theta["q"][[i, j]]]
        if features is not None:
            f = features[i] - features[j]
            x += theta["t"][u] @ (theta["E"] @ f) + theta["e"] @ f
            rows.append(theta["t"][u])
        total += -np.log(1 / (1 + np.exp(-x))) + penalty / 2 * sum(np.sum(r**2) for r in rows)
    return total / len(triples)


@unittest.skipUnless(HAS_NUMPY, "no numpy or no h5py (python3-numpy python3-h5py)")
class Pairwise(unittest.TestCase):
    def theta(self, features):
        random = np.random.default_rng(1)
        theta = pairwise.initial(random, 5, 7, 3, features)
        return {name: random.normal(size=table.shape) for name, table in theta.items()}

    def test_gradients_are_finite_differences(self):
        random = np.random.default_rng(2)
        # client 1 and item 2 stand in several triples, and item 2 on both sides
        triples = np.array([[1, 2, 4], [1, 5, 2], [0, 2, 6], [4, 3, 1]])
        for features in (None, random.normal(size=(7, 6))):
            theta = self.theta(features)
            loss, gradient = pairwise.loss_and_gradient(theta, triples, features, 0.3)
            self.assertAlmostEqual(loss, plain_loss(theta, triples, features, 0.3), places=12)
            self.assertEqual(set(gradient), set(theta))
            for name, table in theta.items():
                for at in np.ndindex(table.shape):
                    kept, ends = table[at], []
                    for step in (1e-5, -1e-5):
                        table[at] = kept + step
                        ends.append(plain_loss(theta, triples, features, 0.3))
                    table[at] = kept
                    slope = (ends[0] - ends[1]) / 2e-5
                    self.assertAlmostEqual(gradient[name][at], slope, places=8, msg=f"{name}{at}")

    def test_scores_are_the_formula(self):
        features = np.random.default_rng(2).normal(size=(7, 6))
        theta = self.theta(features)
        found = pairwise.scores(theta, features)(slice(1, 3))
        for row, u in enumerate((1, 2)):
            for i in range(7):
                wanted = theta["b"][i] + theta["p"][u] @ theta["q"][i] + theta["e"] @ features[i]
                wanted += theta["t"][u] @ (theta["E"] @ features[i])
                self.assertAlmostEqual(found[row, i], wanted)

    def test_negatives_are_items_that_a_client_does_not_train_on(self):
        data, _ = planted()
        clients = np.repeat(np.arange(200), 300)
        drawn = pairwise.draw_negatives(np.random.default_rng(0), data, clients)
        self.assertFalse(data.interactions[clients, drawn].any())
        free = np.flatnonzero(data.interactions[0] == 0)
        self.assertGreater(len(set(drawn[:300])), 0.8 * len(free))

    def test_features_have_one_scale_and_missing_rows_stay_zero(self):
        text = np.array([[3.0, 4.0], [0, 0], [5, 0]])
        image = np.array([[0.0], [200], [0]])
        wanted = [[0.6, 0.8, 0], [0, 0, 1], [1, 0, 0]]
        np.testing.assert_allclose(pairwise.scaled([text, image]), wanted)

    def test_vbpr_beats_bpr_on_cold_items(self):
        data, features = planted()
        plan = pairwise.Plan(dim=8, epochs=40)
        found = {
            name: pairwise.train(data, given, {"rate": 0.01, "penalty": 0.1}, plan)
            for name, given in (("bpr", None), ("vbpr", features), ("again", features))
        }
        self.assertEqual(found["vbpr"], found["again"])
        chance = 10 / (120 - 12 - 1)
        self.assertLess(found["bpr"]["test_hr_10_cold"], 2 * chance)
        self.assertGreater(found["vbpr"]["test_hr_10_cold"], 3 * chance)
        popular = central.quality(data, central.ranks(data, central.popularity(data)))
        for name in ("bpr", "vbpr"):
            self.assertGreater(found[name]["valid_ndcg_50_warm"], popular["valid_ndcg_50_warm"])
        shuffled = np.random.default_rng(0).permutation(features)
        without = pairwise.train(data, shuffled, {"rate": 0.01, "penalty": 0.1}, plan)
        self.assertLess(without["test_hr_10_cold"], found["vbpr"]["test_hr_10_cold"] / 2)

    def test_the_best_epoch_and_settings_are_those_of_validation(self):
        data, _ = planted()
        plan = pairwise.Plan(dim=4, epochs=12, every=4)
        tried = [
            pairwise.train(data, None, {"rate": rate, "penalty": 0.1}, plan)
            for rate in (1e-4, 0.05)
        ]
        best = pairwise.best_of(data, None, [1e-4, 0.05], [0.1], plan)
        self.assertEqual(best, max(tried, key=lambda one: one["valid_ndcg_50"]))
        self.assertIn(best["settings"]["epochs"], (4, 8, 12))
        blind = central.Data(data.interactions, data.valid, np.full(len(data.test), -1))
        self.assertGreater(best["settings"]["epochs"], 4)
        self.assertEqual(
            best["settings"], pairwise.best_of(blind, None, [1e-4, 0.05], [0.1], plan)["settings"]
        )


@unittest.skipUnless(HAS_NUMPY, "no numpy or no h5py (python3-numpy python3-h5py)")
@unittest.skipUnless(shutil.which(PROGRAM), f"{PROGRAM} is not built")
class Tool(ToolTest):
    def central(self, *words, code=0):
        grids = ["--penalties", "10", "--neighbours", "5", "--shrinkages", "0"]
        more = ["--rates", "0.01", "--row-penalties", "0.01,0.1", "--epochs", "10", "--dim", "4"]
        return self.run_tool(
            "jobs/studies/central.py", "--program", PROGRAM, *grids, *more, *words, code=code
        )

    def generate(self, name, *words):
        data = self.folder / name
        line = [PROGRAM, "generate", *map(str, words), "--out", str(data)]
        subprocess.run(line, check=True, capture_output=True)
        return data

    def test_the_file_has_them_beside_the_others(self):
        data, outs = self.generate("d.h5", *SMALL), [self.folder / "a.json", self.folder / "b.json"]
        for out in outs:
            said = self.central("--data", data, "--learned", "vbpr,bpr", "--out", out)
        self.assertIn("VBPR: test HR@50 / NDCG@50", said)
        self.assertEqual(*(out.read_bytes() for out in outs))
        found = json.loads(outs[0].read_text())
        self.assertEqual(list(found["methods"])[-3:], ["EASE", "BPR", "VBPR"])
        self.assertEqual(found["grids"]["row_penalties"], [0.01, 0.1])
        self.assertIn("penalty", found["methods"]["BPR"]["edge"])
        self.assertNotIn("BPR", self.central("--data", data))

    def test_what_it_refuses(self):
        data = self.generate(
            "d.h5", "--users", 60, "--items", 60, "--dim-text", 0, "--dim-image", 0
        )
        for words, said in (
            (["--learned", "bpr,svd"], '"svd" is none of bpr, vbpr'),
            (["--learned", ""], "is none of"),
            (["--learned", "vbpr"], "has no features"),
            (["--learned", "bpr", "--rates", "0"], "no rate"),
            (["--learned", "bpr", "--rates", "1e308"], "diverged in epoch"),
            (["--row-penalties", "-1"], "at least 0"),
            (["--dim", "0"], "too small"),
        ):
            with self.subTest(words):
                self.assertIn(said, self.central("--data", data, *words, code=2))


if __name__ == "__main__":
    unittest.main()
