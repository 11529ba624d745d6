#!/usr/bin/env python3
"""The cost model, from rates that can be divided by hand."""

import json
import unittest
from typing import ClassVar

from tool import ToolTest


class CostModel(ToolTest):
    rates: ClassVar = {
        "local_train_clients/0/1": ("FLOP/s", 1e9),
        "aggregate_updates/0/1000": ("clients/s", 1000.0),
        "aggregate_updates/0/10000": ("clients/s", 500.0),
        "rank_count/0/20000": ("FLOP/s", 1e10),
        "group_heads/2048": ("clients/s", 20480.0),
        "group_heads/20000": ("clients/s", 20000 / 0.27952),
        "teacher_epoch/2000/32": ("items/s", 1e5),
    }

    def predict(self, train, code=0, **changes):
        kernels = self.write(
            "kernels.json",
            {
                "context": {},
                "benchmarks": [
                    {"name": name, "run_name": name, counter: rate}
                    for name, (counter, rate) in self.rates.items()
                ],
            },
        )
        collectives = self.write(
            "collectives.json",
            {
                "format": "fedfuse-collectives",
                "ranks": 2,
                "rows": [
                    {
                        "collective": "mpi",
                        "bytes": size,
                        "seconds": [seconds],
                        "seconds_median": seconds,
                        "wrong_words": 0,
                    }
                    for size, seconds in ((8, 2e-6), (1 << 20, 1e-3), (5 << 20, 6e-3))
                ],
            },
        )
        row = {
            "nodes": 1,
            "threads": 1,
            "oversubscribed": False,
            "users": 20000,
            "items": 2000,
            "train_interactions": 100000,
            "round_s": 4.0,
        } | changes
        table = self.write(
            "table.json",
            {
                "format": "fedfuse-scaling",
                "kind": "strong",
                "generate": {"users": 20000, "dim-text": 32, "dim-image": 32},
                "train": {"backbone": "fcf", "eval_clients": 2000, **train},
                "rows": [{**row, "ranks": ranks} for ranks in (1, 2)],
            },
        )
        said = self.run_tool(
            "bench/rounds/model.py",
            "--kernels",
            kernels,
            "--collectives",
            collectives,
            "--table",
            table,
            "--to",
            "8",
            "--out",
            self.folder / "model.json",
            code=code,
        )
        return (
            said
            if code
            else {
                point["ranks"]: point
                for point in json.loads((self.folder / "model.json").read_text())["points"]
            }
        )

    def test_every_part_is_its_formula(self):
        training = 2 * 3 * 64 * 500000 * 5 / 1e9
        for uploads in ("store", "replay"):
            points = self.predict({"fusion": "gfmfr", "uploads": uploads, "teacher_epochs": 20})
            for ranks in (1, 2, 8):
                alpha = 1e-6  # of a hop: 2 log2(2) of them took 2e-6 s
                table, groups = 2000 * 513, 5 * 2000 * 513
                link, group_link = (1 << 20) / (1e-3 - 2e-6), (5 << 20) / (6e-3 - 2e-6)
                hops = 2 * (ranks.bit_length() - 1) * alpha
                share = 2 * (ranks - 1) / ranks
                expected = {
                    "training_s": training / ranks,
                    "accumulation_s": 500000 / (85 * 1000) / ranks,
                    "evaluation_s": 2 * 64 * 2000 * 2000 / 1e10 / ranks,
                    "second_pass_s": (
                        (training if uploads == "replay" else 0) + 500000 / (85 * 500)
                    )
                    / ranks,
                    "grouping_s": 0.1 + 17952 * 1e-5 / ranks,
                    "teacher_s": 20 * 2000 / 1e5,
                    "all_reduce_s": 2 * hops + share * (table / link + groups / group_link)
                    if ranks > 1
                    else 0,
                }
                for name, seconds in expected.items():
                    self.assertAlmostEqual(
                        points[ranks][name],
                        seconds,
                        delta=1e-6 + 1e-4 * seconds,
                        msg=f"{name} of {ranks} ranks, {uploads}",
                    )
                self.assertAlmostEqual(
                    points[ranks]["predicted_s"], sum(points[ranks][name] for name in expected)
                )
            self.assertEqual(
                [points[ranks]["extrapolated"] for ranks in (1, 2, 4, 8)],
                [False, False, True, True],
            )

    def test_without_a_teacher_there_is_none(self):
        point = self.predict({"fusion": "none"})[1]
        self.assertNotIn("teacher_s", point)
        self.assertAlmostEqual(point["predicted_to_measured"], point["predicted_s"] / 4.0)

    def test_what_it_does_not_cover_is_refused(self):
        for train, said in (
            ({"fusion": "mlp"}, "no model for fcf + mlp"),
            ({"fusion": "gfmfr"}, "stored or replayed"),
            ({"fusion": "gfmfr", "uploads": "store", "groups": 7}, "groups"),
        ):
            self.assertIn(said, self.predict(train, code=2))
        self.assertIn(
            "so few clients",
            self.predict({"fusion": "gfmfr", "uploads": "store"}, code=2, users=100),
        )


if __name__ == "__main__":
    unittest.main()
