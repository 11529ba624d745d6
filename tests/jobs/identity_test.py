#!/usr/bin/env python3
"""A finished number is used again only for the same data, options and program.

FEDFUSE_PROGRAM=... identity_test.py
"""

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import unittest

from tool import SMALL, STUDY, ToolTest

from records import identity

PROGRAM = os.environ["FEDFUSE_PROGRAM"]
SCALING = {
    "name": "tiny",
    "kind": "strong",
    "generate": {"users": 60, "items": 60, "dim-text": 8, "dim-image": 8},
    "train": {"backbone": "fcf", "rounds": 2, "dim": 8, "lr": 0.2},
    "points": [{"ranks": 1}],
    "repeats": 1,
}


class IdentityTest(ToolTest):
    def generate(self, name, *words):
        path = self.folder / name
        line = [PROGRAM, "generate", *SMALL, "--overwrite", "--out", path, *words]
        subprocess.run(line, check=True, capture_output=True)
        return path

    def other_program(self):
        """The same program, under another identity."""
        path = self.folder / "other_program"
        path.write_text(
            f"#!/bin/sh\ncase $1 in --version) echo '  identity of program {'0' * 64}' ;;\n"
            f'*) exec {PROGRAM} "$@" ;;\nesac\n'
        )
        path.chmod(0o755)
        return path


class OfAProgram(IdentityTest):
    def test_the_tools_know_which_options_decide_bits(self):
        data, out = self.generate("data.h5"), self.folder / "run.h5"
        subprocess.run(
            [PROGRAM, "train", *["--data", data, "--out", out, "--rounds", "1", "--dim", "8"]],
            check=True,
            capture_output=True,
        )
        run = json.loads(out.with_suffix(".json").read_text())
        of = identity.identity_of(run)
        self.assertEqual(identity.hash_of(identity.deciding(run["config"])), of["config"])
        self.assertEqual(identity.ask_data(PROGRAM, data), of["data"])
        self.assertEqual(identity.ask_program(PROGRAM), of["program"])
        asked = identity.ask_config(PROGRAM, "rounds = 1\ndim = 8\n")
        self.assertEqual(identity.other_settings(asked, run), [])
        self.assertTrue(identity.other_settings(asked | {"lr_items": 3.0}, run))

    @unittest.skipUnless(importlib.util.find_spec("h5py"), "no h5py (python3-h5py)")
    def test_the_layout_of_the_file_is_no_part_and_a_bit_is(self):
        import h5py
        import numpy as np

        data = self.generate("data.h5")
        before = identity.ask_data(PROGRAM, data)
        packed = self.folder / "packed.h5"
        with h5py.File(data) as a, h5py.File(packed, "w") as b:
            b.attrs.update({**a.attrs, "name": np.bytes_("packed")})

            def copy(name, found):
                if isinstance(found, h5py.Dataset):
                    chunked = {"chunks": True, "compression": "gzip"} if found.ndim else {}
                    b.create_dataset(name, data=found[()], **chunked)

            a.visititems(copy)
        self.assertEqual(identity.ask_data(PROGRAM, packed), before)
        with h5py.File(packed, "a") as file:
            file["items/has_image"][5] ^= 1
        self.assertNotEqual(identity.ask_data(PROGRAM, packed), before)


class Study(IdentityTest):
    def study(self, data, *words, study=STUDY, program=PROGRAM, code=0):
        said = self.run_tool(
            "jobs/studies/study.py",
            self.write("study.json", study),
            *["--data", data, "--program", program, "--work", self.folder / "work", *words],
            code=code,
        )
        if code == 0:
            with (self.folder / "work/runs.csv").open(newline="") as file:
                return list(csv.DictReader(file))
        return said

    def records(self):
        files = sorted((self.folder / "work/runs").glob("*.json"))
        return [path for path in files if not path.name.endswith(".load.json")]

    def times(self):
        return {path.stat().st_mtime_ns for path in self.records()}

    def test_runs_are_used_again_only_when_all_is_the_same(self):
        data = self.generate("data.h5")
        first = self.study(data)
        before = self.times()
        self.assertEqual(self.study(data), first)
        self.assertEqual(self.study(shutil.copy(data, self.folder / "renamed.h5")), first)
        self.assertEqual(self.times(), before, "a finished run was made again")

        self.generate("data.h5", "--seed", "1")  # replaced under its name
        second = self.study(data)
        self.assertNotEqual(second[0]["data_identity"], first[0]["data_identity"])
        self.assertNotEqual(second[0]["test_ndcg_50"], first[0]["test_ndcg_50"])
        edited = self.study(data, study={**STUDY, "common": {"rounds": 2, "dim": 8}})
        self.assertEqual((second[0]["rounds"], edited[0]["rounds"]), ("1", "2"))

    def test_another_program_does_not_take_the_runs(self):
        data = self.generate("data.h5")
        self.study(data)
        # it says that it is another program, and writes the identity of this one
        said = self.study(data, program=self.other_program(), code=2)
        self.assertIn("is not the run that was started", said)

    def test_a_run_whose_record_was_changed_is_made_again(self):
        data = self.generate("data.h5")
        first = self.study(data)
        record = self.records()[0]
        run = json.loads(record.read_text())
        for change in (
            {"config": {**run["config"], "dim": 16}},
            {"status": "interrupted"},
            {"identity": {**run["identity"], "data": "0" * 64}},
        ):
            record.write_text(json.dumps({**run, **change, "best_round": 0}))
            again = self.study(data)
            self.assertEqual(again[0]["test_ndcg_50"], first[0]["test_ndcg_50"])

    def test_settings_that_another_search_chose_are_refused(self):
        data = self.generate("data.h5")
        self.study(data)
        self.study(data, "--stage", "final", study={**STUDY, "seeds": [1]})
        searched = {**STUDY, "common": {"rounds": 1, "dim": 16}}
        said = self.study(data, "--stage", "final", study=searched, code=2)
        self.assertIn("the search of the study is another one", said)
        self.generate("data.h5", "--seed", "1")
        said = self.study(data, "--stage", "final", code=2)
        self.assertIn("the data set is another one", said)


