#!/usr/bin/env python3
"""CPU seconds of a round on one rank, for machines that are too busy for wall-clock times.

  cpu_seconds.py STUDY.json --work DIR [--train uploads=store ...] [--program P] [--rounds 4]
                 [--repeat 3]

Writes DIR/table.json.

A sample is the difference between a run of rounds + 2 and a run of 2, in CPU seconds, over rounds.
The difference removes start, reading and the first round. On an idle machine the CPU seconds of one
rank equal its wall-clock seconds. The table is a scaling table of one point ("clock": "cpu"), for
bench/rounds/model.py, compare.py and plot.py. The data set of the study is made in DIR; a weak
study uses that of one rank. Waiting between ranks is not measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "jobs")]
from lib import study_tree  # noqa: E402  (the path comes first)
from records import identity, load, outputs  # noqa: E402
from records.arguments import Parser, whole  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402
from records.fields import KEPT_PROVENANCE  # noqa: E402
from records.intervals import median_interval  # noqa: E402
from records.mpi_environment import mpi_environment  # noqa: E402
from records.plural import count  # noqa: E402
from records.program import default_program  # noqa: E402
from records.readers import read_result  # noqa: E402
from records.validity import why_invalid  # noqa: E402


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--train", nargs="*", default=[], metavar="NAME=VALUE", help="in place of the study's"
    )
    parser.add_argument("--program", default=str(default_program()))
    parser.add_argument("--rounds", type=whole(1), default=4)
    parser.add_argument("--repeat", type=whole(1), default=3)
    return parser.parse_args()


def cpu_seconds(line: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        line,
        env=mpi_environment() | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(
            "the program failed",
            done.stderr.strip() or f"exit code {done.returncode}",
            f"try it by hand: {' '.join(line)}",
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def options(train: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise Refusal(f"--train {change}", "it is no NAME=VALUE", "try --train uploads=store")
        train = {**train, name.replace("-", "_"): value}
    return {name: value for name, value in train.items() if name != "rounds"}


def measure(
    given: argparse.Namespace, train: dict[str, Any], data: Path
) -> tuple[list[float], dict[str, Any]]:
    """One sample per repeat, and the record of the last run."""
    out = given.work / "run.h5"
    words = study_tree.option_words(
        {name.replace("_", "-"): value for name, value in train.items()}
    )
    base, samples = 2, []
    for _ in range(given.repeat):
        few, many = (
            cpu_seconds(
                [
                    given.program,
                    "train",
                    "--data",
                    str(data),
                    *words,
                    "--rounds",
                    str(rounds),
                    "--out",
                    str(out),
                    "--overwrite",
                ]
            )
            for rounds in (base, base + given.rounds)
        )
        run = read_result(out.with_suffix(".json"))
        if why := why_invalid(run):
            raise Refusal("the run is INVALID", why, "correct the study")
        samples.append((many - few) / given.rounds)
    if min(samples) <= 0:
        raise Refusal(
            "the rounds cannot be measured",
            f"{given.rounds} more of them take no CPU time that can be seen",
            "give more --rounds, or a larger study",
        )
    return samples, run


def main() -> int:
    given = parse_arguments()
    study = study_tree.load(given.study)
    train = options(study.train, given.train)
    outputs.make_folder(given.work)
    for name in ("table.json", "data.h5"):
        outputs.check(given.work / name, [given.study])
    data = given.work / "data.h5"  # made again: one that is there may be of other options
    cpu_seconds(
        [
            given.program,
            "generate",
            *study_tree.option_words(study.generate),
            "--out",
            str(data),
            "--overwrite",
        ]
    )
    before = load.now()
    samples, run = measure(given, train, data)
    low, high, coverage = median_interval(samples)
    row = {
        "nodes": 1,
        "ranks": 1,
        "threads": 1,
        "gpus": 0,
        "cores": 1,
        "users": run["data"]["clients"],
        "oversubscribed": False,
        "runs": len(samples),
        "status": "ok",
        "invalid": [],
        "round_s": statistics.median(samples),
        "round_s_low": low,
        "round_s_high": high,
        "coverage": round(coverage, 3),
        "round_s_runs": samples,
        "train_interactions": run["data"]["train_interactions"],
        "items": run["data"]["items"],
        "speedup": 1.0,
        "efficiency": 1.0,
        "communication_share": 0.0,
        **load.judge(before["load"], load.average(), before["cores"], own=1),
        **identity.columns(run),
    }
    provenance = {name: run["provenance"].get(name) for name in KEPT_PROVENANCE}
    table = {
        "format": "fedfuse-scaling",
        "schema_version": 1,
        "name": study.name,
        "kind": study.kind,
        "clock": "cpu",
        "generate": study.generate,
        "train": train,
        "repeats": given.repeat,
        "provenance": provenance,
        "settings": identity.deciding(run["config"], ("device", "rounds")),
        "rows": [row],
    }
    outputs.write_text(given.work / "table.json", json.dumps(table, indent=1) + "\n")
    print(
        f"{1e3 * row['round_s']:.1f} ms of CPU a round ({1e3 * low:.1f} - {1e3 * high:.1f}, "
        f"{count(len(samples), 'sample')})"
    )
    if words := load.note(row):
        print(f"NOTE: {words}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    exit_with(main)
