#!/usr/bin/env python3
"""Markdown tables from study.py's runs.csv: test HR@50 / NDCG@50 in percent, mean ± sd over seeds.

  summarise.py RUNS.csv [--columns fusion|protocol] [--published PUBLISHED.json] [--split cold]
"""
import argparse
import csv
import json
import statistics
from collections import defaultdict


def mean_sd(values):
    values = [100 * float(v) for v in values if v not in ("", None)]
    if not values:
        return "–"
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.1f}±{sd:.1f}"


def cell(rows, suffix=""):
    """Means over the seeds that did not diverge; how many did is said."""
    diverged = sum(r.get("status") == "diverged" for r in rows)
    text = " / ".join(mean_sd([r.get(f"test_{m}_50{suffix}") for r in rows]) for m in ("hr", "ndcg"))
    return text + (f" ({diverged} of {len(rows)} diverged)" if diverged else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs")
    parser.add_argument("--published", help='JSON {"backbone/fusion": "HR / NDCG"}: the papers\' figures')
    parser.add_argument("--split", choices=["warm", "cold"], help="only clients with such a held-out item")
    arguments = parser.parse_args()
    published = json.load(open(arguments.published)) if arguments.published else {}
    suffix = f"_{arguments.split}" if arguments.split else ""
    cells = defaultdict(list)
    for row in csv.DictReader(open(arguments.runs)):
        cells[row["backbone"], row["fusion"], row["protocol"]].append(row)
    order = lambda i: list(dict.fromkeys(key[i] for key in cells))
    protocols = order(2)
    head = ["backbone", "fusion", *protocols] + (["published"] if published else [])
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for backbone in order(0):
        for fusion in order(1):
            line = [backbone, fusion] + [cell(cells[backbone, fusion, p], suffix) for p in protocols]
            if published:
                line.append(published.get(f"{backbone}/{fusion}", "–"))
            print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
