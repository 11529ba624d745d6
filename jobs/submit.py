#!/usr/bin/env python3
"""Write one job as a folder, and submit it.

  submit.py --system S --template cpu-node|gpu-node|nodes|array|requeue|profile-ncu|profile-nsys
        --folder DIR
            [--nodes 1] [--ranks 1] [--threads 1] [--gpus 0] [--seeds 0-4] [--submit] -- train
            --data F ...

S is a file or a name of jobs/systems (`--describe-system` lists the keys). Without --submit the
folder is written and the submit command is printed. With --submit the command is run. A system
without a scheduler runs the job on this machine (an array: one seed after the other); the exit code
is 1 when it fails. The words after -- are the arguments of fedfuse; train writes DIR/result.h5
unless --out is given.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parent),
    str(Path(__file__).resolve().parent.parent / "bench"),
]
from lib import job_folder, systems  # noqa: E402  (the path comes first)
from records.arguments import Parser, filled, whole  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--system", default="generic")
    parser.add_argument("--template", default="cpu-node")
    parser.add_argument("--folder", type=filled)
    for name, least in (("nodes", 1), ("ranks", 1), ("threads", 1), ("gpus", 0)):
        parser.add_argument(f"--{name}", type=whole(least), default=least)
    parser.add_argument(
        "--seeds",
        default="",
        help="of template array: 0-4, or 1,5,9; %%2 at its end: two at a time",
    )
    parser.add_argument(
        "--program", default="", help="default: build/release/fedfuse, or the installed one"
    )
    parser.add_argument("--submit", action="store_true")
    parser.add_argument(
        "--describe-system", action="store_true", help="print the keys of a system file"
    )
    parser.add_argument("arguments", nargs="*", metavar="-- ARGUMENT")
    return parser.parse_args()


def arguments_of(given: argparse.Namespace) -> list[str]:
    words = list(given.arguments)
    if words[:1] == ["train"]:
        if given.seeds and any(word.split("=")[0] in ("--seed", "--out") for word in words):
            raise Refusal(
                "--seed or --out beside --seeds",
                "every task of the array has its own",
                "leave them out",
            )
        if not any(word.split("=")[0] == "--out" for word in words):
            words += (
                [] if given.seeds else ["--out", str(Path(given.folder).resolve() / "result.h5")]
            )
        if given.template != "requeue" and "--overwrite" not in words:
            # a job that runs again replaces its result; a continued job must not
            words.append("--overwrite")
    return words


def main() -> int:
    given = parse_arguments()
    if given.describe_system:
        print(systems.describe())
        return 0
    if not given.folder:
        raise Refusal("no --folder", "a job is a folder", "give one that does not hold another job")
    if (given.template == "array") != bool(given.seeds):
        raise Refusal(
            "--seeds and --template array belong together",
            "the array has one task a seed",
            "give both or neither",
        )
    system = systems.load(given.system)
    job = job_folder.Job(
        given.folder,
        given.template,
        given.nodes,
        given.ranks,
        given.threads,
        given.gpus,
        given.program,
        arguments_of(given),
        given.seeds,
    )
    if system.is_local() and given.template == "requeue":
        raise Refusal(
            f"template {given.template} on system {system.name}",
            "it needs a scheduler, and this system has none",
            "give a system whose scheduler is slurm, or template cpu-node",
        )
    if queued := job_folder.queued_as(Path(given.folder)):
        raise Refusal(
            f"{given.folder} is taken",
            f"its job {queued} is still in the queue or running",
            f"give another --folder, or end it first: scancel {queued}",
        )
    job_folder.write(job, system)
    if not given.submit:
        for line in job_folder.lines(job, system):
            print(line)
        return 0
    if not system.is_local():
        print(job_folder.submit(job, system))
        return 0
    code = job_folder.run_here(job)
    for log in sorted(Path(job.folder).glob("attempts*.txt")):
        print(log.read_text().strip())
    return 1 if code else 0


if __name__ == "__main__":
    exit_with(main)
