#!/usr/bin/env python3
"""The recipes of jobs/data on small downloads of each format, up to `fedfuse import`.

[FEDFUSE_PROGRAM=...] data_recipes_test.py
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import functools
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
import unittest
import unittest.mock
from pathlib import Path
from typing import Any

import data_mocks as mocks
from tool import ROOT, ToolTest

from lib.recipes.command import run
from lib.recipes.prepared import Prepared, plain
from records.errors import Refusal

PAGE = ROOT / "jobs" / "data" / "README.md"


@functools.cache
def recipe_of(name: str) -> Any:
    return runpy.run_path(str(ROOT / "jobs" / "data" / f"{name}.py"))["RECIPE"]


class RecipeTest(ToolTest):
    def setUp(self) -> None:
        super().setUp()
        try:
            import numpy  # noqa: F401
        except ImportError:
            self.skipTest("no numpy (python3-numpy)")
        self.out = self.folder / "out"

    def line(self, files: dict[str, Path], *words: object) -> list[str]:
        return [str(word) for word in (*mocks.options(files), "--out", self.out, *words)]

    def recipe(self, name: str, files: dict[str, Path], *words: object, code: int = 0) -> str:
        """What it prints; in this process, since a start of Python costs more than a recipe."""
        said, found = io.StringIO(), 0
        arguments = [f"{name}.py", *self.line(files, *words)]
        with (
            unittest.mock.patch.object(sys, "argv", arguments),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            try:
                run(recipe_of(name))
            except Refusal as refusal:
                found = 2
                print(refusal, file=said)
        self.assertEqual(found, code, said.getvalue())
        return said.getvalue()

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.out / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def imported(self, name: str, files: dict[str, Path], *words: object) -> str:
        """Also with --data: what `fedfuse import` says of it."""
        if "FEDFUSE_PROGRAM" not in os.environ:
            self.skipTest("FEDFUSE_PROGRAM names no program")
        data = ["--data", self.folder / "data.h5", "--program", os.environ["FEDFUSE_PROGRAM"]]
        line = self.line(files, *words, *data)
        said = self.run_tool(f"jobs/data/{name}.py", *line)
        self.assertTrue((self.folder / "data.h5").exists())
        return said

    def counts(self, said: str, row: str) -> list[str]:
        (line,) = [line for line in said.splitlines() if line.startswith(f"| {row} ")]
        return [cell.strip() for cell in line.strip("|").split("|")][1:]


class MovieLens(RecipeTest):
    def archive(self, name: str) -> dict[str, Path]:
        return {"archive": mocks.zipped(self.folder / "ml.zip", mocks.MOVIELENS[name]())}

    def test_every_set_has_the_same_rows(self) -> None:
        for name in mocks.MOVIELENS:
            with self.subTest(name):
                shutil.rmtree(self.out, ignore_errors=True)
                words = ["--set", name, "--other-version", "--min-item", 1]
                said = self.recipe("movielens", self.archive(name), *words)
                self.assertEqual(self.counts(said, "as read"), ["12", "7", "48"])
                found = [
                    (r["userId"], r["itemId"], r["timestamp"]) for r in self.table("inter.csv")
                ]
                self.assertEqual(found, [tuple(map(str, row)) for row in mocks.rows()])
                self.assertIn("warning: the counts are not those published", said)

    def test_titles_and_genres(self) -> None:
        expected = {
            "100k": [("Café 1 (1995)", "Action Drama"), ("Café 2 (1995)", "")],
            "1m": [("Café 1 (1995)", "Action Drama"), ("Café 2 (1995)", "Action Drama")],
            "latest-small": [("Café, The (1995)", "Action Drama"), ("Two (1996)", "")],
        }
        for name, first in expected.items():
            with self.subTest(name):
                shutil.rmtree(self.out, ignore_errors=True)
                self.recipe("movielens", self.archive(name), "--set", name, "--other-version")
                items = self.table("items.csv")
                self.assertEqual([(r["title"], r["genres"]) for r in items[:2]], first)
                # film 8 is in no row
                self.assertEqual([r["itemId"] for r in items], [str(i) for i in range(1, 8)])

    def test_an_unpacked_folder_of_any_name(self) -> None:
        folder = self.folder / "movies"
        for name, content in mocks.ml_1m().items():
            file = folder / Path(name).name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        said = self.recipe("movielens", {"archive": folder}, "--set", "1m")
        self.assertEqual(self.counts(said, "as read"), ["12", "7", "48"])

    def test_the_filter_of_the_paper_and_its_counts(self) -> None:
        said = self.recipe("movielens", self.archive("latest-small"), "--set", "latest-small")
        self.assertEqual(self.counts(said, "pairs once, min-user 1, min-item 5")[1], "7")
        self.assertEqual(self.counts(said, "FedVLR's paper"), ["610", "3,650", "90,274"])
        self.assertIn("--min-item 5", said)

    def test_the_filter_counts_as_import_does(self) -> None:
        words = ["--set", "1m", "--other-version", "--min-item", 7, "--min-user", 2]
        said = self.imported("movielens", self.archive("1m"), *words)
        users, items, rows = self.counts(said, "pairs once, min-user 2, min-item 7")
        self.assertLess(int(items), 7)
        self.assertGreater(int(items), 0)
        self.assertRegex(said, rf"kept: {users} users, {items} items .*, {rows} interactions")

    def test_the_same_download_gives_the_same_folder(self) -> None:
        read = {}
        for name in ("a", "b"):
            self.out = self.folder / name
            words = ["--set", "100k", "--other-version"]
            self.recipe("movielens", self.archive("100k"), *words)
            read[name] = {file.name: file.read_bytes() for file in self.out.iterdir()}
        self.assertEqual(read["a"], read["b"])
        described = json.loads(read["a"]["recipe.json"])
        self.assertEqual(described["inputs"]["archive"]["name"], "ml.zip")


class Others(RecipeTest):
    def test_amazon_of_both_years(self) -> None:
        texts = {
            2014: ["Baby's bottle 1", "", "Baby Feeding", "Warm & soft"],
            2018: ["Bottle 1", "Acme", "Baby Feeding", "Warm. Soft."],
        }
        for year, first in texts.items():
            with self.subTest(year):
                shutil.rmtree(self.out, ignore_errors=True)
                self.recipe("amazon", mocks.amazon(self.folder, year))
                row = self.table("items.csv")[0]
                self.assertEqual(list(row.values()), [mocks.asin(1), *first])
                self.assertEqual(self.table("inter.csv")[0]["userId"], "A1")

    def test_amazons_image_features_are_in_the_order_of_the_ids(self) -> None:
        import numpy as np

        said = self.imported("amazon", mocks.amazon(self.folder))
        rows = np.load(self.out / "image.npy")
        self.assertEqual(rows.dtype, np.dtype("<f4"))
        self.assertEqual(rows.shape, (7, 4096))
        # item 1 has no record: a row of zeros
        self.assertEqual(rows[:, 0].tolist(), [0, 2, 3, 4, 5, 6, 7])
        self.assertEqual(rows[:, -1].tolist(), [0, 2, 3, 4, 5, 6, 7])
        ids = [row["itemId"] for row in self.table("item_ids.csv")]
        self.assertEqual(ids, [mocks.asin(i) for i in range(1, 8)])
        self.assertIn("image.npy: 6 of 7 items have it", said)
        self.assertIn("image: 4096 columns; missing for 1 of 7 items", said)

    def test_ninerec_with_and_without_a_header(self) -> None:
        found = []
        for header in ("", "user_id,item_id,timestamp\n"):
            shutil.rmtree(self.out, ignore_errors=True)
            said = self.recipe("ninerec", mocks.ninerec(self.folder, header))
            found.append((self.out / "inter.csv").read_text())
            self.assertEqual(self.counts(said, "as read"), ["12", "7", "48"])
        self.assertEqual(*found)
        self.assertEqual(self.table("inter.csv")[0]["userId"], "u1")
        row = self.table("items.csv")[0]
        self.assertEqual(row, {"itemId": "v1", "title_en": "Title, 1", "image": "v1.jpg"})
        self.assertIn("--columns title_en", said)
        self.recipe("ninerec", mocks.ninerec(self.folder), "--language", "zh", "--overwrite")
        self.assertEqual(self.table("items.csv")[0]["title_zh"], "标题1")

    def test_ku_keeps_its_split_and_its_features(self) -> None:
        said = self.imported("ku", mocks.ku(self.folder))
        self.assertEqual(self.counts(said, "FedVLR's paper"), ["204", "560", "3,488"])
        self.assertIn("split by split_label", said)
        self.assertIn("12 users with a validation item", said)
        self.assertIn("8 items (1 without interactions)", said)
        self.assertIn("text: 4 columns; missing for 0 of 8 items", said)

    def test_hm_with_days_and_pictures(self) -> None:
        files = mocks.hm(self.folder)
        self.imported("hm", files)
        first = self.table("inter.csv")[0]
        self.assertEqual(first["timestamp"], f"2020-09-{1 + 1001 // 10 % 30:02}")
        row = self.table("items.csv")[0]
        self.assertEqual(row["image"], f"010/{mocks.article(1)}.jpg")
        self.assertEqual(row["detail_desc"], "Soft, with straps")
        every = len(self.table("inter.csv"))
        self.recipe("hm", files, "--since", "2020-09-12", "--overwrite")
        later = [row["timestamp"] for row in self.table("inter.csv")]
        self.assertLess(0, len(later))
        self.assertLess(len(later), every)
        self.assertEqual(min(later), "2020-09-12")


class Order(RecipeTest):
    def test_items_are_by_number_or_by_bytes(self) -> None:
        for ids, expected in (
            (["10", "9", "2"], ["2", "9", "10"]),
            (["10", "9", "b"], ["10", "9", "b"]),
            (["b", "é", "B"], ["B", "b", "é"]),
        ):
            made = Prepared(self.folder, (), argparse.Namespace())
            for item in ids:
                made.interaction("u", item)
            made.close()
            self.assertEqual(made.item_ids(), expected)

    def test_text_without_markup(self) -> None:
        self.assertEqual(plain(["A &amp;\n<br/> b", None, ["c"]]), "A & b c")
        self.assertEqual(plain("1 < 2"), "1 < 2")


class Page(unittest.TestCase):
    def recipes(self) -> list[Path]:
        found = sorted((ROOT / "jobs" / "data").glob("*.py"))
        return [path for path in found if path.name != "encode.py"]

    def test_the_page_has_a_row_for_every_recipe(self) -> None:
        page = PAGE.read_text()
        self.assertGreaterEqual(len(self.recipes()), 5)
        for path in self.recipes():
            self.assertRegex(page, rf"(?m)^\| \[{path.name}\]\({path.name}\) \|", path.name)

    def test_every_recipe_says_what_to_download(self) -> None:
        for path in self.recipes():
            line = [sys.executable, path, "--help"]
            said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
            self.assertRegex(said, r"(?m)^Download", path.name)
            self.assertTrue(os.access(path, os.X_OK), path.name)


if __name__ == "__main__":
    unittest.main()
