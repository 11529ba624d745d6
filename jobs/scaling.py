#!/usr/bin/env python3
"""Strong and weak scaling studies: write and submit a tree of job folders, then collect one table
and its figure.

  scaling.py STUDY.json --system S --work DIR [--data F] [--program P] [--submit]
  scaling.py --work DIR --collect [--figure scaling] [--kernels K.json --collectives C.json]

The first form writes the tree and prints the commands. --submit runs them; a local system then runs
the jobs on this machine. --collect writes table.csv and table.json. --figure scaling also draws
scaling and scaling-phases as .png and .svg. --kernels and --collectives add the prediction of the
cost model (bench/rounds/model.py).

A folder holds the script and its settings (job.sh, config.toml). The job adds environment.txt,
attempts.txt, log.txt and the result. A run is not submitted again while its job waits or runs, or
when its result is of the same data, options and program; any other result is set aside as .stale.
Failed and INVALID runs are named in the table and left out of the medians.
jobs/README.md describes the keys of STUDY.json.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]
from lib import collect, job_folder, study_tree, systems  # noqa: E402  (the path comes first)
from records import outputs  # noqa: E402
from records.arguments import Parser  # noqa: E402
from records.errors import Refusal, exit_with, reading  # noqa: E402
from records.plural import count  # noqa: E402


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("study", type=Path, nargs="?")
    parser.add_argument("--system", default="generic")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--data",
        default="",
        help="a data set of your own in place of the generated one; strong studies only",
    )
    parser.add_argument(
        "--program", default="", help="default: build/release/fedfuse, or the installed one"
    )
    parser.add_argument("--submit", action="store_true")
    parser.add_argument("--collect", action="store_true")
    parser.add_argument(
        "--figure",
        default="",
        help="with --collect: draw the table (NAME.png, NAME.svg) and its phases (NAME-phases)",
    )
    parser.add_argument(
        "--kernels",
        type=Path,
        help="with --collect: bench_kernels' JSON, for model.json in --work and the figure",
    )
    parser.add_argument(
        "--collectives",
        type=Path,
        help="with --kernels: bench_collectives' JSON of two ranks or more",
    )
    return parser.parse_args()


def plan(given: argparse.Namespace) -> int:
    if given.study is None:
        raise Refusal(
            "no study",
            "neither a study nor --collect was given",
            "give a study (jobs/studies/strong.json), or --collect",
        )
    study = study_tree.load(given.study)
    if given.data and study.kind == "weak":
        raise Refusal(
            "--data in a weak study",
            "its data grow with the ranks",
            "leave --data out, or give a strong study",
        )
    if given.data and not Path(given.data).exists():
        raise Refusal(f"there is no data set {given.data}", "no such file", "check --data")
    tree = study_tree.Tree(
        given.work.resolve(), study, systems.load(given.system), given.program, given.data
    )
    outputs.make_folder(given.work)
    jobs = tree.write()
    if jobs.queued:
        print(
            f"{count(len(jobs.queued), 'job')} of this study in the queue or running: "
            f"{' '.join(jobs.queued)}",
            file=sys.stderr,
        )
    for folder, why in jobs.again.items():
        print(f"run again: {folder.relative_to(tree.work)} is {why}", file=sys.stderr)
    if not given.submit:
        for line in tree.shell_lines(jobs):
            print(line)
        print(
            f"{count(len(jobs.data), 'data set')} and {count(len(jobs.runs), 'run')} written under "
            f"{given.work} and not submitted: --submit does",
            file=sys.stderr,
        )
        return 0
    return submit(tree, jobs)


def submit(tree: study_tree.Tree, jobs: study_tree.Jobs) -> int:
    made = jobs.queued_data | {
        file: job_folder.submit(job, tree.system) for file, job in jobs.data.items()
    }
    for file in made:
        if tree.system.is_local() and not file.exists():
            raise Refusal(
                f"the data set {file} was not made",
                "fedfuse generate failed",
                f"see {file.parent / 'log.txt'}",
            )
    for number, (point, job) in enumerate(jobs.runs, 1):
        job.after = [made[tree.data_file(point)]] if made.get(tree.data_file(point)) else []
        job_id = job_folder.submit(job, tree.system)
        print(
            f"{number}/{len(jobs.runs)} {Path(job.folder).relative_to(tree.work)} {job_id}",
            file=sys.stderr,
        )
    figure = ["--collect", "--figure", tree.study.kind]
    print(f"then: {shlex.join([sys.argv[0], '--work', str(tree.work), *figure])}", file=sys.stderr)
    return 0


def gather(given: argparse.Namespace) -> int:
    if not (given.work / "study.json").exists():
        raise Refusal(
            f"{given.work} holds no study",
            "it has no study.json",
            "give the --work of a study that was written",
        )
    with reading(given.work, "study"):
        table = collect.collect(given.work, study_tree.load(given.work / "study.json"))
    whole, _ = collect.write(table, given.work)
    print(collect.as_text(table))
    if not any("round_s" in row for row in table["rows"]):
        raise Refusal("no run can be used", "none has a valid result", "see the reasons above")
    lines = []
    if given.kernels or given.collectives:
        if not (given.kernels and given.collectives):
            raise Refusal(
                "half a cost model",
                "it needs the kernels' rates and the all-reduce",
                "give both --kernels and --collectives",
            )
        lines.append(
            [
                "rounds/model.py",
                "--kernels",
                given.kernels,
                "--collectives",
                given.collectives,
                "--table",
                whole,
                "--out",
                given.work / "model.json",
            ]
        )
    if given.figure:
        base = given.work / given.figure
        model = ["--model", given.work / "model.json"] if lines else []
        lines.append(["plot.py", "scaling", whole, *model, "--out", f"{base}.png", f"{base}.svg"])
        lines.append(
            ["plot.py", "phases", whole, "--out", f"{base}-phases.png", f"{base}-phases.svg"]
        )
    for tool, *words in lines:
        line = [sys.executable, HERE.parent / "bench" / tool, *map(str, words)]
        done = subprocess.run(line, check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


def main() -> int:
    given = parse_arguments()
    return gather(given) if given.collect else plan(given)


if __name__ == "__main__":
    exit_with(main)
