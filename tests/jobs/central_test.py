#!/usr/bin/env python3
"""Central references against the plainest form of their formulas, and against the records."""

import importlib.util
import json
import math
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


def plain_rank(scores, trained, held, also):
    """Models.md, section 5, item by item."""
    if held < 0:
        return 0
    higher = tied = 0
    for item, score in enumerate(scores):
        if item in (held, also) or trained[item]:
            continue
        higher += score > scores[held]
        tied += score == scores[held]
    return 1 + higher + math.ceil(tied / 2)


def plain_means(rank, held, counts):
    found = {}
    for suffix, wanted in (("", (True, False)), ("_warm", (False,)), ("_cold", (True,))):
        here = [r for r, item in zip(rank, held) if r > 0 and (counts[item] == 0) in wanted]
        for k in (10, 20, 50):
            hits = [r <= k for r in here]
            gains = [1 / math.log2(1 + r) if r <= k else 0.0 for r in here]
            found[f"hr_{k}{suffix}"] = sum(hits) / len(here) if here else None
            found[f"ndcg_{k}{suffix}"] = sum(gains) / len(here) if here else None
    return found


def plain_ease(x, penalty):
    """The closed form of the paper, item by item."""
    p = np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1]))
    b = [[0.0 if i == j else -p[i, j] / p[j, j] for j in range(len(p))] for i in range(len(p))]
    return x @ np.array(b)


def plain_knn(x, shrinkage, neighbours):
    """Of every item its nearest ones, and those that tie with the last of them."""
    items = x.shape[1]
    scores = np.zeros(x.shape)
    for j in range(items):
        similar = []
        for i in range(items):
            both = float(x[:, i] @ x[:, j])
            if i != j and both > 0:
                norm = math.sqrt(x[:, i].sum()) * math.sqrt(x[:, j].sum())
                similar.append((both / (norm + shrinkage), i))
        nearest = sorted((value for value, _ in similar), reverse=True)[:neighbours]
        for value, i in similar:
            if value >= nearest[-1]:
                scores[:, j] += value * x[:, i]
    return scores


@unittest.skipUnless(HAS_NUMPY, "no numpy or no h5py (python3-numpy python3-h5py)")
class Methods(unittest.TestCase):
    def data(self, clients, items, seed=0):
        random = np.random.default_rng(seed)
        x = (random.random((clients, items)) < 0.2).astype(np.uint8)
        x[:, 3] = 0  # cold
        valid, test = np.full(clients, -1), np.full(clients, -1)
        for u in range(clients):
            free = random.permutation(np.flatnonzero(x[u] == 0))
            valid[u], test[u] = free[0], 3 if u % 4 == 0 and free[0] != 3 else free[1]
        valid[1] = test[2] = -1
        valid[5] = test[5] = -1
        return central.Data(x, valid, test)

    def test_ranks_and_means_are_those_of_the_definition(self):
        data = self.data(40, 30)
        scores = np.random.default_rng(1).integers(0, 4, data.interactions.shape).astype(float)
        found = central.ranks(data, lambda some: scores[some])
        quality = central.quality(data, found)
        valid = [plain_rank(scores[u], data.interactions[u], data.valid[u], -1) for u in range(40)]
        test = [
            plain_rank(scores[u], data.interactions[u], data.test[u], data.valid[u])
            for u in range(40)
        ]
        self.assertEqual(found.valid.tolist(), valid)
        self.assertEqual(found.test.tolist(), test)
        for split, rank, held in (("valid", valid, data.valid), ("test", test, data.test)):
            for name, value in plain_means(rank, held, data.counts).items():
                self.assertAlmostEqual(quality[f"{split}_{name}"], value, places=9, msg=name)

    def test_one_score_for_all_is_the_middle(self):
        data = self.data(40, 30)
        found = central.ranks(data, lambda some: np.zeros((len(data.valid[some]), 30)))
        u = 0
        candidates = 30 - int(data.interactions[u].sum())
        self.assertEqual(found.valid[u], 1 + math.ceil((candidates - 1) / 2))
        self.assertEqual(found.test[u], 1 + math.ceil((candidates - 2) / 2))

    def test_nobody_has_no_mean(self):
        data = self.data(6, 30)
        data.test[:] = -1
        quality = central.quality(data, central.ranks(data, central.popularity(data)))
        self.assertIsNone(quality["test_hr_50"])
        self.assertIsNotNone(quality["valid_hr_50"])

    def test_ease_is_its_closed_form(self):
        for clients, items in ((40, 30), (20, 50), (30, 30)):
            data = self.data(clients, items, seed=clients)
            x = data.interactions.astype(float)
            for penalty in (0.5, 20.0):
                found = central.ease(data, penalty)(slice(0, clients))
                np.testing.assert_allclose(found, plain_ease(x, penalty), atol=1e-9)

    def test_content_is_a_ridge_regression_of_each_client(self):
        data = self.data(20, 30)
        features = np.random.default_rng(3).normal(size=(30, 7))
        found = central.content(data, features, 2.0)(slice(0, 20))
        for client, row in enumerate(data.interactions.astype(float)):
            weights = np.linalg.solve(features.T @ features + 2.0 * np.eye(7), features.T @ row)
            np.testing.assert_allclose(found[client], features @ weights, atol=1e-9)

    def test_item_knn_is_its_formula(self):
        data = self.data(60, 12, seed=7)
        x = data.interactions.astype(float)
        for shrinkage, neighbours in ((0.0, 3), (2.5, 5), (2.5, 100)):
            similar = central.cosine(central.pairs(data), shrinkage)
            least = central.nearest(similar, [1, neighbours])[neighbours]
            found = central.item_knn(data, similar, least)(slice(0, 60))
            np.testing.assert_allclose(found, plain_knn(x, shrinkage, neighbours), atol=1e-12)

    def test_settings_are_chosen_by_validation_alone(self):
        data = self.data(40, 30)
        tables = {name: np.zeros((40, 30)) for name in ("by test", "by validation")}
        for table, held in zip(tables.values(), (data.test, data.valid)):
            rows = np.flatnonzero(held >= 0)
            table[rows, held[rows]] = 1
        best = central.best_of(
            data,
            [{"name": name} for name in tables],
            lambda settings: lambda some: tables[settings["name"]][some],
        )
        self.assertEqual(best["settings"], {"name": "by validation"})
        self.assertEqual(best["valid_hr_10"], 1.0)


