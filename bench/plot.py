#!/usr/bin/env python3
"""Figures of the suite's records, as PNG and SVG.

  plot.py curves   RESULT...    --out curves.png [--metric ndcg_50] [--split valid]
  plot.py phases   RESULT...    --out phases.svg
  plot.py scaling  table.json   --out scaling.png scaling.svg [--model model.json]
  plot.py roofline kernels.json --out roofline.png

curves: learning curves; the best round is marked. phases: time by phase, of results or of scaling
tables. scaling: strong or weak, with the ideal line. roofline: kernels under the ceilings of the
same process, CPU and device apart.

RESULT: an HDF5 result or its JSON twin, or a folder of them. INVALID runs and failed benchmarks are
named, and drawn in no line. Needs h5py and matplotlib (Debian: python3-h5py python3-matplotlib).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from records.errors import Refusal, exit_with
from records.readers import results_in


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["curves", "phases", "scaling", "roofline"])
    parser.add_argument("records", nargs="+", type=Path)
    parser.add_argument("--out", nargs="+", required=True)
    parser.add_argument("--metric", default="ndcg_50")
    parser.add_argument("--split", default="valid", choices=["valid", "test"])
    parser.add_argument("--model", type=Path)
    return parser.parse_args()


def main() -> int:
    given = parse_arguments()
    from figures import curves, phases, roofline, scaling, style  # here: --help needs no matplotlib

    given.records = [
        file
        for path in given.records
        for file in (results_in(path) or [path] if path.is_dir() else [path])
    ]
    if given.what in ("scaling", "roofline") and len(given.records) != 1:
        raise Refusal(f"{len(given.records)} records", f"{given.what} draws one", "give one")
    figure = {
        "curves": lambda: curves.draw(given.records, f"{given.split}_{given.metric}"),
        "phases": lambda: phases.draw(given.records),
        "scaling": lambda: scaling.draw(given.records[0], given.model),
        "roofline": lambda: roofline.draw(given.records[0]),
    }[given.what]()
    style.save(figure, given.out)
    return 0


if __name__ == "__main__":
    exit_with(main)
