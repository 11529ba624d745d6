#!/usr/bin/env python3
"""Figures of records."""

import importlib.util
import json
import unittest

from tool import QUICKSTART, ROOT, ToolTest, a_result


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "no matplotlib (python3-matplotlib)")
class Plot(ToolTest):
    def test_every_figure(self):
        table = {
            "format": "fedfuse-scaling",
            "kind": "strong",
            "train": {"backbone": "fcf", "fusion": "none"},
            "rows": [
                {
                    "nodes": 1,
                    "ranks": r,
                    "threads": 1,
                    "cores": r,
                    "oversubscribed": r > 2,
                    "invalid": ["repeat-0: failed"] if r == 2 else [],
                    "round_s": 1 / r,
                    "round_s_low": 0.9 / r,
                    "round_s_high": 1.2 / r,
                    "efficiency": 1.0,
                    "communication_share": 0.1,
                }
                for r in (1, 2, 4)
            ],
        }
        path = self.write("table.json", table)
        model = self.write(
            "model.json",
            {
                "format": "fedfuse-model",
                "kind": "strong",
                "points": [
                    {"ranks": r, "predicted_s": 1 / r, "extrapolated": r > 2} for r in (1, 2, 4, 8)
                ],
            },
        )
        for words in (
            ["curves", *sorted(QUICKSTART.glob("*.json"))],
            ["phases", *sorted(QUICKSTART.glob("*.json"))],
            ["scaling", path, "--model", model],
            ["roofline", ROOT / "results/kernels/kernels.json"],
        ):
            for ending in (".png", ".svg"):
                with self.subTest(f"{words[0]}{ending}"):
                    out = self.folder / f"{words[0]}{ending}"
                    self.run_tool("bench/plot.py", *words, "--out", out)
                    self.assertGreater(out.stat().st_size, 1000)
        self.assertIn("EXTRAPOLATION", (self.folder / "scaling.svg").read_text())

    def test_a_folder_is_all_results_in_it(self):
        self.run_tool("bench/plot.py", "curves", QUICKSTART, "--out", self.folder / "all.svg")
        self.run_tool(
            "bench/plot.py",
            "curves",
            *sorted(QUICKSTART.glob("*.json")),
            "--out",
            self.folder / "named.svg",
        )
        self.assertEqual(
            (self.folder / "all.svg").read_text(), (self.folder / "named.svg").read_text()
        )

    def test_a_device_has_ceilings_of_its_own(self):
        cpu = {
            "name": "k/cpu",
            "run_name": "k/cpu",
            "FLOP": 8e6,
            "bytes": 2e6,
            "FLOP/s": 1e9,
            "cpu_time": 1.0,
            "time_unit": "us",
        }
        device = {
            **cpu,
            "run_name": "k/cuda",
            "label": "some chip",
            "warm_up_ms": 1.0,
            "ceiling_copy_B/s": 2e12,
            "ceiling_fma_FLOP/s": 6e13,
            "ceiling_sgemm_FLOP/s": 5e13,
            "ceiling_tensor_FLOP/s": 6e14,
        }
        emulated = {**cpu, "run_name": "k/emulated", "warm_up_ms": 1.0}
        broken = {
            "name": "k/broken",
            "run_name": "k/broken",
            "error_occurred": True,
            "error_message": "wrong result",
        }
        ceilings = {"ceiling_fma_flop_per_s": "1.5e11", "ceiling_copy_bytes_per_s": "1.6e10"}
        path = self.write(
            "both.json", {"context": ceilings, "benchmarks": [cpu, device, emulated, broken]}
        )
        said = self.run_tool("bench/plot.py", "roofline", path, "--out", self.folder / "both.svg")
        self.assertIn("INVALID, not drawn: k/broken: wrong result", said)
        text = (self.folder / "both.svg").read_text()
        for words in (
            "device: some chip",
            "tensor cores: 600000 GFLOP/s",
            "fused multiply-adds: 60000 GFLOP/s",
            "fused multiply-adds: 150 GFLOP/s",
        ):
            self.assertIn(words, text)
        self.run_tool(
            "bench/plot.py",
            "roofline",
            self.write("emulated.json", {"context": ceilings, "benchmarks": [emulated]}),
            "--out",
            self.folder / "e.svg",
            code=2,
        )

    def test_an_invalid_run_is_named_and_not_drawn(self):
        bad = self.write("bad.json", a_result(status="failed", status_text="diverged"))
        said = self.run_tool(
            "bench/plot.py", "curves", QUICKSTART / "mlp.json", bad, "--out", self.folder / "c.png"
        )
        self.assertIn("INVALID, not drawn", said)
        self.run_tool("bench/plot.py", "curves", bad, "--out", self.folder / "d.png", code=2)

    def test_another_schema_is_refused(self):
        rows = [{"nodes": 1, "ranks": 1, "threads": 1, "oversubscribed": False, "invalid": []}]
        table = {"format": "fedfuse-scaling", "schema_version": 9, "kind": "weak", "rows": rows}
        for what, document in (
            ("curves", a_result(schema_version=2)),
            ("phases", a_result(schema_version=2)),
            ("scaling", table),
            ("phases", table),
        ):
            with self.subTest(what):
                path = self.write("other.json", document)
                out = self.folder / "other.png"
                said = self.run_tool("bench/plot.py", what, path, "--out", out, code=2)
                self.assertIn(f"has schema version {document['schema_version']}", said)
                self.assertFalse(out.exists())

    def test_one_figure_is_of_one_data_set_and_one_line_of_one_setting(self):
        first = self.write("first.json", a_result())
        for change, said in (
            ({"config": {"dim": 17}}, "dim 64 | 17"),
            ({"config": {"fusion": "mlp"}, "data": {"items": 9}}, "data items"),
        ):
            other = self.write("other.json", a_result(**change))
            out = ("--out", self.folder / "two.png")
            self.assertIn(
                said, self.run_tool("bench/plot.py", "curves", first, other, *out, code=2)
            )
        seed = self.write("seed.json", a_result(config={"seed": 7}))
        self.run_tool("bench/plot.py", "curves", first, seed, "--out", self.folder / "two.png")

    def test_a_model_of_another_table_is_refused(self):
        folder = ROOT / "results/scaling"
        words = ["bench/plot.py", "scaling", folder / "strong/table.json", "--model"]
        model = json.loads((folder / "strong/model.json").read_text())
        out = ["--out", self.folder / "model.png"]
        self.run_tool(*words, folder / "strong/model.json", *out)
        model["points"][0]["measured_s"] *= 1.01
        said = self.run_tool(*words, self.write("model.json", model), *out, code=2)
        self.assertIn("made from another table", said)

    def test_bad_input(self):
        self.run_tool(
            "bench/plot.py",
            "roofline",
            QUICKSTART / "mlp.json",
            "--out",
            self.folder / "r.png",
            code=2,
        )
        self.run_tool(
            "bench/plot.py",
            "curves",
            QUICKSTART / "mlp.json",
            "--out",
            self.folder / "r.pdf",
            code=2,
        )
        self.run_tool(
            "bench/plot.py",
            "curves",
            QUICKSTART / "mlp.json",
            "--metric",
            "nonsense",
            "--out",
            self.folder / "r.png",
            code=2,
        )


if __name__ == "__main__":
    unittest.main()
