#!/usr/bin/env python3
"""Train every backbone with every fusion at its default rates on planted data of many sizes.

  defaults_grid.py PROGRAM [--work DIR] [--small] [--rounds 3]

Without options it takes minutes to hours: 50 to 1,000,000 clients, 500 to 100,000 items, fractions
0.01 to 1. --small takes seconds. Prints one line a cell, and fails when a run diverges: a default
rate must not depend on the size of the data.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

BACKBONES = ["fedavg", "fcf", "fedncf", "pfedrec", "fedrap"]
FUSIONS = [
    "none",
    "mlp",
    "gfmfr",
    "fedvlr",
    "fedvlr+gfmfr",
    "mlp+gfmfr",
    "group-prior",
    "mlp+group-prior",
    "fedvlr+group-prior",
]
# clients, items, fractions, backbones: the largest sets take one backbone
SIZES = [
    (50, 500, [0.2, 1.0], BACKBONES),
    (50, 1000, [1.0], BACKBONES),
    (1000, 1000, [0.01, 0.1, 1.0], BACKBONES),
    (1000, 10000, [0.1, 1.0], BACKBONES),
    (5000, 500, [0.01, 1.0], BACKBONES),
    (2000, 100000, [0.1], BACKBONES),
    (100000, 10000, [0.01], ["fcf"]),
    (1000000, 100000, [0.01], ["fcf"]),
]
SMALL = [(60, 500, [0.2], ["fcf", "fedrap"])]
# groups that a small round can fill; they decide nothing about a rate
FEW_GROUPS = ["--groups", "2"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def data_set(program, work, clients, items):
    path = work / f"data_{clients}_{items}.h5"
    if not path.exists():
        made = run(
            [program, "generate", "--users", str(clients), "--items", str(items), "--out", path]
        )
        if made.returncode != 0:
            sys.exit(made.stderr)
    return path


def train(arguments, data, options):
    return run(
        [
            arguments.program,
            "train",
            "--data",
            data,
            "--out",
            data.with_suffix(".run.h5"),
            "--overwrite",
            "--rounds",
            str(arguments.rounds),
            "--eval-clients",
            "50",
            "--teacher-epochs",
            "1",
            *FEW_GROUPS,
            *options,
        ]
    )


def main():
    arguments = parse_arguments()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="fedfuse_defaults_"))
    work.mkdir(parents=True, exist_ok=True)
    bad = 0
    for clients, items, fractions, backbones in SMALL if arguments.small else SIZES:
        data = data_set(arguments.program, work, clients, items)
        for fraction, backbone, fusion in itertools.product(fractions, backbones, FUSIONS):
            options = ["--backbone", backbone, "--fusion", fusion, "--fraction", str(fraction)]
            done = train(arguments, data, options)
            cell = f"{clients} clients, {items} items, fraction {fraction}: {backbone} + {fusion}"
            said = "good" if done.returncode == 0 else done.stderr.strip().replace("\n", " | ")
            print(f"{cell}: {said}", flush=True)
            bad += done.returncode != 0
    print(f"{bad} runs did not end well")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
