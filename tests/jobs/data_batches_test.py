#!/usr/bin/env python3
"""The parts of jobs/data/encode.py that need no model: the table of items, which picture belongs to
which, batches that are kept, missing rows, and the files that are written.
"""

from __future__ import annotations

import csv
import json
import unittest
from typing import Any

from tool import ToolTest

try:
    import numpy as np

    from lib.encoding import features, pictures
    from lib.encoding.batches import Batches, of_unit_length
    from lib.encoding.items import ItemTable
except ImportError:
    np = None

from lib.whole_folder import whole_folder
from records.errors import Refusal


class Counting:
    """A model: a text to its length and twice its length. `left` texts until it is interrupted."""

    def __init__(self, left: int = 1000):
        self.description = {"model": "counting"}
        self.left = left
        self.seen: list[str] = []

    def prepare(self, text: str) -> str:
        return text

    def encode(self, texts: list[str]) -> Any:
        if len(texts) > self.left:
            raise KeyboardInterrupt
        self.left -= len(texts)
        self.seen += texts
        return np.array([[len(text), 2 * len(text)] for text in texts], dtype=np.float32)


def read(text: str) -> str:
    if text.startswith("broken"):
        raise pictures.Broken(f"{text} cannot be decoded: it is broken")
    return text


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class Items(ToolTest):
    def items(self, text: str, columns: list[str] | None = None) -> list[Any]:
        return ItemTable(self.write("items.csv", text), columns).read()

    def test_columns_are_joined_and_blanks_are_one(self) -> None:
        text = 'title,movie_id,about\n"A,  b",7,\n,8,"two\nlines"\nc,9,d\n'
        found = [(item.name, item.text, item.line) for item in self.items(text)]
        self.assertEqual(found, [("7", "A, b", 2), ("8", "two lines", 3), ("9", "c. d", 5)])
        self.assertEqual([i.text for i in self.items(text, ["about"])], ["", "two lines", "d"])

    def test_tabs_a_mark_and_a_column_of_pictures(self) -> None:
        (item,) = self.items("\ufeffitemId\ttitle\timage\r\nx\tA, b\t01/x.jpg\r\n")
        self.assertEqual((item.name, item.text, item.image), ("x", "A, b", "01/x.jpg"))

    def test_what_is_wrong_is_told_with_its_line(self) -> None:
        for text, why in (
            ("", "line 1 cannot be used\n  why: it is empty"),
            ("title\na\n", "line 1 cannot be used\n  why: 0 of its columns name an item"),
            ("itemId,item\na,b\n", "2 of its columns name an item"),
            ("itemId,title\n", "there is no item below the header"),
            ("itemId,title\na,b\n\nc\n", "line 4 cannot be used\n  why: it has 1 fields"),
            ("itemId,title\na,b\n ,c\n", "line 3 cannot be used\n  why: the id is empty"),
            ("itemId,title\na,b\na,c\n", "line 3 cannot be used\n  why: item a stands on line 2"),
            ("itemId,image\na,../b\n", "is outside of --pictures"),
            ('itemId,title\na,"b\n', "it is no CSV"),
        ):
            with self.assertRaises(Refusal) as refused:
                self.items(text)
            self.assertIn(why, str(refused.exception))
        with self.assertRaisesRegex(Refusal, 'no column titel .did you mean "title"'):
            self.items("itemId,title\na,b\n", ["titel"])
        path = self.write("items.csv", "")
        path.write_bytes("itemId,title\na,b\nb,Café\n".encode("latin-1"))
        with self.assertRaisesRegex(Refusal, "line 3 cannot be used"):
            ItemTable(path, None)


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class Pictures(ToolTest):
    def setUp(self) -> None:
        super().setUp()
        self.covers = self.folder / "covers"
        self.covers.mkdir()

    def find(self, text: str, *files: str) -> list[str | None]:
        for name in files:
            (self.covers / name).parent.mkdir(exist_ok=True)
            (self.covers / name).touch()
        items = ItemTable(self.write("items.csv", text), None).read()
        return [found and found.name for found in pictures.find(self.covers, items)]

    def test_by_the_id(self) -> None:
        found = self.find("itemId\na\nb\nc.d\n", "a.JPG", "c.d.png", "b.txt", "e.jpg")
        self.assertEqual(found, ["a.JPG", None, "c.d.png"])

    def test_by_a_column(self) -> None:
        found = self.find("itemId,image\na,0/x.jpg\nb,0/y.jpg\nc,\n", "0/x.jpg", "a.jpg")
        self.assertEqual(found, ["0/x.jpg", None, None])

    def test_faults(self) -> None:
        with self.assertRaisesRegex(Refusal, r"that of item a would be a\.jpg"):
            self.find("itemId\na\n", "b.jpg")
        with self.assertRaisesRegex(Refusal, "two pictures of item a"):
            self.find("itemId\na\n", "a.jpg", "a.png")
        self.covers = self.folder / "absent"
        with self.assertRaisesRegex(Refusal, "no such folder"):
            pictures.find(self.covers, [])


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class Kept(ToolTest):
    def run_batches(self, texts: list[str], model: Counting, key: Any = 1) -> Any:
        batches = Batches(self.folder / "out", "text", key, 3)
        return batches.run(texts, read, model, unit=False)

    def test_a_run_that_was_ended_goes_on(self) -> None:
        texts = [f"text {'x' * k}" for k in range(10)]
        whole = self.run_batches(texts, Counting(), key="whole")
        with self.assertRaises(KeyboardInterrupt):
            self.run_batches(texts, Counting(left=7))
        second = Counting()
        rows = self.run_batches(texts, second)
        self.assertEqual(second.seen, texts[6:])
        self.assertEqual(rows.values.tobytes(), whole.values.tobytes())
        self.assertEqual(rows.values[:, 1].tolist(), [2.0 * len(text) for text in texts])

    def test_other_inputs_share_no_batch(self) -> None:
        self.run_batches(["a", "b"], Counting(), key="one")
        model = Counting()
        self.run_batches(["c", "d"], model, key="two")
        self.assertEqual(model.seen, ["c", "d"])

    def test_a_damaged_batch_is_encoded_again(self) -> None:
        texts = [f"text {k}" for k in range(9)]
        self.run_batches(texts, Counting())
        files = sorted((self.folder / "out.partial").rglob("*.npz"))
        files[0].write_bytes(files[0].read_bytes()[:-40])
        files[2].write_bytes(b"")
        model = Counting()
        rows = self.run_batches(texts, model)
        self.assertEqual(model.seen, texts[:3] + texts[6:])
        self.assertEqual(rows.values[:, 0].tolist(), [6.0] * 9)

    def test_broken_ones_are_zeros_with_a_reason(self) -> None:
        texts = ["broken 1", "ab", "broken 2", "broken 3", "broken 4", "broken 5", "abc"]
        for _ in range(2):  # encoded, and kept
            rows = self.run_batches(texts, Counting())
            self.assertEqual(rows.has.tolist(), [k in (1, 6) for k in range(7)])
            self.assertEqual(rows.values[:, 0].tolist(), [0, 2, 0, 0, 0, 0, 3])
            self.assertEqual(rows.why[2], "broken 2 cannot be decoded: it is broken")
            self.assertEqual(rows.why[1], "")

    def test_a_row_of_zeros_is_no_row(self) -> None:
        rows = self.run_batches(["", "a"], Counting())
        self.assertEqual(rows.has.tolist(), [False, True])
        self.assertIn("zeros", rows.why[0])

    def test_nothing_can_be_encoded(self) -> None:
        with self.assertRaisesRegex(Refusal, "the first reason: broken 1 cannot"):
            self.run_batches(["broken 1", "broken 2"], Counting())

    def test_a_model_that_gives_no_rows(self) -> None:
        for made, why in (
            (np.ones(2), "not rows"),
            (np.ones((1, 4)), "not rows"),
            (np.array([[1.0], [np.inf]]), "not finite"),
        ):
            model = Counting()
            model.encode = lambda _, made=made: made
            with self.assertRaisesRegex(Refusal, why):
                self.run_batches(["a", "b"], model, key=why + str(made.shape))

    def test_unit_length(self) -> None:
        rows = of_unit_length(np.array([[3, 4], [0, 0], [1e-30, 0]], dtype=np.float32))
        self.assertTrue(np.allclose(rows, [[0.6, 0.8], [0, 0], [1, 0]]))


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class Written(ToolTest):
    def test_matrices_masks_and_their_description(self) -> None:
        text = "itemId,title\n7,abc\n5,\n6,abcde\n8,broken\n"
        items = ItemTable(self.write("items.csv", text), None).read()
        batches = Batches(self.folder / "out", "text", 1, 2)
        rows = batches.run(["abc", "abcde", "broken"], read, Counting(), unit=False)
        spread = features.spread(rows, [0, 2, 3], 4, ["", "it has no text", "", ""])
        part = features.Modality("text", spread, {"model": "counting"}, batches.folder)
        out = self.folder / "out"
        with whole_folder(out, features.MARK, False) as folder:
            features.write(folder, items, [part], {})
            self.assertFalse(out.exists())
        made = np.load(out / "text.npy")
        self.assertEqual(made.dtype.str, "<f4")
        self.assertEqual(made.tolist(), [[3, 6], [0, 0], [5, 10], [0, 0]])
        self.assertEqual((out / "item_ids.csv").read_text(), "itemId\n7\n5\n6\n8\n")
        with (out / "mask.csv").open() as file:
            masks = [list(row.values()) for row in csv.DictReader(file)]
        self.assertEqual("".join(row[1] for row in masks), "1010")
        self.assertEqual(masks[1], ["5", "0", "text: it has no text"])
        self.assertEqual(masks[3][2], "text: broken cannot be decoded: it is broken")
        described = json.loads((out / "features.json").read_text())["text"]
        self.assertEqual(
            (described["dimension"], described["items_with"], described["items_without"]),
            (2, 2, 2),
        )
        said = "text.npy: 4 × 2 float32; 2 items have it (1: cannot be decoded; 1: it has no text)"
        self.assertEqual(part.summary(), said)

    def test_a_folder_is_whole_or_not_there(self) -> None:
        out = self.folder / "out"
        with self.assertRaises(KeyboardInterrupt), whole_folder(out, "mark", False) as folder:
            (folder / "half").touch()
            raise KeyboardInterrupt
        self.assertEqual(list(self.folder.iterdir()), [])
        with whole_folder(out, "mark", False) as folder:
            (folder / "mark").write_text("old")
        with self.assertRaises(ValueError), whole_folder(out, "mark", True):
            raise ValueError
        self.assertEqual((out / "mark").read_text(), "old")
        with whole_folder(out, "mark", True) as folder:
            (folder / "mark").write_text("new")
        self.assertEqual([file.name for file in self.folder.rglob("*")], ["out", "mark"])
        self.assertEqual((out / "mark").read_text(), "new")


if __name__ == "__main__":
    unittest.main()