@unittest.skipUnless(HAS_NUMPY, "no numpy or no h5py (python3-numpy python3-h5py)")
@unittest.skipUnless(shutil.which(PROGRAM), f"{PROGRAM} is not built")
class Tool(ToolTest):
    def fedfuse(self, *words):
        subprocess.run([PROGRAM, *map(str, words)], check=True, capture_output=True)

    def central(self, data, *words, code=0):
        grids = ["--penalties", "1,10", "--neighbours", "5,20", "--shrinkages", "0,10"]
        return self.run_tool(
            "jobs/studies/central.py",
            *["--data", data, "--program", PROGRAM, *grids, *words],
            code=code,
        )

    def test_popularity_is_that_of_the_record(self):
        data, out = self.folder / "data.h5", self.folder / "central.json"
        for more in ((), ("--sparse",)):
            self.fedfuse("generate", *more, *SMALL, "--out", data, "--overwrite")
            run = self.folder / "run.h5"
            self.fedfuse("train", "--data", data, "--rounds", 1, "--out", run, "--overwrite")
            said = self.central(data, "--out", out)
            self.assertIn("EASE: test HR@50 / NDCG@50", said)
            found = json.loads(out.read_text())
            record = json.loads(run.with_suffix(".json").read_text())
            self.assertEqual(found["identity"]["data"], record["identity"]["data"])
            for row, name in enumerate(("popularity", "cold-first")):
                for metric, value in found["methods"][name].items():
                    self.assertEqual(value, record["baselines"][metric][row], f"{name} {metric}")
            best = found["methods"]["EASE"]
            self.assertIn(best["settings"]["penalty"], (1, 10))
            self.assertEqual(best["edge"], ["penalty"], "a grid of two values is nothing but edges")
            self.assertIn("on the edge of its grid: penalty", said)

    def test_what_it_refuses(self):
        data = self.folder / "data.h5"
        self.fedfuse("generate", *SMALL, "--out", data)
        for words, said in (
            (["--penalties", "0"], "no penalty"),
            (["--penalties", "nan"], "no number"),
            (["--penalties", ""], "no number"),
            (["--neighbours", "0"], "too small"),
            (["--shrinkages", "-1"], "at least 0"),
            (["--out", data], "it is the input"),
        ):
            with self.subTest(words):
                self.assertIn(said, self.central(data, *words, code=2))
        self.central(self.write("bad.h5", "no HDF5"), code=2)
        wide = self.folder / "wide.h5"
        self.fedfuse("generate", "--users", 50, "--items", 20001, "--out", wide)
        self.assertIn("20,001 items", self.central(wide, code=2))


if __name__ == "__main__":
    unittest.main()
