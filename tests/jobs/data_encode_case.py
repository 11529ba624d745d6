"""encode.py in the Python that has its packages, and what is made for it there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tool import ROOT, ToolTest

ENCODE = ROOT / "jobs" / "data" / "encode.py"
MAKER = ROOT / "tests" / "jobs" / "data_encode_inputs.py"


def python_of_encode() -> Path:
    """Of FEDFUSE_ENCODE_PYTHON, else that which jobs/test.sh installs."""
    given = os.environ.get("FEDFUSE_ENCODE_PYTHON")
    return Path(given) if given else ROOT / "build" / "encode" / "bin" / "python"


class EncodeTest(ToolTest):
    def setUp(self) -> None:
        super().setUp()
        self.python = python_of_encode()
        if not self.python.exists():
            self.skipTest(
                f"no {self.python}: jobs/test.sh installs it from PyPI, or FEDFUSE_ENCODE_PYTHON "
                "names another"
            )

    def make(self, *words: object) -> None:
        line = [self.python, MAKER, self.folder, *words]
        subprocess.run(list(map(str, line)), check=True, timeout=120)

    def encode(self, *words: object, code: int = 0) -> str:
        line = [self.python, ENCODE, "--threads", 1, *words]
        done = subprocess.run(
            list(map(str, line)), capture_output=True, text=True, timeout=240, check=False
        )
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, said)
        self.assertNotIn("Traceback", said)
        if code == 2:
            self.assertRegex(done.stderr, r"(?sm)^fedfuse: error: .*\n  why: .*\n  do:  ")
        return said
