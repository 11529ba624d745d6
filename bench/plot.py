#!/usr/bin/env python3
"""Figures of the suite's records, as PNG and SVG.

  plot.py curves   RESULT...    --out curves.png [--metric ndcg_50] [--split valid]
  plot.py phases   RESULT...    --out phases.svg
  plot.py scaling  table.json   --out scaling.png scaling.svg [--model model.json]
  plot.py roofline kernels.json --out roofline.png
  plot.py suite    FOLDER...    --out suite.png
  plot.py privacy  table.json   --out privacy.png

curves: learning curves; the best round is marked. phases: time by phase, of results or of scaling
tables. scaling: strong or weak, with the ideal line. roofline: kernels under the ceilings of the
same process, CPU and device apart. suite: figures of merit of runs of jobs/suite.py, relative to
the first; phases draws such folders, too. privacy: the studies of jobs/studies/privacy.py.

RESULT: an HDF5 result or its JSON twin, or a folder of them. INVALID runs and failed benchmarks are
named, and drawn in no line. Needs h5py and matplotlib (Debian: python3-h5py python3-matplotlib).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from records.arguments import Parser, filled
from records.errors import Refusal, exit_with, reading
from records.readers import results_in
from records.suite_rows import suite_file

KINDS = ("curves", "phases", "privacy", "roofline", "scaling", "suite")


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("what", choices=sorted(KINDS))
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--out", nargs="+", required=True, type=filled)
    parser.add_argument("--metric", default="ndcg_50", type=filled)
    parser.add_argument("--split", default="valid", choices=["valid", "test"])
    parser.add_argument("--model", type=Path)
    return parser.parse_args()


def files_of(path: Path, what: str) -> list[Path]:
    record = suite_file(path)
    if record is not None and what in ("phases", "suite"):
        return [record]
    return results_in(path) or [path] if path.is_dir() else [path]


def main() -> int:
    given = parse_arguments()
    from figures import (  # here: --help needs no matplotlib
        curves,
        phases,
        privacy,
        roofline,
        scaling,
        style,
        suite,
    )

    given.records = [file for path in given.records for file in files_of(path, given.what)]
    if given.what in ("scaling", "roofline", "privacy") and len(given.records) != 1:
        raise Refusal(f"{len(given.records)} records", f"{given.what} draws one", "give one")
    inputs = [*given.records, *([given.model] if given.model else [])]
    style.check_names(given.out, inputs)
    draw = {
        "curves": lambda: curves.draw(given.records, f"{given.split}_{given.metric}"),
        "phases": lambda: phases.draw(given.records),
        "scaling": lambda: scaling.draw(given.records[0], given.model),
        "roofline": lambda: roofline.draw(given.records[0]),
        "suite": lambda: suite.draw(given.records),
        "privacy": lambda: privacy.draw(given.records[0]),
    }[given.what]
    with reading(" ".join(map(str, inputs)), "record"):
        figure = draw()
    style.save(figure, given.out, inputs)
    return 0


if __name__ == "__main__":
    exit_with(main)
