#!/usr/bin/env python3
"""Markdown tables of repeated runs: test HR@50 / NDCG@50 in percent, mean ± sd over seeds.

  summarise.py RUNS.csv [--published PUBLISHED.json] [--split cold] [--trim 0.2]
  summarise.py FOLDER ...

RUNS.csv is the table of study.py. FOLDER holds results, such as those of a job array.

The mean leaves out the lowest and the highest --trim of the seeds (with fewer than five: none).
Runs that diverged or are INVALID are counted, and left out of the averages.
"""

import csv
import math
import statistics
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
from records import identity
from records.arguments import Parser, real
from records.errors import Refusal, exit_with, reading
from records.intervals import trimmed_mean
from records.load import is_number
from records.readers import chosen_row, read_json, read_result, results_in
from records.validity import why_invalid


def percents(values):
    """The numbers among the cells of a table; an empty cell, a dash and NaN are none."""
    numbers = [None if v in ("", "-", "–", None) else float(v) for v in values]
    return [100 * number for number in numbers if is_number(number)]


def mean_sd(values, trim):
    """One value has no deviation; no value has no mean."""
    if not values:
        return "–"
    sd = f"±{statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{trimmed_mean(values, trim):.1f}{sd}"


def cell(rows, suffix, trim):
    """Means over the valid seeds, and the number of seeds that are not valid."""
    diverged = sum(r.get("status") == "diverged" for r in rows)
    invalid = sum(str(r.get("status")).startswith("INVALID") for r in rows)
    columns = [percents(r.get(f"test_{m}_50{suffix}") for r in rows) for m in ("hr", "ndcg")]
    text = " / ".join(mean_sd(column, trim) for column in columns)
    empty = len(rows) - diverged - invalid - min(map(len, columns))
    text += f" ({empty} of {len(rows)} without a value)" if empty > 0 else ""
    text += f" ({diverged} of {len(rows)} diverged)" if diverged else ""
    return text + (f" ({invalid} of {len(rows)} INVALID)" if invalid else "")


def check_one_workload(first, file, run):
    """Means are of runs that differ in the seed only."""
    workload = identity.workload(run)
    cell_of = tuple(run["config"][name] for name in ("backbone", "fusion", "negatives"))
    for key in ("any", cell_of):
        before, other_file = first.setdefault(key, (workload, file))
        other = before.other_data(workload) if key == "any" else before.differences(workload)
        if other:
            raise Refusal(
                f"{other_file} and {file} cannot be in one table",
                f"they are of different {'data' if key == 'any' else 'settings'}: "
                f"{', '.join(other[:4])}",
                "give a folder for each",
            )


def rows_of_folder(folder):
    rows, first = [], {}
    for file in results_in(folder):
        run = read_result(file)
        check_one_workload(first, file, run)
        config, why = run["config"], why_invalid(run)
        row = {
            "backbone": config["backbone"],
            "fusion": config["fusion"],
            "protocol": config["negatives"],
            "seed": config["seed"],
            "status": f"INVALID: {why}" if why else run["status"],
        }
        if why:
            print(f"INVALID: {file}: {why}", file=sys.stderr)
        elif (best := chosen_row(run)) is not None:
            row |= {
                name: column[best]
                for name, column in run["metrics"].items()
                if name.startswith("test_")
            }
        rows.append(row)
    return rows


def read_rows(path):
    if path.is_dir():
        return rows_of_folder(path)
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(
            f"{path} cannot be read",
            str(error),
            "give the runs.csv of study.py, or a folder of results",
        ) from error
    lacks = [
        name
        for name in ("backbone", "fusion", "protocol", "seed", "status")
        if rows and name not in rows[0]
    ]
    if lacks:
        raise Refusal(
            f"{path} is no table of runs",
            f"it has no column {', '.join(lacks)}",
            "give the runs.csv of study.py",
        )
    sets = {row["data_identity"] for row in rows if row.get("data_identity")}
    if len(sets) > 1:
        raise Refusal(
            f"{path} is of {len(sets)} data sets",
            f"its column data_identity has {', '.join(map(identity.short, sorted(sets)))}",
            "give a table of one data set",
        )
    return rows


def main():
    parser = Parser(description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument(
        "--published", type=Path, help='JSON {"backbone/fusion": "HR / NDCG"}: the papers\' figures'
    )
    parser.add_argument(
        "--split", choices=["warm", "cold"], help="only clients with such a held-out item"
    )
    parser.add_argument(
        "--trim",
        type=real(0, 0.5),
        default=0.2,
        help="share of the seeds left out at each end (default 0.2)",
    )
    arguments = parser.parse_args()
    published = read_json(arguments.published) if arguments.published else {}
    if not isinstance(published, dict):
        raise Refusal(
            f"{arguments.published} holds no published figures",
            "it is no JSON object",
            'give {"backbone/fusion": "HR / NDCG"}',
        )
    suffix = f"_{arguments.split}" if arguments.split else ""
    rows = read_rows(arguments.runs)
    if not rows:
        raise Refusal(
            f"{arguments.runs} holds no runs",
            "the table is empty, or no result is in the folder",
            "check the name",
        )
    with reading(arguments.runs, "table of runs"):
        show(rows, published, suffix, arguments.trim)


def show(rows, published, suffix, trim):
    cells = defaultdict(list)
    for row in rows:
        cells[row["backbone"], row["fusion"], row["protocol"]].append(row)
    backbones, fusions, protocols = (list(dict.fromkeys(column)) for column in zip(*cells))
    head = ["backbone", "fusion", *protocols] + (["published"] if published else [])
    lines = [head, ["---"] * len(head)]
    for backbone in backbones:
        for fusion in fusions:
            line = [backbone, fusion] + [
                cell(cells[backbone, fusion, p], suffix, trim) for p in protocols
            ]
            if published:
                line.append(str(published.get(f"{backbone}/{fusion}", "–")))
            lines.append(line)
    seeds = sorted({int(row["seed"]) for row in rows})
    cut = int(max(map(len, cells.values())) * trim)
    trimmed = (
        f"without the {cut} lowest and the {cut} highest"
        if cut
        else f"over all of them (fewer than {math.ceil(1 / trim)}: none is trimmed)"
        if trim
        else "over all of them"
    )
    for line in lines:
        print("|---" * len(head) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |")
    print(f"\nSeeds {', '.join(map(str, seeds))}; means {trimmed}.")


if __name__ == "__main__":
    exit_with(main)
