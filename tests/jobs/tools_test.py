#!/usr/bin/env python3
"""Systems, job folders and packaging, without running the program."""

import json
import sys
import types
import unittest

from tool import ROOT, ToolTest

from lib import study_tree, systems


class Systems(ToolTest):
    def test_every_system_of_the_repository_is_right(self):
        for name in systems.known_systems():
            self.assertTrue(systems.load(name).launcher)

    def test_mistakes_are_named(self):
        good = json.loads((systems.FOLDER / "generic.json").read_text())
        for change, said in (
            ({"partitoin": "x"}, 'unknown key "partitoin" (did you mean "partition"?)'),
            ({"cores_per_node": "64"}, '"cores_per_node" must be of type int'),
            ({"launcher": "srun {rank}"}, "unknown place {rank}"),
            ({"scheduler": "pbs"}, "slurm or local"),
        ):
            with self.subTest(said):
                system = self.write("system.json", {**good, **change})
                self.assertIn(
                    said,
                    self.run_tool(
                        "jobs/submit.py",
                        "--system",
                        system,
                        "--folder",
                        self.folder / "job",
                        code=2,
                    ),
                )

    def test_a_job_that_does_not_fit_is_refused(self):
        for words, said in (
            (["--ranks", "65"], "64 cores a node"),
            (["--gpus", "5"], "has 4"),
            (["--nodes", "2"], "a node would have none"),
            (["--template", "arra", "--seeds", "1"], "belong together"),
        ):
            with self.subTest(said):
                self.assertIn(
                    said,
                    self.run_tool(
                        "jobs/submit.py", "--folder", self.folder / "job", *words, code=2
                    ),
                )

    def test_every_study_of_the_repository_is_right(self):
        for name in ("strong", "weak", "strong_gfmfr"):
            self.assertTrue(study_tree.load(ROOT / "jobs/studies" / f"{name}.json").points)

    def test_dry_run_prints_the_line(self):
        said = self.run_tool(
            "jobs/submit.py",
            "--folder",
            self.folder / "job",
            "--template",
            "gpu-node",
            "--gpus",
            2,
            "--ranks",
            2,
            *["--", "train", "--data", "d.h5"],
        )
        self.assertIn("--gpus-per-node=2", said)
        self.assertIn("result.h5", (self.folder / "job/job.sh").read_text())


class Packaging(unittest.TestCase):
    def test_the_spack_recipe_runs_over_stand_ins(self):
        """Every directive that it calls, every option that it hands to CMake."""
        called, defined = [], []

        class CMakePackage:
            run_tests = False

            def define_from_variant(self, name, variant):
                defined.append((name, variant))

            def define(self, name, value):
                defined.append((name, value))

        def directive(name):
            return lambda *words, **_: called.append((name, *words))

        spack, package = types.ModuleType("spack"), types.ModuleType("spack.package")
        vars(package).update(
            {name: directive(name) for name in ("version", "variant", "depends_on", "license")},
            CMakePackage=CMakePackage,
        )
        file = ROOT / "jobs/packaging/spack/packages/fedfuse/package.py"
        before = sys.modules | {}
        sys.modules |= {"spack": spack, "spack.package": package}
        self.addCleanup(
            lambda: [
                sys.modules.pop(name) for name in ("spack", "spack.package") if name not in before
            ]
        )
        recipe = {"__file__": str(file), "__name__": "recipe"}
        exec(compile(file.read_text(), str(file), "exec"), recipe)
        self.assertEqual(recipe["Fedfuse"].git, ROOT.as_uri())
        recipe["Fedfuse"]().cmake_args()
        variants = {words[1] for words in called if words[0] == "variant"}
        self.assertEqual(
            {variant for _, variant in defined if isinstance(variant, str)} | {"tools"}, variants
        )
        options = (ROOT / "CMakeLists.txt").read_text()
        for name, _ in defined:
            self.assertIn(f"option({name} ", options)
        for needed in (
            "mpi",
            "hdf5@1.10:+mpi",
            "eigen@3.4:5",
            "random123",
            "cli11",
            "nlohmann-json",
        ):
            self.assertIn(("depends_on", needed), called)

    def test_recipes_compile_and_name_options_that_exist(self):
        lists = (ROOT / "CMakeLists.txt").read_text()
        for file in (ROOT / "jobs/packaging").rglob("*.py"):
            text = file.read_text()
            compile(text, str(file), "exec")
            for word in text.replace('"', " ").split():
                if word.startswith("FEDFUSE_") and file.name == "package.py":
                    self.assertIn(f"option({word}", lists)


if __name__ == "__main__":
    unittest.main()
