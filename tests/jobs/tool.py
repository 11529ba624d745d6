"""Running the Python tools as a person does, and the small records that their tests need."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "jobs", "bench/rounds")]
QUICKSTART = ROOT / "results" / "quickstart"
# options of `fedfuse generate`, and a study of one run for study.py
SMALL = ["--users", "60", "--items", "60", "--dim-text", "8", "--dim-image", "8"]
STUDY = {
    "common": {"rounds": 1, "dim": 8},
    "backbones": ["fcf"],
    "fusions": ["none"],
    "protocols": ["own-train"],
    "seeds": [0],
    "search": {
        "protocol": "own-train",
        "seed": 0,
        "fusions": {"none": {"trials": 1, "grid": {}}},
    },
}


class ToolTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="fedfuse_tools_")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_tool(self, tool: str, *words: object, code: int = 0) -> str:
        """stdout and stderr; a refusal (2) must have its three lines and no traceback."""
        done = subprocess.run(
            [sys.executable, ROOT / tool, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, said)
        self.assertNotIn("Traceback", said)
        if code == 2 and "usage:" not in said:
            self.assertRegex(done.stderr, r"(?sm)^fedfuse: error: .*\n  why: .*\n  do:  ")
        return said

    def write(self, name: str, document: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path


def a_result(**changes: Any) -> dict[str, Any]:
    """A published run, with what a test changes.

    It has no identity: the counts of `data` then say which data a run is of, and a test changes
    those.
    """
    run = copy.deepcopy(json.loads((QUICKSTART / "none.json").read_text()))
    run.pop("identity", None)
    for name, value in changes.items():
        if isinstance(value, dict):
            run[name].update(value)
        else:
            run[name] = value
    return run


def benchmarks(values: dict[str, list[float]]) -> dict[str, Any]:
    entries = [
        {
            "name": name,
            "run_name": name,
            "run_type": "iteration",
            "cpu_time": value,
            "time_unit": "us",
        }
        for name, list_ in values.items()
        for value in list_
    ]
    return {"context": {}, "benchmarks": entries}
