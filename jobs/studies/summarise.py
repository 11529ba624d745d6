#!/usr/bin/env python3
"""Markdown tables of repeated runs: test HR@50 / NDCG@50 in percent, mean ± sd over seeds.

  summarise.py RUNS.csv [--published PUBLISHED.json] [--central CENTRAL.json] [--split cold]
        [--trim 0.2]
  summarise.py FOLDER ...

RUNS.csv is the table of study.py. FOLDER holds results, such as those of a job array. CENTRAL.json
is the file of central.py: rows of methods that see all interactions in one place.

The mean leaves out the lowest and the highest --trim of the seeds (with fewer than five: none).
Runs that diverged or are INVALID are counted, and left out of the averages. Runs that were cut
short and settings on the edge of the searched grid are marked.
"""

import csv
import math
import statistics
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib import central_rows  # noqa: E402  (the path comes first)
from lib.cut_short import RISING, STOPPED, cut_short  # noqa: E402
from records import identity  # noqa: E402
from records.arguments import Parser, real  # noqa: E402
from records.errors import Refusal, exit_with, reading  # noqa: E402
from records.intervals import trimmed_mean  # noqa: E402
from records.load import is_number  # noqa: E402
from records.readers import chosen_row, read_json, read_result, results_in  # noqa: E402
from records.validity import why_invalid  # noqa: E402

ON_EDGE = "†"
NOTES = {
    ON_EDGE: "the best setting lies on the edge of the searched grid, so the cell is not final.",
    STOPPED: "--patience ended the run.",
    RISING: "validation NDCG@50 still rose at the end of the run; more rounds may give more.",
}


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
    for number, mark in (
        (diverged, "diverged"),
        (invalid, "INVALID"),
        *(
            (sum(mark in (r.get("cut_short") or "") for r in rows), mark)
            for mark in (STOPPED, RISING)
        ),
    ):
        text += f" ({number} of {len(rows)} {mark})" if number else ""
    return text + (ON_EDGE if any((r.get("search") or "").startswith("edge") for r in rows) else "")


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


def quality(run):
    """The columns of runs.csv that the table needs, of one result."""
    best = chosen_row(run)
    row = {"cut_short": cut_short(run), "data_identity": identity.identity_of(run)["data"]}
    if best is not None:
        row |= {
            name: column[best]
            for name, column in run["metrics"].items()
            if name.startswith("test_")
        }
    for number, name in enumerate(central_rows.OF_EVERY_RECORD):
        row |= {
            f"{name}{column.removeprefix('test')}": values[number]
            for column, values in run["baselines"].items()
            if column.startswith("test_") and len(values) > number
        }
    return row


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
        else:
            row |= quality(run)
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
        "--central", type=Path, help="the JSON file of central.py, of the same data"
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
    central = central_rows.read(arguments.central, rows) if arguments.central else {}
    with reading(arguments.runs, "table of runs"):
        references = central_rows.of_records(rows, suffix) | central_rows.of_file(central, suffix)
        show(rows, references, published, suffix, arguments.trim)


def show(rows, references, published, suffix, trim):
    cells = defaultdict(list)
    for row in rows:
        cells[row["backbone"], row["fusion"], row["protocol"]].append(row)
    backbones, fusions, protocols = (list(dict.fromkeys(column)) for column in zip(*cells))
    head = ["backbone", "fusion", *protocols] + (["published"] if published else [])
    lines = [head, ["---"] * len(head)]
    for name, values in references.items():
        text = " / ".join(mean_sd(percents([value]), 0) for value in values)
        lines.append(["central", name, *[text] * len(protocols), *["–"] * bool(published)])
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
    shown = "".join(text for line in lines for text in line)
    for mark, note in NOTES.items():
        if mark in shown:
            print(f"\n{mark}: {note}")


if __name__ == "__main__":
    exit_with(main)