class Scaling(IdentityTest):
    def scaling(self, study, *words, program=PROGRAM, code=0):
        return self.run_tool(
            "jobs/scaling.py",
            self.write("study.json", study),
            *["--system", "single-node", "--program", program, "--work", self.folder / "work"],
            *words,
            code=code,
        )

    def collected(self):
        self.run_tool("jobs/scaling.py", "--work", self.folder / "work", "--collect")
        return json.loads((self.folder / "work/table.json").read_text())

    def test_an_edited_study_is_run_again(self):
        self.scaling(SCALING, "--submit")
        first = self.collected()
        self.assertEqual(first["settings"]["lr"], 0.2)
        self.assertIn("0 data sets and 0 runs", self.scaling(SCALING))
        # an option fewer is another one, too: its default
        train = {name: value for name, value in SCALING["train"].items() if name != "lr"}
        said = self.scaling({**SCALING, "train": train}, "--submit")
        self.assertIn("is of other options: lr is 0.2, not 0.3", said)
        second = self.collected()
        self.assertEqual(second["settings"]["lr"], 0.3)
        for part, same in (("data", True), ("config", False), ("program", True)):
            values = {table["rows"][0][f"{part}_identity"] for table in (first, second)}
            self.assertEqual(len(values) == 1, same, part)
        self.assertEqual(len(list((self.folder / "work").rglob("result.json.stale"))), 1)
        self.assertIn("dim 8 | 16", self.compared(first, {"dim": 16}))

    def compared(self, table, train):
        a = self.write("a.json", table)
        b = self.write("b.json", {**table, "settings": {**table["settings"], **train}})
        return self.run_tool("bench/compare.py", a, b, code=2)

    def test_other_data_are_run_again(self):
        self.scaling(SCALING, "--submit")
        other = {**SCALING, "generate": {**SCALING["generate"], "seed": 1}}
        self.assertIn("1 data set and 1 run ", self.scaling(other))

    def test_a_replaced_data_set_is_run_again(self):
        data = self.generate("own.h5")
        self.scaling(SCALING, "--data", data, "--submit")
        self.assertIn("0 data sets and 0 runs", self.scaling(SCALING, "--data", data))
        self.generate("own.h5", "--shuffle-features")
        self.assertIn("is of other data: ", self.scaling(SCALING, "--data", data))

    def test_another_program_is_run_again(self):
        self.scaling(SCALING, "--submit")
        said = self.scaling(SCALING, program=self.other_program())
        self.assertIn("is of other program: ", said)

    def test_runs_that_do_not_belong_together_are_not_one_table(self):
        study = {**SCALING, "repeats": 2}
        self.scaling(study, "--submit")
        _, second = sorted((self.folder / "work").rglob("result.json"))
        run = json.loads(second.read_text())
        second.write_text(json.dumps({**run, "identity": {**run["identity"], "data": "0" * 64}}))
        row = self.collected()["rows"][0]
        self.assertEqual((row["runs"], len(row["invalid"])), (1, 1))
        self.assertIn("of another data than the runs before", row["invalid"][0])
        self.write("work/study.json", {**study, "train": {**study["train"], "lr": 0.3}})
        said = self.run_tool("jobs/scaling.py", "--work", self.folder / "work", "--collect", code=2)
        self.assertIn("config.toml is of another study", said)


if __name__ == "__main__":
    unittest.main()
