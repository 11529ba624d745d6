#!/usr/bin/env python3
"""Search settings by validation NDCG@50, then train every combination with several seeds.

  study.py STUDY.json --data SET.h5 --work DIR [--program build/release/fedfuse] [--parallel 2]
        [--stage search|final|all]

STUDY.json names backbones, fusions, protocols, seeds and common options. For every fusion it has a
grid of options and a number of trials. jobs/README.md describes its keys. Test metrics are read for
the final runs only. A finished run in DIR is not repeated when it is of the same data, settings and
program. Writes search.csv, chosen.json and runs.csv into DIR. Needs Python 3 only.
"""

import itertools
import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib import chosen_settings, search_study, study_tree  # noqa: E402  (the path comes first)
from records import identity, load, load_notes, outputs  # noqa: E402
from records.arguments import Parser, filled, whole  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402
from records.mpi_environment import mpi_environment  # noqa: E402
from records.program import default_program  # noqa: E402
from records.readers import chosen_row  # noqa: E402
from records.validity import why_invalid  # noqa: E402

METRICS = [
    "hr_50",
    "ndcg_50",
    "hr_50_warm",
    "ndcg_50_warm",
    "hr_50_cold",
    "ndcg_50_cold",
    "hr_10",
    "ndcg_10",
]


