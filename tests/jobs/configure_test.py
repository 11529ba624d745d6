#!/usr/bin/env python3
"""What CMake says of a machine that lacks something.

FEDFUSE_CMAKE=... configure_test.py
"""

import os
import shutil
import subprocess
import unittest

from job_case import JobTest
from tool import ROOT

CMAKE = os.environ.get("FEDFUSE_CMAKE", "cmake")
EIGEN = """add_library(Eigen3::Eigen INTERFACE IMPORTED)
set_target_properties(Eigen3::Eigen PROPERTIES INTERFACE_INCLUDE_DIRECTORIES /usr/include/eigen3)
"""
# what Eigen's own file does: a version is compatible with its major version only
EIGEN_VERSION = """set(PACKAGE_VERSION {version})
if(PACKAGE_FIND_VERSION_MAJOR STREQUAL {major})
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
"""


class Configure(JobTest):
    def configure(self, *words, code=0):
        line = [CMAKE, "-S", ROOT, "-B", self.folder / "a b" / "build", "-G", "Ninja"]
        line += ["-DFEDFUSE_CUDA=OFF", "-DFEDFUSE_TESTS=OFF", "-DFEDFUSE_BENCHMARKS=OFF", *words]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CMAKE_")}
        done = subprocess.run(
            list(map(str, line)),
            capture_output=True,
            text=True,
            timeout=240,
            env=environment,
            check=False,
        )
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode != 0, code != 0, said)
        return " ".join(said.split())

    def a_compiler_without(self, *words):
        path = self.folder / "compiler"
        self.stand_in(path, f'#!/bin/sh\nexec "{shutil.which("g++")}" "$@" {" ".join(words)}\n')
        return f"-DCMAKE_CXX_COMPILER={path}"

    def test_a_compiler_that_does_not_suffice_is_named(self):
        """Without half floats (clang 14, g++ 11), and one that ignores the standard."""
        for lacking in ("-D_Float16=nothing", "-std=c++17"):
            with self.subTest(lacking):
                shutil.rmtree(self.folder / "a b" / "build", ignore_errors=True)
                said = self.configure(self.a_compiler_without(lacking), code=1)
                self.assertIn("cannot build fedfuse", said)
                self.assertIn("use g++ 12 or clang 16, or newer", said)
                self.assertIn("no CMAKE_BUILD_TYPE is given: Release", said)

    def test_ninja_is_missing(self):
        said = self.configure("-DCMAKE_IGNORE_PATH=/usr/bin;/bin;/usr/local/bin", code=1)
        self.assertIn("Ninja is missing: install it (Debian: ninja-build)", said)

    def test_a_target_that_there_is_not_is_named(self):
        said = self.configure("-DFEDFUSE_NATIVE=OFF", "-DFEDFUSE_TARGETS=x86-64-v9", code=1)
        self.assertIn('FEDFUSE_TARGETS has "x86-64-v9"', said)
        self.assertIn("do: name some of these", said)

    def test_a_shared_library_is_of_one_target(self):
        targets = "-DFEDFUSE_TARGETS=x86-64-v2;x86-64-v3"
        said = self.configure("-DFEDFUSE_SHARED=ON", "-DFEDFUSE_NATIVE=OFF", targets, code=1)
        self.assertIn("FEDFUSE_SHARED with the targets x86-64-v2,x86-64-v3", said)
        self.assertIn("do: name one of them in FEDFUSE_TARGETS", said)

    def test_the_versions_of_eigen(self):
        for version, code in (("3.3.9", 1), ("3.4.0", 0), ("5.0.1", 0)):
            with self.subTest(version):
                shutil.rmtree(self.folder / "a b" / "build", ignore_errors=True)
                self.write("eigen/Eigen3Config.cmake", EIGEN)
                file = EIGEN_VERSION.format(version=version, major=version[0])
                self.write("eigen/Eigen3ConfigVersion.cmake", file)
                said = self.configure(f"-DEigen3_DIR={self.folder / 'eigen'}", code=code)
                self.assertEqual("3.4 or newer is needed" in said, code != 0, said)


class SystemFolders(JobTest):
    def test_a_folder_of_the_compiler_is_not_named_again(self):
        (self.folder / "link").symlink_to("/usr/include")
        (self.folder / "nccl").mkdir()
        script = self.write(
            "script.cmake",
            "cmake_minimum_required(VERSION 3.25)\n"
            f'include("{ROOT}/src/cmake/FedfuseSystemFolders.cmake")\n'
            "set(CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES /usr/lib /usr/include)\n"
            "foreach(folder /usr/include /usr/lib/../include link /usr/lib/.. nccl)\n"
            '  fedfuse_beside_system(found "${folder}")\n'
            '  message("[${found}]")\n'
            "endforeach()\n",
        )
        done = subprocess.run(
            [CMAKE, "-P", script], cwd=self.folder, capture_output=True, text=True, check=True
        )
        self.assertEqual(done.stderr.split(), ["[]", "[]", "[]", "[/usr/lib/..]", "[nccl]"])


if __name__ == "__main__":
    unittest.main()
