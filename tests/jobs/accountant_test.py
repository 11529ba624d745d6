#!/usr/bin/env python3
"""bench/accountant.py: what it prints of runs with and without noise; with dp-accounting, that both
agree, and that a record that says too little is found out."""

from __future__ import annotations

import importlib.util
import json
import unittest
from pathlib import Path
from typing import Any

from tool import ROOT, ToolTest, a_result

TOOL = "bench/accountant.py"
HAS_LIBRARY = importlib.util.find_spec("dp_accounting") is not None


def point(sampling: str) -> dict[str, Any]:
    goldens = json.loads((ROOT / "tests" / "oracle" / "accountant_goldens.json").read_text())
    return next(p for p in goldens["points"] if p["sampling"] == sampling and p["steps"] == 100)


class Accountant(ToolTest):
    def result(self, sampling: str, epsilon: float) -> Path:
        golden = point("poisson" if sampling == "poisson" else "without_replacement")
        facts = {
            "epsilon": epsilon,
            "delta": golden["delta"],
            "noise_multiplier": golden["z"],
            "rounds_done": golden["steps"],
            "clients": 1000000,
        }
        run = a_result(facts=facts, config={"sampling": sampling, "fraction": golden["q"]})
        return self.write(f"{sampling}.json", run)

    def test_a_run_without_noise_is_refused(self) -> None:
        said = self.run_tool(TOOL, self.write("run.json", a_result()), code=2)
        self.assertIn("has no epsilon", said)

    def test_the_record_is_printed_with_or_without_the_library(self) -> None:
        said = self.run_tool(
            TOOL, self.result("fixed", point("without_replacement")["epsilon"]), code=0
        )
        self.assertIn(f"{point('without_replacement')['epsilon']:.4f}", said)
        if not HAS_LIBRARY:
            self.assertIn("pip install dp-accounting", said)

    @unittest.skipUnless(HAS_LIBRARY, "no module dp_accounting (pip install dp-accounting)")
    def test_a_record_that_says_too_little_is_found_out(self) -> None:
        self.run_tool(TOOL, self.result("poisson", point("poisson")["epsilon"]))
        self.run_tool(TOOL, self.result("poisson", 0.01), code=1)


if __name__ == "__main__":
    unittest.main()
