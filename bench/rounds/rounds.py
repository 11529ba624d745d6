#!/usr/bin/env python3
"""Client-rounds/s and seconds by phase of whole rounds, for methods and numbers of ranks.

  rounds.py --data SET.h5 [--program build/release/fedfuse, or the installed one] [--ranks 1 2]
        [--methods fcf/none fedrap/gfmfr ...]
            [--rounds 10] [--repeat 3] [--out rounds.csv] [--options "--teacher-epochs 10"]

Every point is the median round of `repeat` runs, with its spread. The runs alternate (A B C A B C
...), so that a slow phase of the machine affects all points alike. The first round of a run is
warm-up. The output has no verdict.
"""

import argparse
import csv
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from records.fields import PHASES as ALL_PHASES
from records.mpi_environment import mpi_environment
from records.program import default_program
from records.validity import why_invalid

PHASES = [phase for phase in ALL_PHASES if phase != "output"]  # of a round without writing
METHODS = [
    "fcf/none",
    "fcf/mlp",
    "fcf/gfmfr",
    "fcf/fedvlr",
    "fcf/fedvlr+gfmfr",
    "fedncf/none",
    "fedrap/none",
    "fedrap/gfmfr",
]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--program", default=str(default_program()))
    parser.add_argument("--launcher", default="mpirun -n {ranks}")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--options", default="")
    parser.add_argument("--out", default="-")
    return parser.parse_args()


def run(arguments, method, ranks, folder):
    backbone, fusion = method.split("/")
    out = Path(folder) / "run.h5"
    command = [
        *shlex.split(arguments.launcher.format(ranks=ranks)),
        arguments.program,
        "train",
        "--data",
        arguments.data,
        "--backbone",
        backbone,
        "--fusion",
        fusion,
        "--rounds",
        str(arguments.rounds + 1),
        "--out",
        str(out),
        "--overwrite",
        *shlex.split(arguments.options),
    ]
    done = subprocess.run(
        command,
        env=mpi_environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    record = json.loads(out.with_suffix(".json").read_text())
    if why := why_invalid(record):
        sys.exit(f"INVALID: {' '.join(command)}: {why}")
    return record


def write(rows, file):
    writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def main():
    arguments = parse_arguments()
    points = {(m, r): [] for m in arguments.methods for r in arguments.ranks}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeat):
            for method, ranks in points:
                points[method, ranks].append(run(arguments, method, ranks, folder))
    rows = []
    for (method, ranks), records in points.items():
        rounds = [s for r in records for s in r["time"]["round_s"][1:]]
        clients = records[0]["data"]["clients"] * records[0]["config"]["fraction"]
        training = statistics.median(s for r in records for s in r["time"]["training_max"][1:])
        row = {
            "method": method,
            "ranks": ranks,
            "threads": records[0]["provenance"]["threads"],
            "client_rounds_per_s": round(clients / training),
            "round_ms": round(1e3 * statistics.median(rounds), 3),
            "round_ms_min": round(1e3 * min(rounds), 3),
            "round_ms_max": round(1e3 * max(rounds), 3),
        }
        for phase in PHASES:
            row[f"{phase}_ms"] = round(
                1e3 * statistics.median(s for r in records for s in r["time"][f"{phase}_max"][1:]),
                3,
            )
        row["imbalance"] = round(
            statistics.median(s for r in records for s in r["time"]["imbalance"][1:]), 3
        )
        row["peak_MiB"] = round(max(r["facts"]["peak_memory_bytes_max"] for r in records) / 2**20)
        rows.append(row)
    if arguments.out == "-":
        write(rows, sys.stdout)
    else:
        with Path(arguments.out).open("w", newline="") as file:
            write(rows, file)


if __name__ == "__main__":
    main()
