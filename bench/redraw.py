#!/usr/bin/env python3
"""Draw every picture of results/ again, from the tables beside it.

  redraw.py [--into DIR]

DIR: pictures go there, in the same folders, in place of results/. The same tables give the same
bytes with the same Matplotlib. Needs matplotlib (Debian: python3-matplotlib).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from records import outputs
from records.arguments import Parser
from records.errors import exit_with
from records.program import ROOT

RESULTS = ROOT / "results"
QUICKSTART = tuple(
    f"quickstart/{name}.json"
    for name in ("none", "gfmfr", "mlp", "fedvlr", "group_prior", "mlp_group_prior")
)
KU = tuple(
    f"ku/curves/{name}_0.json"
    for name in (
        *("none", "mlp", "fedvlr", "gfmfr"),
        *("group-prior", "mlp_group-prior", "fedvlr_group-prior"),
    )
)
PLANTED = tuple(curve.replace("ku/", "planted/sparse/") for curve in KU)
CLAIMS = tuple(
    f"claims/curves/{name}.json" for name in ("none", "mlp", "fedvlr", "gfmfr", "mlp_gfmfr")
)
# What is drawn, its tables, and its pictures.
PICTURES = (
    ("curves", QUICKSTART, ("quickstart/curves.png",)),
    ("curves", KU, ("ku/curves.png",)),
    ("curves", PLANTED, ("planted/sparse/curves.png",)),
    ("curves", CLAIMS, ("claims/curves.png",)),
    ("roofline", ("kernels/kernels.json",), ("kernels/roofline.png",)),
    (
        "scaling",
        ("scaling/strong/table.json", "scaling/strong/model.json"),
        ("scaling/strong/scaling.png", "scaling/strong/scaling.svg"),
    ),
    ("phases", ("scaling/strong/table.json",), ("scaling/strong/phases.png",)),
    ("privacy", ("privacy/table.json",), ("privacy/privacy.png",)),
    ("phases", ("suite/W/suite.json",), ("suite/W.png",)),
    ("phases", ("suite/A/suite.json",), ("suite/A.png",)),
    (
        "scaling",
        ("scaling/weak/table.json", "scaling/weak/model.json"),
        ("scaling/weak/scaling.png", "scaling/weak/scaling.svg"),
    ),
    ("phases", ("scaling/weak/table.json",), ("scaling/weak/phases.png",)),
    (
        "scaling",
        ("scaling/teacher/table_replay.json", "scaling/teacher/model_replay.json"),
        ("scaling/teacher/replay.png",),
    ),
)


def words(what: str, tables: tuple[str, ...], pictures: list[Path]) -> list[str]:
    """The words of bench/plot.py."""
    records = [str(RESULTS / table) for table in tables]
    model = ["--model", records.pop()] if what == "scaling" else []
    return [what, *records, *model, "--out", *map(str, pictures)]


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--into", type=Path, default=RESULTS)
    return parser.parse_args()


def main() -> int:
    given = parse_arguments()
    for what, tables, names in PICTURES:
        pictures = [given.into / name for name in names]
        for picture in pictures:
            outputs.make_folder(picture.parent)
        line = [sys.executable, str(Path(__file__).with_name("plot.py"))]
        done = subprocess.run([*line, *words(what, tables, pictures)], check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    exit_with(main)