def parse_arguments():
    parser = Parser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--data", required=True, type=filled)
    parser.add_argument(
        "--program",
        default=str(default_program()),
        help="default: build/release/fedfuse, or the installed one",
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs and tables")
    parser.add_argument(
        "--parallel", type=whole(1), default=2, help="runs at a time, one thread each"
    )
    parser.add_argument("--stage", choices=["search", "final", "all"], default="all")
    return parser.parse_args()


class Runner:
    def __init__(self, arguments, common):
        self.arguments, self.common = arguments, common
        self.program = identity.ask_program(arguments.program)
        self.data = identity.ask_data(arguments.program, arguments.data)
        (arguments.work / "runs").mkdir(parents=True, exist_ok=True)

    def why_other(self, record, settings):
        """Why an earlier run is not the one that is asked for; "" when it is, and is finished."""
        of = identity.identity_of(record)
        for part, here in (("data", self.data), ("program", self.program)):
            if of[part] != here:
                return f"{part} {identity.short(of[part])}, not {identity.short(here)}"
        unfinished = record["status"] in ("running", "interrupted")
        return ", ".join(identity.other_settings(settings, record)) or (
            "not finished" if unfinished else ""
        )

    def run(self, settings):
        """Train (or read the earlier run) and return the JSON record, or None when training
        diverged.
        """
        settings = {**self.common, **settings, "fusion": settings["fusion"].split("@")[0]}
        key = identity.hash_of([self.data, self.program, settings])[:16]
        out = (
            self.arguments.work
            / "runs"
            / f"{settings['backbone']}_{settings['fusion'].replace('+', '_')}_{key}.h5"
        )
        record = out.with_suffix(".json")
        finished = read_record(record)
        if finished is None or self.why_other(finished, settings):
            record.unlink(missing_ok=True)
            command = [
                self.arguments.program,
                "train",
                "--data",
                self.arguments.data,
                "--out",
                str(out),
                "--overwrite",
                *study_tree.option_words(settings),
            ]
            before = load.now()
            done = subprocess.run(
                command,
                env=mpi_environment() | {"OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode not in (0, 2) or (
                done.returncode == 2 and "diverged" not in done.stderr
            ):
                raise Refusal(
                    "a run of the study failed",
                    done.stderr.strip() or f"exit code {done.returncode}",
                    f"correct the study, or try it by hand: {shlex.join(command)}",
                )
            around = load.judge(before["load"], load.average(), before["cores"])
            outputs.write_text(record.with_suffix(".load.json"), json.dumps(around) + "\n")
            out.unlink(missing_ok=True)  # the JSON twin suffices for the tables
        loaded = read_record(record)
        if loaded is None:
            return None
        if why := self.why_other(loaded, settings):
            raise Refusal(
                f"{record} is not the run that was started",
                f"its {why}: the data set or the program was replaced during the study",
                "start the study again",
            )
        loaded["load"] = load_notes.load_around(record)
        # runs.csv names any other reason not to use it
        return loaded if loaded["status"] != "failed" else None

    def columns(self, record):
        """The identity of a run; of a diverged one without a record what is known."""
        known = {
            "data_identity": self.data,
            "config_identity": "",
            "program_identity": self.program,
        }
        return known if record is None else identity.columns(record)

    def run_all(self, jobs):
        with ThreadPoolExecutor(self.arguments.parallel) as pool:
            return list(pool.map(self.run, jobs))


def read_record(path):
    """The JSON twin of a run; None when there is none, or it is not whole."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "config" in record else None


def at_best(record, prefix="test"):
    return {metric: quoted(record["metrics"], f"{prefix}_{metric}", record) for metric in METRICS}


def quoted(table, name, record):
    """Return a column's value at the round that is quoted; None where it has none."""
    row, column = chosen_row(record), table.get(name)
    return column[row] if column and row is not None else None


def validation(record):
    """Return the score of a trial; None where no client has a validation item."""
    if record is None or why_invalid(record):
        return -1.0
    return record["facts"].get("best_valid_ndcg_50")


def search(study, runner):
    chosen, rows = {}, []
    settings = study["search"]
    # in the order of the file: a fusion may start from the choice of an earlier one
    for fusion in study["fusions"]:
        plan = settings["fusions"][fusion]
        jobs = []
        for backbone in study["backbones"]:
            inherited = chosen.get(f"{backbone}/{plan['from']}", {}) if "from" in plan else {}
            grid = {**plan["grid"], **settings.get("backbones", {}).get(backbone, {})}
            for trial in search_study.trials(grid, plan["trials"], f"{backbone}/{fusion}"):
                own = {**inherited, **plan.get("fixed", {}), **trial}
                jobs.append((backbone, own))
        base = {"fusion": fusion, "negatives": settings["protocol"], "seed": settings["seed"]}
        records = runner.run_all([{**base, "backbone": b, **own} for b, own in jobs])
        best = {}
        for (backbone, own), record in zip(jobs, records):
            score = validation(record)
            if score is None:
                raise Refusal(
                    "the data set has no validation item that is ranked",
                    "a search compares trials by their validation NDCG@50",
                    "use a data set with validation items, or --stage final",
                )
            rows.append(
                {
                    "backbone": backbone,
                    "fusion": fusion,
                    "valid_ndcg_50": None if score < 0 else round(score, 5),  # diverged: no score
                    "best_round": record["best_round"] if record else 0,
                    "settings": json.dumps(own, sort_keys=True),
                    **runner.columns(record),
                }
            )
            if score > best.get(backbone, (-2.0, None))[0]:
                best[backbone] = (score, own)
        for backbone, (_, own) in best.items():
            chosen[f"{backbone}/{fusion}"] = own
        shown = {b: "-" if s < 0 else round(s, 4) for b, (s, _) in best.items()}
        print(fusion, shown, flush=True)
    return chosen, rows


def final(study, runner, chosen):
    cells = list(
        itertools.product(study["fusions"], study["backbones"], study["protocols"], study["seeds"])
    )
    search_study.check_chosen(study, chosen)
    jobs = [
        {**chosen[f"{b}/{f}"], "backbone": b, "fusion": f, "negatives": p, "seed": s}
        for f, b, p, s in cells
    ]
    rows = []
    for (fusion, backbone, protocol, seed), record in zip(cells, runner.run_all(jobs)):
        cell = {"backbone": backbone, "fusion": fusion, "protocol": protocol, "seed": seed}
        known = runner.columns(record)
        if record is None:
            rows.append({**cell, "status": "diverged", **known})
            continue
        if why := why_invalid(record):
            rows.append({**cell, "status": f"INVALID: {why}", **known})
            continue
        row = {
            **cell,
            "status": record["status"],
            "best_round": record["best_round"],
            "rounds": len(record["metrics"]["round"]),
            "valid_ndcg_50": validation(record),
            "seconds": round(record["facts"]["total_seconds"], 2),
            **record["load"],
        }
        row.update({f"test_{k}": v for k, v in at_best(record).items()})
        last = {k: record["metrics"][f"test_{k}"][-1] for k in ("hr_50", "ndcg_50")}
        row.update({f"last_{k}": v for k, v in last.items()})
        if "teacher_test_ndcg_50" in record["metrics"]:
            teacher = record["metrics"]
            row.update(
                {
                    f"teacher_{name}": quoted(teacher, f"teacher_test_{name}", record)
                    for name in ("hr_50", "ndcg_50")
                }
            )
        agreement = quoted(record["groups"], "agreement", record)
        if agreement is not None:
            row["agreement"] = agreement
        rows.append(row | known)
    return rows


def main():
    arguments = parse_arguments()
    study = search_study.load(arguments.study)
    outputs.make_folder(arguments.work)
    for name in ("search.csv", "chosen.json", "runs.csv"):
        outputs.check(arguments.work / name, [arguments.study, Path(arguments.data)])
    runner = Runner(arguments, study["common"])
    chosen_path = arguments.work / "chosen.json"
    if arguments.stage in ("search", "all"):
        chosen, rows = search(study, runner)
        chosen_settings.write(chosen_path, chosen, study, runner.data)
        outputs.write_text(arguments.work / "search.csv", outputs.csv_text(rows))
    if arguments.stage in ("final", "all"):
        rows = final(study, runner, chosen_settings.read(chosen_path, study, runner.data))
        outputs.write_text(arguments.work / "runs.csv", outputs.csv_text(rows))


if __name__ == "__main__":
    exit_with(main)
