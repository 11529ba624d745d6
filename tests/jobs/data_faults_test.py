#!/usr/bin/env python3
"""Downloads that are wrong, cut off or changed: the recipes of jobs/data name the file, the line
and what to do, exit with 2, and leave nothing behind.
"""

from __future__ import annotations

import gzip
import unittest
from pathlib import Path

import data_mocks as mocks
from data_recipes_test import RecipeTest


class Faults(RecipeTest):
    def refused(self, name: str, files: dict[str, Path], *words: object) -> str:
        """The message; nothing new is in the folder."""
        before = sorted(self.folder.rglob("*"))
        said = self.recipe(name, files, *words, code=2)
        self.assertEqual(sorted(self.folder.rglob("*")), before, said)
        return said

    def movielens(self, files: dict[str, bytes], name: str) -> str:
        archive = mocks.zipped(self.folder / "ml.zip", files)
        words = ["--set", name, "--other-version"]
        return self.refused("movielens", {"archive": archive}, *words)


class MovieLens(Faults):
    def test_another_file_than_the_published_one(self) -> None:
        archive = {"archive": mocks.zipped(self.folder / "ml.zip", mocks.ml_100k())}
        said = self.run_tool("jobs/data/movielens.py", *self.line(archive, "--set=100k"), code=2)
        self.assertFalse(self.out.exists())
        self.assertIn("its MD5 is", said)
        self.assertIn("not 0e33842e24a9c977be4e0107933c0723", said)
        self.assertIn("--other-version", said)

    def test_a_truncated_archive(self) -> None:
        for length in (100, 40):
            archive = mocks.zipped(self.folder / "ml.zip", mocks.ml_1m())
            archive.write_bytes(archive.read_bytes()[:-length])
            words = ["--set", "1m", "--other-version"]
            said = self.refused("movielens", {"archive": archive}, *words)
            self.assertIn("it is truncated or damaged", said)
            self.assertIn("download it again", said)

    def test_a_damaged_member(self) -> None:
        archive = mocks.zipped(self.folder / "ml.zip", mocks.ml_1m())
        content = bytearray(archive.read_bytes())
        content[60:64] = b"\xff\xff\xff\xff"
        archive.write_bytes(content)
        said = self.refused("movielens", {"archive": archive}, "--set", "1m", "--other-version")
        self.assertIn("ml.zip", said)
        self.assertIn("truncated or damaged", said)

    def test_the_archive_of_another_set_and_what_is_no_archive(self) -> None:
        said = self.movielens(mocks.ml_100k(), "1m")
        self.assertIn("it has no ml-1m/", said)
        self.assertIn("it has ml-100k/u.data", said)
        page = self.write("ml.zip", "<html>not found</html>")
        said = self.refused("movielens", {"archive": page}, "--set", "1m", "--other-version")
        self.assertIn("ml.zip cannot be read", said)
        absent = self.folder / "absent.zip"
        said = self.refused("movielens", {"archive": absent}, "--set", "1m")
        self.assertIn("there is no such file", said)
        self.assertIn("https://grouplens.org/datasets/movielens/", said)

    def test_a_changed_column(self) -> None:
        files = mocks.ml_latest_small()
        name = "ml-latest-small/ratings.csv"
        files[name] = files[name].replace(b"movieId", b"film", 1)
        said = self.movielens(files, "latest-small")
        self.assertIn("ratings.csv, line 1 cannot be used", said)
        self.assertIn("no column movieId; its columns: userId, film", said)
        files = mocks.ml_100k()
        files["ml-100k/u.item"] = files["ml-100k/u.item"].replace(b"3|Caf", b"3|0|Caf", 1)
        said = self.movielens(files, "100k")
        self.assertIn("u.item, line 3 cannot be used", said)
        self.assertIn("it has 10 fields", said)

    def test_a_line_that_is_cut_off_or_no_number(self) -> None:
        for old, new, why in (
            (b"::1001\n", b"\n", 'it has 3 fields separated by "::", not 4'),
            (b"::1001\n", b"::soon\n", 'timestamp "soon" is no number'),
            (b"::1001\n", b"::nan\n", 'timestamp "nan" is no number'),
            (b"1::2", b"::2", "user is empty"),
        ):
            files = mocks.ml_1m()
            files["ml-1m/ratings.dat"] = files["ml-1m/ratings.dat"].replace(old, new, 1)
            said = self.movielens(files, "1m")
            self.assertIn("ml-1m/ratings.dat, line 1 cannot be used", said)
            self.assertIn(why, said)

    def test_an_encoding_and_an_empty_file(self) -> None:
        files = mocks.ml_latest_small()
        files["ml-latest-small/movies.csv"] = "movieId,title,genres\n1,Café,x\n".encode("latin-1")
        self.assertIn("movies.csv, line 2 cannot be used", self.movielens(files, "latest-small"))
        files = mocks.ml_1m() | {"ml-1m/ratings.dat": b""}
        self.assertIn("ratings.dat cannot be used", self.movielens(files, "1m"))

    def test_no_user_is_left(self) -> None:
        archive = {"archive": mocks.zipped(self.folder / "ml.zip", mocks.ml_1m())}
        words = ["--set", "1m", "--other-version", "--min-user", 9]
        said = self.refused("movielens", archive, *words)
        self.assertIn("lower --min-user or --min-item", said)


