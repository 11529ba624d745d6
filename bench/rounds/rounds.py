#!/usr/bin/env python3
"""Client-rounds/s and seconds by phase of whole rounds, for methods and numbers of ranks.

  rounds.py --data SET.h5 [--program build/release/fedfuse, or the installed one] [--ranks 1 2]
        [--methods fcf/none fedrap/gfmfr ...]
            [--rounds 10] [--repeat 3] [--out rounds.csv] [--options "--teacher-epochs 10"]

Every point is the median round of `repeat` runs, with its spread. The runs alternate (A B C A B C
...), so that a slow phase of the machine affects all points alike. The first round of a run is
warm-up. The output has no verdict on speed; it says whether the machine was busy.
"""

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from records import identity, load, outputs
from records.arguments import Parser, filled, launcher, whole
from records.errors import Refusal, exit_with
from records.fields import PHASES as ALL_PHASES
from records.mpi_environment import mpi_environment
from records.plural import count
from records.program import default_program
from records.readers import read_result
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


def method(word):
    backbone, slash, fusion = word.partition("/")
    if not (backbone and slash and fusion):
        raise argparse.ArgumentTypeError(f'"{word}" is no BACKBONE/FUSION')
    return word


def parse_arguments():
    parser = Parser(description=__doc__)
    parser.add_argument("--data", required=True, type=filled)
    parser.add_argument("--program", default=str(default_program()))
    parser.add_argument("--launcher", type=launcher, default="mpirun -n {ranks}")
    parser.add_argument("--ranks", type=whole(1), nargs="+", default=[1, 2])
    parser.add_argument("--methods", nargs="+", type=method, default=METHODS)
    parser.add_argument("--rounds", type=whole(1), default=10)
    parser.add_argument("--repeat", type=whole(1), default=3)
    parser.add_argument("--options", default="")
    parser.add_argument("--out", default="-", type=filled)
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
    before = load.now()
    done = subprocess.run(
        command,
        env=mpi_environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(
            f"{method} on {count(ranks, 'rank')} failed",
            done.stderr.strip() or f"exit code {done.returncode}",
            f"try it by hand: {shlex.join(command)}",
        )
    record = read_result(out.with_suffix(".json"))
    if why := why_invalid(record) or ("" if after_warm_up(record, "round_s") else "one round only"):
        raise Refusal(
            f"{method} on {count(ranks, 'rank')} is INVALID",
            why,
            f"try it by hand: {shlex.join(command)}",
        )
    own = ranks * (record["provenance"].get("threads") or 1)
    record["load"] = load.judge(before["load"], load.average(), before["cores"], own)
    return record


def after_warm_up(record, column):
    """The numbers of a column without the first round."""
    return [value for value in record["time"].get(column, [])[1:] if load.is_number(value)]


def median_ms(records, column):
    """Milliseconds; None, an empty cell, of no numbers."""
    values = [value for record in records for value in after_warm_up(record, column)]
    return round(1e3 * statistics.median(values), 3) if values else None


def check_one_program_and_data(records):
    for part in ("data", "program"):
        found = {identity.identity_of(record)[part] for record in records}
        if len(found) > 1:
            raise Refusal(
                f"the {part} changed while the rounds were measured",
                f"the records name {len(found)} of them",
                "measure again",
            )


def main():
    arguments = parse_arguments()
    if arguments.out != "-":
        outputs.check(Path(arguments.out), [Path(arguments.data)])
    points = {(m, r): [] for m in arguments.methods for r in arguments.ranks}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeat):
            for method, ranks in points:
                points[method, ranks].append(run(arguments, method, ranks, folder))
    check_one_program_and_data([run for runs in points.values() for run in runs])
    rows = []
    for (method, ranks), records in points.items():
        rounds = [s for r in records for s in after_warm_up(r, "round_s")]
        clients = records[0]["data"]["clients"] * records[0]["config"]["fraction"]
        training = median_ms(records, "training_max")
        row = {
            "method": method,
            "ranks": ranks,
            "threads": records[0]["provenance"]["threads"],
            "client_rounds_per_s": round(1e3 * clients / training) if training else None,
            "round_ms": round(1e3 * statistics.median(rounds), 3),
            "round_ms_min": round(1e3 * min(rounds), 3),
            "round_ms_max": round(1e3 * max(rounds), 3),
        }
        for phase in PHASES:
            row[f"{phase}_ms"] = median_ms(records, f"{phase}_max")
        imbalance = [value for r in records for value in after_warm_up(r, "imbalance")]
        row["imbalance"] = round(statistics.median(imbalance), 3) if imbalance else None
        row["peak_MiB"] = round(max(r["facts"]["peak_memory_bytes_max"] for r in records) / 2**20)
        row |= load.worst([record["load"] for record in records])
        if words := load.note(row):
            print(f"NOTE: {method} on {count(ranks, 'rank')}: {words}", file=sys.stderr)
        rows.append(row | identity.columns(records[0]))
    if arguments.out == "-":
        print(outputs.csv_text(rows), end="")
    else:
        text = outputs.csv_text(rows)
        outputs.write_text(Path(arguments.out), text, [Path(arguments.data)])


if __name__ == "__main__":
    exit_with(main)
