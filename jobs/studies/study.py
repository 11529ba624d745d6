#!/usr/bin/env python3
"""Search settings by validation NDCG@50, then train every combination with several seeds.

  study.py STUDY.json --data SET.h5 --work DIR [--program build/release/fedfuse] [--parallel 2]
        [--stage search|final|all] [--trials N]

STUDY.json names backbones, fusions, protocols, seeds and common options, a grid of options and a
number of trials. jobs/README.md describes its keys. Where the best value of an option lies on the
edge of its grid, the grid is extended; a cell whose best stays on an edge is marked. Test metrics
are read for the final runs only. A finished run in DIR is not repeated when it is of the same data,
settings and program. Writes search.csv, chosen.json, runs.csv and final/ into DIR. Needs Python 3
only.
"""

import itertools
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib import chosen_settings, search, search_study  # noqa: E402  (the path comes first)
from lib.cut_short import cut_short  # noqa: E402
from lib.study_runs import Runner  # noqa: E402
from records import outputs  # noqa: E402
from records.arguments import Parser, filled, whole  # noqa: E402
from records.errors import exit_with  # noqa: E402
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
    parser.add_argument(
        "--trials",
        type=whole(1),
        help="trials of every cell, in place of those of the study; chosen.json records them",
    )
    return parser.parse_args()


def at_best(record, prefix="test"):
    return {metric: quoted(record["metrics"], f"{prefix}_{metric}", record) for metric in METRICS}


def quoted(table, name, record):
    """Return a column's value at the round that is quoted; None where it has none."""
    row, column = chosen_row(record), table.get(name)
    return column[row] if column and row is not None else None


def baselines(record):
    """The rankings without a model, of the final runs' data and evaluation."""
    return {
        f"{name}_{metric}": (record["baselines"].get(f"test_{metric}") or [None, None])[row]
        for row, name in enumerate(("popularity", "cold_first"))
        for metric in METRICS
        if "_50" in metric
    }


def row_of(cell, record, known):
    """A line of runs.csv."""
    if record is None:
        return {**cell, "status": "diverged", **known}
    if why := why_invalid(record):
        return {**cell, "status": f"INVALID: {why}", **known}
    metrics = record["metrics"]
    row = {
        **cell,
        "status": record["status"],
        "cut_short": cut_short(record),
        "best_round": record["best_round"],
        "rounds": len(metrics["round"]),
        "rounds_after_best": record["facts"].get("rounds_after_best"),
        "valid_ndcg_50": record["facts"].get("best_valid_ndcg_50"),
        "seconds": round(record["facts"]["total_seconds"], 2),
        **record["load"],
    }
    row |= {f"test_{metric}": value for metric, value in at_best(record).items()}
    row |= {f"last_{name}": metrics[f"test_{name}"][-1] for name in ("hr_50", "ndcg_50")}
    if "teacher_test_ndcg_50" in metrics:
        row |= {
            f"teacher_{name}": quoted(metrics, f"teacher_test_{name}", record)
            for name in ("hr_50", "ndcg_50")
        }
    agreement = quoted(record["groups"], "agreement", record)
    if agreement is not None:
        row["agreement"] = agreement
    return row | baselines(record) | known


def link(work, cell, path):
    """final/BACKBONE/PROTOCOL/FUSION_SEED.json: the runs of a figure lie in one folder."""
    folder = work / "final" / cell["backbone"] / cell["protocol"]
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f"{cell['fusion'].replace('+', '_')}_{cell['seed']}.json"
    name.unlink(missing_ok=True)
    if path.exists():
        name.symlink_to(Path("../../../runs") / path.name)


def final(study, runner, chosen, work):
    cells = list(
        itertools.product(study["fusions"], study["backbones"], study["protocols"], study["seeds"])
    )
    search_study.check_chosen(study, chosen.options)
    jobs = [
        {**chosen.options[f"{b}/{f}"], "backbone": b, "fusion": f, "negatives": p, "seed": s}
        for f, b, p, s in cells
    ]
    rows = []
    for (fusion, backbone, protocol, seed), job, record in zip(cells, jobs, runner.run_all(jobs)):
        cell = {"backbone": backbone, "fusion": fusion, "protocol": protocol, "seed": seed}
        cell["search"] = chosen.where(f"{backbone}/{fusion}")
        rows.append(row_of(cell, record, runner.columns(record)))
        link(work, cell, runner.path_of(job))
    return rows


def main():
    arguments = parse_arguments()
    study = search_study.load(arguments.study, arguments.trials)
    work = arguments.work
    outputs.make_folder(work)
    for name in ("search.csv", "chosen.json", "runs.csv"):
        outputs.check(work / name, [arguments.study, Path(arguments.data)])
    runner = Runner(arguments.program, arguments.data, work, study["common"], arguments.parallel)
    chosen_path = work / "chosen.json"
    if arguments.stage in ("search", "all"):
        if note := search_study.unequal_trials(study):
            print(f"NOTE: {note}", file=sys.stderr)
        cells = search.search(study, runner)
        chosen_settings.write(chosen_path, cells, study, runner.data)
        outputs.write_text(work / "search.csv", outputs.csv_text(search.rows(cells, runner)))
    if arguments.stage in ("final", "all"):
        rows = final(study, runner, chosen_settings.read(chosen_path, study, runner.data), work)
        outputs.write_text(work / "runs.csv", outputs.csv_text(rows))


if __name__ == "__main__":
    exit_with(main)