class Outputs(Faults):
    def test_what_is_there_is_not_replaced(self) -> None:
        files = mocks.ninerec(self.folder)
        self.out.mkdir()
        (self.out / "mine").write_text("mine")
        said = self.refused("ninerec", files, "--overwrite")
        self.assertIn("is no folder that this tool wrote", said)
        self.out = self.folder / "new"
        self.recipe("ninerec", files)
        self.assertIn("add --overwrite", self.refused("ninerec", files))
        self.recipe("ninerec", files, "--overwrite")

    def test_an_input_is_not_replaced(self) -> None:
        files = mocks.ninerec(self.folder)
        self.recipe("ninerec", files)
        inside = self.out / "items.csv"
        said = self.refused("ninerec", files | {"items": inside}, "--overwrite")
        self.assertIn(f"the input {inside} is in it", said)
        said = self.refused("ninerec", files, "--overwrite", "--data", files["pairs"])
        self.assertIn("it is the input", said)

    def test_a_failed_import_is_told(self) -> None:
        program = self.write("fedfuse", "#!/bin/sh\necho no >&2\nexit 2\n")
        program.chmod(0o755)
        words = ["--data", self.folder / "data.h5", "--program", program]
        said = self.recipe("ninerec", mocks.ninerec(self.folder), *words, code=2)
        self.assertIn("fedfuse import ended with 2", said)
        self.assertTrue((self.out / "inter.csv").exists())


class Others(Faults):
    def test_amazon_cut_off(self) -> None:
        files = mocks.amazon(self.folder)
        files["reviews"].write_bytes(files["reviews"].read_bytes()[:-20])
        said = self.refused("amazon", files)
        self.assertIn("reviews.gz cannot be read", said)
        self.assertIn("truncated or damaged", said)
        files["reviews"].write_bytes(gzip.compress(mocks.reviews()[:-30].encode()))
        said = self.refused("amazon", files)
        self.assertIn("reviews.gz, line 48 cannot be used", said)
        self.assertIn("neither JSON nor a Python literal", said)

    def test_amazon_with_another_key(self) -> None:
        changed = mocks.reviews().replace("unixReviewTime", "time")
        said = self.refused("amazon", mocks.amazon(self.folder, reviews=changed))
        self.assertIn("reviews.gz, line 1 cannot be used", said)
        self.assertIn("it has no unixReviewTime", said)

    def test_amazons_binary_features(self) -> None:
        whole = mocks.image_features(range(1, 4))
        for content, why in (
            (whole[:-5], "record 3 cannot be used"),
            (whole[1:], "record 1 cannot be used"),
            (mocks.image_features(range(1, 4), 512), "record 1 cannot be used"),
            (mocks.image_features(range(50, 52)), "features of none of the products"),
        ):
            files = mocks.amazon(self.folder, **{"image-features": content})
            self.assertIn(why, self.refused("amazon", files))

    def test_amazons_metadata_of_another_category(self) -> None:
        said = self.refused("amazon", mocks.amazon(self.folder, meta="{'asin': 'B999999999'}\n"))
        self.assertIn("describes none of the products", said)

    def test_code_in_a_literal_is_not_run(self) -> None:
        made = self.folder / "made"
        text = f"__import__('pathlib').Path('{made}').touch()\n"
        said = self.refused("amazon", mocks.amazon(self.folder, meta=text))
        self.assertIn("meta.gz, line 1 cannot be used", said)
        self.assertFalse(made.exists())

    def test_ninerec(self) -> None:
        files = mocks.ninerec(self.folder)
        files["pairs"].write_text("v1,u1,5\nv2,u1\n")
        self.assertIn("KU_pair.csv, line 2 cannot be used", self.refused("ninerec", files))
        files = mocks.ninerec(self.folder)
        files["items"].write_text("x1,a,b\n")
        self.assertIn("it has none of the items", self.refused("ninerec", files))
        files["items"].write_text("v1,a\n")
        self.assertIn("KU_item.csv, line 1 cannot be used", self.refused("ninerec", files))

    def test_ku(self) -> None:
        import numpy as np

        header = "userID,itemID,rating,timestamp,split_label\n"
        for changes, why in (
            (
                {"inter": header + "0,8,1.0,5,0\n"},
                'line 2 cannot be used\n  why: itemID "8" has no',
            ),
            ({"inter": header + "0,1,1.0,5,3\n"}, 'split_label "3" is none of 0, 1, 2'),
            ({"inter": header.replace("itemID", "item")}, "it has no column itemID"),
            ({"image": np.ones((7, 4))}, "they have 8 and 7 rows"),
            ({"text": np.ones(8)}, "not rows of floats"),
            ({"text": np.full((8, 4), np.nan)}, "those of item 0 are not finite"),
        ):
            self.assertIn(why, self.refused("ku", mocks.ku(self.folder, **changes)))
        files = mocks.ku(self.folder)
        files["text"].write_bytes(files["text"].read_bytes()[:-3])
        self.assertIn("it is no whole NPY file", self.refused("ku", files))

    def test_hm(self) -> None:
        files = mocks.hm(self.folder)
        said = self.refused("hm", files, "--since", "2021-01-01")
        self.assertIn("its last day is 2020-09-15, before --since", said)
        self.assertIn('"soon" is no day', self.refused("hm", files, "--since", "soon"))
        text = "t_dat,customer_id,article_id\n2020-13-01,c,1\n"
        mocks.zipped(files["transactions"], {"t.csv": text.encode()})
        self.assertIn('line 2 cannot be used\n  why: t_dat "2020-13-01"', self.refused("hm", files))
        mocks.zipped(files["transactions"], {"a.csv": b"", "b.csv": b""})
        self.assertIn("it holds 2 files, not one", self.refused("hm", files))


if __name__ == "__main__":
    unittest.main()
