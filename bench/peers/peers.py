#!/usr/bin/env python3
"""fedfuse beside programs that do the same work: CPU seconds of a round, on one core.

  peers.py --out DIR [--python PYTHON] [--peers torch numba flower] [--workloads linear mlp]
           [--repeats 5] [--append]
  peers.py --table DIR/peers.json

All train on one data set of fedfuse generate (204 clients, 560 items), with the same loss, the same
optimizer and the same start; a turn has a seed of its own. The programs run in turn, so that a slow
phase of the machine meets all alike; a ratio is of one turn. --append adds turns to DIR. Writes
DIR/peers.json and DIR/peers.txt.

PYTHON is one that has the packages of bench/peers/requirements.txt.

Exit code 0; 1: a program ends with another loss; 2: bad input.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent / "jobs")]
import peer_table  # noqa: E402  (the path comes first)

from lib.study_tree import option_words  # noqa: E402
from lib.suite_machine import describe  # noqa: E402
from records import load, outputs  # noqa: E402
from records.arguments import Parser, whole  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402
from records.fields import KEPT_PROVENANCE  # noqa: E402
from records.identity import identity_of  # noqa: E402
from records.mpi_environment import mpi_environment  # noqa: E402
from records.program import default_program  # noqa: E402
from records.readers import check_schema, read_json, read_result  # noqa: E402

PEERS = ("torch", "numba", "flower")
FUSIONS = {"linear": "none", "mlp": "mlp"}
DATA = {"users": 204, "items": 560, "activity": 17.1, "dim-text": 512, "dim-image": 512, "seed": 0}
ROUNDS = {"torch": 40, "numba": 40, "flower": 4}
OUR_BASE = 10  # rounds that are not measured
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--workloads", nargs="+", choices=list(FUSIONS), default=list(FUSIONS))
    parser.add_argument("--rounds", type=whole(30), default=400, help="of fedfuse in a turn")
    parser.add_argument("--repeats", type=whole(1), default=5)
    parser.add_argument("--append", action="store_true")
    parser.add_argument("--program", default=str(default_program()))
    parser.add_argument("--table", type=Path, metavar="FILE")
    given = parser.parse_args()
    if (given.out is None) == (given.table is None):
        parser.error("give --out or --table")
    return given


def run(line: list[str], environment: dict[str, str]) -> tuple[str, float]:
    """What it said on standard output, and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Refusal(
            f"{Path(line[0]).name} {Path(line[1]).name} failed",
            told[-1] if told else f"exit code {done.returncode}",
            "install bench/peers/requirements.txt, or leave it out with --peers",
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Turns:
    """Programs in turn, over one data set."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.data = given.out / "data.h5"
        self.ours = {**mpi_environment(), "OMP_NUM_THREADS": "1"}
        if not self.data.exists():
            line = [given.program, "generate", *option_words(DATA), "--out", str(self.data)]
            run(line, self.ours)

    def train(self, workload: str, seed: int, rounds: int, out: Path, *more: str) -> float:
        """CPU seconds of a run on one core."""
        words = f"--backbone fcf --fusion {FUSIONS[workload]} --rounds {rounds} --seed {seed} "
        words += f"--eval-every {rounds} --threads 1 --overwrite --quiet"
        files = ["--data", str(self.data), "--out", str(out)]
        return run([self.given.program, "train", *words.split(), *files, *more], self.ours)[1]

    def start(self, workload: str, seed: int) -> None:
        """A checkpoint whose server has not moved, for the peers."""
        rates = [f"--{name}=1e-30" for name in ("server-lr", "lr-items-server")]
        self.train(workload, seed, 2, self.given.out / "start.h5", "--checkpoint-every=1", *rates)

    def fedfuse(self, workload: str, seed: int) -> dict[str, Any]:
        """The difference of two runs: without start, reading and the first rounds."""
        out = self.given.out / f"{workload}.h5"
        base = self.train(workload, seed, OUR_BASE, out)
        more = self.given.rounds
        a_round = (self.train(workload, seed, OUR_BASE + more, out) - base) / more
        self.record = read_result(out.with_suffix(".json"))
        losses = self.record["metrics"]["loss"][: max(ROUNDS.values())]
        of_it = {"peer": peer_table.OURS, "workload": workload, "cpu_seconds": a_round}
        return {**of_it, "rounds": len(losses), "losses": losses}

    def peer(self, name: str, workload: str, seed: int) -> tuple[dict[str, Any], dict[str, str]]:
        files = [str(self.data), str(self.given.out / "start.ckpt.1.h5")]
        line = [self.given.python, str(HERE / f"{name}_peer.py"), *files, workload]
        said, _ = run([*line, str(ROUNDS[name]), str(seed)], {**os.environ, **ONE_THREAD})
        try:
            report = json.loads(said.splitlines()[-1])
        except (IndexError, ValueError) as error:
            raise Refusal(
                f"{name}_peer.py reports nothing", str(error), "run it by hand"
            ) from error
        return peer_table.sample(report), report["versions"]


def measure(given: argparse.Namespace) -> dict[str, Any]:
    file = given.out / "peers.json"
    record = earlier(file, given.append)
    outputs.make_folder(given.out)
    turns, before = Turns(given), load.now()
    first = 1 + max((one["repeat"] for one in record["samples"]), default=-1)
    for repeat in range(first, first + given.repeats):
        for workload in given.workloads:
            record["samples"].append({**turns.fedfuse(workload, repeat), "repeat": repeat})
            turns.start(workload, repeat)
            for name in given.peers:
                sample, record["versions"][name] = turns.peer(name, workload, repeat)
                record["samples"].append({**sample, "repeat": repeat})
    data = identity_of(turns.record)["data"]
    if record.setdefault("data_identity", data) != data:
        raise Refusal(f"{file} is of other data", "the data set was made again", "give a new --out")
    record["machine"] = describe()
    record["provenance"] = {name: turns.record["provenance"].get(name) for name in KEPT_PROVENANCE}
    around = load.judge(before["load"], load.average(), before["cores"], own=1)
    record["loads"].append(around)
    outputs.write_text(file, json.dumps(record, indent=1) + "\n")
    outputs.write_text(given.out / "peers.txt", peer_table.table(record) + "\n")
    return record


def earlier(file: Path, append: bool) -> dict[str, Any]:
    if not file.exists():
        head = {"format": "fedfuse-peers", "schema_version": 1, "generate": DATA}
        return {
            **head,
            "tolerance": peer_table.TOLERANCE,
            "versions": {},
            "samples": [],
            "loads": [],
        }
    if not append:
        raise Refusal(f"{file} exists", "it holds earlier turns", "give --append or another --out")
    return read(file)


def read(file: Path) -> dict[str, Any]:
    record = read_json(file)
    if not isinstance(record, dict) or record.get("format") != "fedfuse-peers":
        raise Refusal(f"{file} is no record of peers.py", "its format is another", "check the name")
    check_schema(record, file)
    return record


def main() -> int:
    given = parse_arguments()
    record = read(given.table) if given.table else measure(given)
    print(peer_table.table(record))
    return 0 if peer_table.is_same_work(record) else 1


if __name__ == "__main__":
    exit_with(main)
