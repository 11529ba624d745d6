#!/usr/bin/env python3
"""The suite: workloads of fixed sizes, each with a figure of merit and a verdict.

  suite.py [--class S] [WORKLOAD ...] [--ranks 2] [--threads 1] [--device cpu] [--out FOLDER]
  suite.py --class C --plan            memory and time by formula; nothing is allocated
  suite.py --table FOLDER...           one table of several runs, judged again from their records
  suite.py --list                      all workloads and classes

Without a workload all are run. The last lines are for machines:

  FOM linear.S 84900 client-rounds/s VALID ranks=2 threads=1 device=cpu
  SCORE S 1.02 workloads=10/10 reference=NAME

The figure is the median over at least five rounds after the warm-up; the slowest rank counts. The
verdict is VALID; INVALID, because a check failed; or UNCHECKED, because no loss is stored for this
size. The folder holds suite.json and the records of the programs. bench/README.md has the rules.

Exit code 0; 1: a row is INVALID; 2: bad input, said before anything is run.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench"), str(HERE.parent / "bench" / "rounds")]
from lib import suite_classes, suite_machine, suite_plan, suite_record, suite_table  # noqa: E402
from lib.suite_classes import Class, Workload  # noqa: E402  (the path comes first)
from lib.suite_run import Runner, Shape, say  # noqa: E402
from lib.suite_session import Session  # noqa: E402
from records import load, outputs  # noqa: E402
from records.arguments import Parser, filled, launcher, real, whole  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402
from records.program import default_program  # noqa: E402


def parse_arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="default: all")
    parser.add_argument("--class", dest="of", default="S", type=filled, help="S W A B C D")
    parser.add_argument("--ranks", type=whole(1), help="MPI ranks; default: the usable cores")
    parser.add_argument("--threads", type=whole(1), default=1, help="threads of a rank")
    parser.add_argument("--device", choices=["cpu", "cuda", "emulated"], default="cpu")
    parser.add_argument("--repeats", type=whole(1), help="more runs than the class has")
    parser.add_argument("--copies", type=whole(1), default=1, help="independent runs side by side")
    parser.add_argument(
        "--weak", action="store_true", help="the clients of the class on every rank"
    )
    parser.add_argument("--verify", action="store_true", help="a second run; class S has it always")
    parser.add_argument("--oversubscribe", action="store_true", help="more ranks than cores")
    parser.add_argument("--memory-gib", type=real(0), help="of this node; default: what is free")
    parser.add_argument("--out", type=Path, help="folder of the records; default: a new one")
    parser.add_argument("--overwrite", action="store_true", help="replace the records in --out")
    parser.add_argument("--cache", type=Path, default=Path("out/suite/data"), help="of data sets")
    parser.add_argument("--program", type=Path, default=default_program())
    parser.add_argument(
        "--launcher",
        type=launcher,
        default=os.environ.get("FEDFUSE_LAUNCHER", "mpirun -n {ranks}"),
        help="of MPI ranks; default: FEDFUSE_LAUNCHER, or mpirun -n {ranks}",
    )
    parser.add_argument("--nodes", type=whole(1), default=1, help="that the launcher uses")
    parser.add_argument("--reference", type=Path, default=suite_record.REFERENCE)
    parser.add_argument("--save-reference", type=filled, metavar="NAME", help="write --reference")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", nargs="+", type=Path, metavar="FOLDER")
    return parser.parse_args()


def run(given: argparse.Namespace) -> int:
    of = suite_classes.find_class(given.of)
    workloads = suite_classes.find_workloads(given.workloads)
    cores = given.nodes * load.usable_cores()
    ranks = given.ranks or max(1, int(cores) // (given.threads * given.copies))
    shape = Shape(ranks, given.threads, given.device, given.copies)
    if ranks == 1 and not given.workloads:
        workloads = [one for one in workloads if one.name != "collectives"]
        say("collectives is left out: a rank alone sums nothing")
    free = given.memory_gib * suite_plan.GIB if given.memory_gib else suite_machine.free_memory()
    reference = read_reference(given)
    users = of.users * (ranks if given.weak else 1)
    plan = suite_plan.Plan(workloads, of, users, shape, given.nodes, free)
    if given.plan or of.only_planned:
        print(plan.as_text(reference))
    if given.plan:
        return 0
    check_shape(of, shape, workloads, cores, given.oversubscribe)
    plan.check()
    plan.check_disk(given.cache)
    folder = choose_folder(given, of.name)
    runner = Runner(given.program.absolute(), given.launcher, folder)
    for workload in workloads:
        if not workload.trains():
            runner.program_of(workload.program)
    outputs.make_folder(folder)
    repeats = max(of.repeats, given.repeats or 0)
    verifies = given.verify or of.verifies
    session = Session(runner, of, shape, given.weak, verifies, repeats, given.cache)
    document = suite_record.judged(folder, session.run(workloads), reference)
    suite_record.write(folder, document)
    return report([document], given, f"records in {folder}")


def check_shape(
    of: Class, shape: Shape, workloads: list[Workload], cores: float, oversubscribe: bool
) -> None:
    if of.only_planned:
        raise Refusal(f"class {of.name} is not run", "it is only planned", "choose A, B or C")
    if shape.ranks < 2 and any(one.name == "collectives" for one in workloads):
        raise Refusal("collectives on one rank", "a rank alone sums nothing", "give --ranks 2")
    if shape.cores() > cores and not oversubscribe:
        raise Refusal(
            f"{shape.cores()} ranks x threads on {cores:g} cores",
            "they would wait for each other, and the figures would mean nothing",
            "give fewer --ranks or --threads, or --oversubscribe",
        )


def read_reference(given: argparse.Namespace) -> dict:
    if given.save_reference and not given.reference.exists():
        return {}
    return suite_record.read_reference(given.reference)


def choose_folder(given: argparse.Namespace, name: str) -> Path:
    """A folder that holds records is refused without --overwrite, and what is no record with it."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S")
    folder = given.out or Path("out/suite") / f"{name}-{now}"
    if (folder / suite_record.FILE).exists():
        suite_record.read(folder, any_version=given.overwrite)
        if not given.overwrite:
            raise Refusal(
                f"{folder} holds a run of the suite",
                f"{suite_record.FILE} is in it",
                "give another --out, or --overwrite",
            )
    return folder


def report(documents: list[dict], given: argparse.Namespace, told: str = "") -> int:
    """The table, then the lines for machines, which are the last."""
    for number, document in enumerate(documents):
        where = f"{given.table[number]}: " if given.table else ""
        machine = document["machine"]["processor"]
        print(f"{where}class {document['class']}, {machine}, {document['started_utc']}")
        print(suite_table.table(document) + "\n")
    if len(documents) > 1:
        print(suite_table.readers_table(documents, [str(folder) for folder in given.table]) + "\n")
    if given.save_reference:
        before = read_reference(given)
        suite_record.save_reference(given.reference, documents, given.save_reference, before)
    if told:
        print(told)
    for document in documents:
        for row in document["rows"]:
            print(suite_table.fom_line(row))
        if line := suite_table.score_line(document):
            print(line)
    return 1 if any(map(suite_record.is_failed, documents)) else 0


def tables(given: argparse.Namespace) -> int:
    reference = read_reference(given)
    found = [suite_record.read(folder) for folder in given.table]
    pairs = zip(given.table, found)
    return report([suite_record.judged(f, document, reference) for f, document in pairs], given)


def main() -> int:
    given = parse_arguments()
    if given.list:
        print(suite_classes.as_text())
        return 0
    return tables(given) if given.table else run(given)


if __name__ == "__main__":
    exit_with(main)
