#!/usr/bin/env python3
"""The recipes of packaging: their expressions over the output of a real suite, their workloads and
options against those of the suite, the container's packages against those of setup.sh; and the
profiles that other tools read.

  FEDFUSE_PROGRAM=... suite_recipes_test.py
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import unittest

import recipes
from suite_case import SuiteTest
from tool import ROOT, ToolTest

from lib.suite_classes import CLASSES, WORKLOADS

CONTAINER = ROOT / "jobs/packaging/container"


class OverRealOutput(SuiteTest):
    """Ramble matches its expressions line by line, from the start of a line."""

    def setUp(self) -> None:
        super().setUp()
        self.lines = self.said.splitlines()
        self.invalid = re.sub(r"(?m)^(FOM \S+) \S+ (\S+) VALID", r"\1 - \2 INVALID", self.said)

    def test_ramble_finds_every_figure(self) -> None:
        found = {}
        for (name,), settings in recipes.ramble().of("figure_of_merit"):
            matches = [re.match(settings["fom_regex"], line) for line in self.lines]
            found[name] = [match[settings["group_name"]] for match in matches if match]
        self.assertEqual(found["Verdict"], ["VALID", "VALID"])
        self.assertEqual(found["Unit"], ["client-rounds/s"] * 2)
        self.assertEqual(found["Device"], ["cpu", "cpu"])
        self.assertTrue(all(float(one) > 0 for one in found["Figure of merit"]))
        self.assertEqual(len(found["Score"]), 1)
        ((context,), settings), *_ = recipes.ramble().of("figure_of_merit_context")
        rows = [m["row"] for m in (re.match(settings["regex"], line) for line in self.lines) if m]
        self.assertEqual((context, rows), ("row", ["linear.S", "distil.S"]))

    def test_ramble_succeeds_where_the_suite_is_valid(self) -> None:
        ((_, settings),) = recipes.ramble().of("success_criteria")
        expression = settings["match"]
        self.assertTrue(any(re.match(expression, line) for line in self.lines))
        self.assertFalse(any(re.match(expression, line) for line in self.invalid.splitlines()))

    def test_reframe_passes_where_the_suite_is_valid(self) -> None:
        passes, figure = recipes.reframe(self.said)
        self.assertTrue(passes)
        self.assertGreater(figure, 0)
        self.assertEqual(recipes.reframe(self.invalid), (False, 0.0))


class Profile(SuiteTest):
    def setUp(self) -> None:
        super().setUp()
        self.tree = json.loads((self.run_folder / "distil.S/profile.json").read_text())

    def test_regions_are_those_of_the_record(self) -> None:
        twin = json.loads((self.run_folder / "distil.S/run-0.json").read_text())
        ((_, rounds),) = (node["children"] for node in self.tree)
        self.assertAlmostEqual(rounds["metrics"]["time (inc)"], sum(twin["time"]["round_s"]))
        teacher = next(n for n in rounds["children"] if n["frame"]["name"] == "teacher")
        self.assertAlmostEqual(teacher["metrics"]["max"], sum(twin["time"]["teacher_max"]))
        self.assertAlmostEqual(teacher["metrics"]["min"], sum(twin["time"]["teacher_min"]))

    def test_hatchet_reads_it(self) -> None:
        if importlib.util.find_spec("hatchet") is None:
            self.skipTest("no hatchet (pip install llnl-hatchet)")
        import hatchet

        frame = hatchet.GraphFrame.from_literal(self.tree).dataframe
        self.assertIn("teacher", set(frame["name"]))


class AgainstTheSuite(ToolTest):
    def test_ramble_has_every_workload_and_known_options(self) -> None:
        calls = recipes.ramble()
        self.assertEqual([words[0] for words, _ in calls.of("workload")], list(WORKLOADS))
        ((words, _),) = calls.of("executable")
        given = {words[0] for words, _ in calls.of("workload_variable")}
        of_ramble = {"n_nodes", "n_ranks", "experiment_run_dir"}
        self.assertEqual(set(re.findall(r"{(\w+)}", words[1])), given | of_ramble)
        usage = self.run_tool("jobs/suite.py", "--help")
        for option in re.findall(r"--\w+", words[1]):
            self.assertIn(option, usage)

    def test_benchpark_grows_nodes_and_names_the_package(self) -> None:
        chosen = {"class": "A", "version": "main", "scaling-factor": "2", "scaling-iterations": "3"}
        calls, said = recipes.benchpark(chosen, {"+strong"})
        variants = {words[0]: settings for words, settings in calls.of("variant")}
        self.assertEqual(list(variants["workload"]["values"]), list(WORKLOADS))
        runnable = [one.name for one in CLASSES.values() if not one.only_planned]
        self.assertEqual(list(variants["class"]["values"]), runnable)
        variables = {words[0]: words[1] for words, _ in said.of("add_experiment_variable")}
        self.assertEqual(variables["n_nodes"], [1, 2, 4])
        self.assertEqual(variables["suite_class"], "A")
        self.assertNotIn("suite_options", variables)
        _, weak = recipes.benchpark(chosen, {"+weak"})
        self.assertIn((("suite_options", "--weak", False), {}), weak.of("add_experiment_variable"))
        ((words, _),) = said.of("add_package_spec")
        self.assertEqual(words, ("fedfuse", ["fedfuse@main +benchmarks"]))


class Container(ToolTest):
    def setUp(self) -> None:
        super().setUp()
        self.text = (CONTAINER / "Containerfile").read_text()

    def test_it_installs_what_setup_installs(self) -> None:
        setup = (ROOT / "jobs/setup.sh").read_text()
        needed = set(re.findall(r"^([\w.+-]+)\|(?:command|header|module) ", setup, re.M))
        first = self.text.split("rm -rf /var/lib/apt/lists/*")[0]
        self.assertGreater(len(needed), 10)
        self.assertEqual(needed - set(first.split()), set())

    def test_it_names_options_that_exist(self) -> None:
        options = (ROOT / "CMakeLists.txt").read_text()
        for name in re.findall(r"-D(FEDFUSE_\w+)=", self.text):
            self.assertIn(f"option({name} ", options)

    def test_both_stages_and_apptainer_have_one_path(self) -> None:
        self.assertEqual(
            re.findall(r"(?m)^FROM \$\{(\w+)\}", self.text), ["BUILD_IMAGE", "RUN_IMAGE"]
        )
        path = "PATH=/opt/fedfuse/bin:/opt/fedfuse/share/fedfuse/jobs:$PATH"
        self.assertIn(path, self.text)
        self.assertIn(path, (CONTAINER / "fedfuse.def").read_text())

    def test_it_is_built(self) -> None:
        builders = [name for name in ("podman", "buildah", "docker") if shutil.which(name)]
        if not builders or "FEDFUSE_BUILD_CONTAINER" not in os.environ:
            found = " ".join(builders) or "no podman, buildah or docker"
            self.skipTest(f"{found}; FEDFUSE_BUILD_CONTAINER=1 builds the image with one of them")
        line = [builders[0], "build", "-f", CONTAINER / "Containerfile", "-t", "fedfuse-test", ROOT]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-4000:])


if __name__ == "__main__":
    unittest.main()
