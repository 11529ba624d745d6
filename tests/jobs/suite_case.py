"""A run of the suite for the cases of a test, and copies of it that are doctored."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tool import ROOT, ToolTest

FOM = re.compile(r"^FOM (\S+)\.(\w\S*) (\S+) (\S+) (VALID|INVALID|UNCHECKED) ranks=(\d+) ", re.M)

# a program whose loss is another one where it runs on two ranks
WRONG = """#!/usr/bin/env bash
{0} "$@" || exit
[ "$1" = train ] && [ "${{OMPI_COMM_WORLD_RANK:-0}}" = 0 ] || exit 0
[ "${{OMPI_COMM_WORLD_SIZE:-1}}" = 2 ] || exit 0
while [ "$1" != --out ]; do shift; done
{1} - "${{2%.h5}}.json" <<'PYTHON'
import json, sys
run = json.load(open(sys.argv[1]))
run["metrics"]["loss"] = [1.01 * loss for loss in run["metrics"]["loss"]]
json.dump(run, open(sys.argv[1], "w"))
PYTHON
"""


class SuiteTest(ToolTest):
    """One run of two workloads of class S for all cases."""

    run_folder: Path
    said = ""

    @classmethod
    def setUpClass(cls) -> None:
        if "FEDFUSE_PROGRAM" not in os.environ:
            raise unittest.SkipTest("FEDFUSE_PROGRAM names no program")
        folder = tempfile.TemporaryDirectory(prefix="fedfuse_suite_")
        cls.addClassCleanup(folder.cleanup)
        cls.cache, cls.run_folder = Path(folder.name) / "cache", Path(folder.name) / "run"
        line = [sys.executable, ROOT / "jobs/suite.py", "linear", "distil", *cls.words()]
        done = subprocess.run(line, capture_output=True, text=True, timeout=200, check=False)
        cls.said = done.stderr + done.stdout
        cls.code = done.returncode

    @classmethod
    def words(cls) -> list[Any]:
        program = ["--program", os.environ["FEDFUSE_PROGRAM"], "--ranks", "2", "--oversubscribe"]
        return [*program, "--out", cls.run_folder, "--cache", cls.cache]

    def suite(self, *words: Any, code: int = 0) -> str:
        program = ["--program", os.environ["FEDFUSE_PROGRAM"], "--cache", self.folder / "cache"]
        return self.run_tool("jobs/suite.py", *program, *words, code=code)

    def doctored(self, file: str, change: Callable[[Any], None]) -> Path:
        """A copy of the run, one of whose files is changed."""
        copy = Path(tempfile.mkdtemp(dir=self.folder)) / "run"
        shutil.copytree(self.run_folder, copy)
        document = json.loads((copy / file).read_text())
        change(document)
        (copy / file).write_text(json.dumps(document))
        return copy
