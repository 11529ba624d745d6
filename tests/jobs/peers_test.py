#!/usr/bin/env python3
"""bench/peers/peers.py over recorded reports and over programs that stand in for the peers. No
package from PyPI is needed.
"""

from __future__ import annotations

import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

from tool import ROOT, ToolTest

sys.path.append(str(ROOT / "bench" / "peers"))
import peer_table

PROGRAM = Path(os.environ.get("FEDFUSE_PROGRAM", ROOT / "build" / "release" / "fedfuse"))
PEERS = "bench/peers/peers.py"
# A peer that reports the losses of LOSS times those of the run that it starts from.
STAND_IN = """#!/usr/bin/env python3
import json, sys
from pathlib import Path
script, data, start, workload, rounds, seed = sys.argv[1:]
print("a warning")
folder = Path(start).parent
losses = json.loads((folder / f"{workload}.json").read_text())["metrics"]["loss"]
print(json.dumps({"peer": Path(script).stem.removesuffix("_peer"), "workload": workload,
    "losses": [LOSS * x for x in losses[:int(rounds)]], "versions": {"stand-in": "1.0"},
    "cpu_seconds": [9.0] + [0.25] * (int(rounds) - 1), "wall_seconds": [1.0] * int(rounds)}))
"""


def report(**changes: Any) -> dict[str, Any]:
    said = {"peer": "torch", "workload": "linear", "losses": [0.6, 0.5, 0.4]}
    return {**said, "cpu_seconds": [9.0, 0.2, 0.4], "wall_seconds": [9.0, 0.3, 0.5], **changes}


def record(*samples: dict[str, Any]) -> dict[str, Any]:
    return {"format": "fedfuse-peers", "schema_version": 1, "samples": list(samples)}


def ours(repeat: int, seconds: float) -> dict[str, Any]:
    one = {"peer": "fedfuse", "workload": "linear", "cpu_seconds": seconds, "rounds": 4}
    return {**one, "losses": [0.6, 0.5, 0.4, 0.3], "repeat": repeat}


class Table(ToolTest):
    def test_the_first_round_of_a_peer_is_no_sample(self) -> None:
        found = peer_table.sample(report())
        self.assertAlmostEqual(found["cpu_seconds"], 0.3)
        self.assertAlmostEqual(found["wall_seconds"], 0.4)
        self.assertEqual(found["rounds"], 3)

    def test_a_ratio_is_of_one_turn_and_losses_of_one_round(self) -> None:
        turns = [(0, 0.1), (1, 0.2), (2, 0.05)]
        theirs = [{**peer_table.sample(report()), "repeat": repeat} for repeat, _ in turns]
        found = record(*(ours(*turn) for turn in turns), *theirs)
        rows = {row["peer"]: row for row in peer_table.rows_of(found)}
        self.assertEqual(rows["fedfuse"]["ratio"], 1)
        self.assertAlmostEqual(rows["torch"]["ratio"], 3.0)
        self.assertAlmostEqual(rows["torch"]["low"], 1.5)
        self.assertAlmostEqual(rows["torch"]["high"], 6.0)
        self.assertEqual(rows["torch"]["round"], 3)
        self.assertAlmostEqual(rows["torch"]["loss"], 0.4)
        self.assertTrue(peer_table.is_same_work(found))
        file = self.write("peers.json", found)
        self.assertRegex(self.run_tool(PEERS, "--table", file), r"linear +torch +300\.00 +3 ")

    def test_another_loss_is_other_work(self) -> None:
        for loss, code in ((0.4 * 1.049, 0), (0.4 * 1.051, 1), (0.4 * 0.949, 1)):
            sample = peer_table.sample(report(losses=[0.6, 0.5, loss]))
            file = self.write("peers.json", record(ours(0, 0.1), {**sample, "repeat": 0}))
            said = self.run_tool(PEERS, "--table", file, code=code)
            self.assertEqual("OTHER LOSS" in said, code == 1)

    def test_bad_records_are_refused(self) -> None:
        for document, why in (
            ({"format": "fedfuse-suite"}, "no record of peers.py"),
            ({**record(), "schema_version": 2}, "schema version 2"),
            (record({"peer": "torch", "workload": "linear"}), "not a whole record"),
            ("{", "peers.json"),
        ):
            file = self.write("peers.json", document)
            self.assertIn(why, self.run_tool(PEERS, "--table", file, code=2))
        self.assertIn("give --out or --table", self.run_tool(PEERS, code=2))

    def test_published_records_are_of_the_same_work(self) -> None:
        for file in sorted((ROOT / "results" / "peers").glob("*.json")):
            found = json.loads(file.read_text())
            self.assertTrue(peer_table.is_same_work(found), file)
            text = file.with_suffix(".txt").read_text()
            self.assertEqual(text, peer_table.table(found) + "\n")
            self.assertIn(text.rstrip(), (file.parent / "README.md").read_text())


class Turns(ToolTest):
    def stand_in(self, loss: float) -> Path:
        file = self.write("python", STAND_IN.replace("LOSS", str(loss)))
        file.chmod(0o755)
        return file

    def measure(self, *words: object, loss: float = 1.0, code: int = 0) -> str:
        given = ["--python", self.stand_in(loss), "--program", PROGRAM, "--workloads", "linear"]
        given += ["--peers", "torch", "--out", self.folder / "out"]
        given += ["--repeats", "1", "--rounds", "50"]
        return self.run_tool(PEERS, *given, *words, code=code)

    def test_turns_are_added_to_a_record(self) -> None:
        self.assertRegex(self.measure(), r"linear +torch +250\.00 .* 1 .*same")
        self.assertIn("holds earlier turns", self.measure(code=2))
        self.assertRegex(self.measure("--append"), r"linear +torch +250\.00 .* 2 .*same")
        found = json.loads((self.folder / "out" / "peers.json").read_text())
        self.assertEqual([one["repeat"] for one in found["samples"]], [0, 0, 1, 1])
        self.assertEqual(found["versions"], {"torch": {"stand-in": "1.0"}})
        self.assertEqual(len(found["data_identity"]), 64)
        self.assertIn("OTHER LOSS", self.measure("--append", loss=1.3, code=1))

    def test_a_peer_that_fails_is_named(self) -> None:
        self.stand_in(1)
        script = self.write("broken", "#!/bin/sh\necho no module named torch >&2; exit 1\n")
        script.chmod(0o755)
        said = self.measure("--python", script, code=2)
        self.assertIn("no module named torch", said)
        self.assertIn("requirements.txt", said)
        self.assertFalse((self.folder / "out" / "peers.json").exists())


if __name__ == "__main__":
    unittest.main()
