#!/usr/bin/env python3
"""A model of the time of a round, from micro-benchmarks only. It is compared with a scaling table;
no parameter is fitted to that table.

  model.py --kernels kernels.json --collectives collectives.json --table table.json [--to 1024]
        --out model.json

  seconds(p) = (training + accumulation + evaluation) / p + all-reduce(p, bytes)
  training      FLOP of the clients / FLOP/s of local_train_clients/0/1
                (linear head, clients not in the cache)
  accumulation  rows of the clients / rows/s of aggregate_updates/0/R,
                R the nearest number of rows of the sums
  evaluation    FLOP of the ranking / FLOP/s of rank_count/0/20000
  all-reduce    2 log2(p) alpha + 2 (p - 1) / p bytes / B
                alpha: 8-byte all-reduce; B: bus bandwidth at the nearest size
with fusion gfmfr also
  second pass   (accumulation into the groups' sums, and with --uploads replay the training
                once more) / p, and their all-reduce
  grouping      seconds of group_heads/2048
                + clients beyond the 2048 landmarks x seconds a client / p
  teacher       epochs x items / items/s of teacher_epoch/M/W, W the width of the features;
                every rank does all of it

The model covers the linear head (fedavg, fcf) with fusion none or gfmfr. A study of gfmfr must set
"uploads" to "store" or "replay". The model leaves out imbalance and shared memory bandwidth. For
gfmfr it also leaves out the preferences, their evaluation, and the cost of storing uploads in the
first pass. Points beyond the measured number of cores are marked extrapolated. They assume a core
for every rank, and between all ranks the measured transport; within one machine this is shared
memory, not a network.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from cost_model import Model, rates, settings_of, transport, work

from records import outputs
from records.arguments import Parser, whole
from records.errors import Refusal, exit_with, reading
from records.identity import short
from records.load import is_number
from records.load_notes import load_notes
from records.plural import count
from records.readers import kind_of, read_json


def points(
    table: dict[str, Any], model: Model, base: dict[str, Any], most: int
) -> list[dict[str, Any]]:
    measured = {
        row["ranks"]: row
        for row in table["rows"]
        if is_number(row.get("round_s")) and row["threads"] == 1 and not row["oversubscribed"]
    }
    list_of_ranks = sorted(set(measured) | {2**k for k in range(int(math.log2(most)) + 1)})
    rows = []
    for ranks in list_of_ranks:
        like = measured.get(ranks, base)
        scale = ranks / base["ranks"] if table["kind"] == "weak" and ranks not in measured else 1
        amount = work(
            model.settings,
            {
                **like,
                "train_interactions": like["train_interactions"] * scale,
                "users": like["users"] * scale,
            },
        )
        point = {
            "ranks": ranks,
            "extrapolated": ranks > max(measured),
            **model.predict(amount, ranks),
        }
        if ranks in measured:
            point |= {
                "measured_s": like["round_s"],
                "predicted_to_measured": point["predicted_s"] / like["round_s"],
            }
        rows.append(point)
    return rows


def note_on_programs(
    table: dict[str, Any], kernels: dict[str, Any], collectives: dict[str, Any]
) -> None:
    """Say when the rates were measured with another program than the rounds."""
    named = {
        "table": next((row.get("program_identity", "") for row in table["rows"]), ""),
        "kernels": kernels["context"].get("fedfuse_program", ""),
        "collectives": collectives.get("identity", {}).get("program", ""),
    }
    if len({value for value in named.values() if value}) > 1:
        of = ", ".join(f"{name} {short(value)}" for name, value in named.items())
        print(f"NOTE: the records are of different programs: {of}", file=sys.stderr)


def main() -> int:
    parser = Parser(description=__doc__)
    for name in ("kernels", "collectives", "table"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--to", type=whole(1), default=1024, help="largest number of ranks")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    for path, kind in (
        (given.kernels, "benchmark"),
        (given.collectives, "collectives"),
        (given.table, "scaling"),
    ):
        if kind_of(path) != kind:
            raise Refusal(
                f"{path} is no {kind} record",
                f"it is a {kind_of(path)} record",
                "see --help for what makes one",
            )
    outputs.check(given.out, [given.kernels, given.collectives, given.table])
    with reading(f"{given.table}, {given.kernels} or {given.collectives}", "record"):
        document = predict(given)
    outputs.write_text(given.out, json.dumps(document, indent=1) + "\n")
    for words in load_notes(given.kernels):
        print(f"NOTE: the kernels were measured on a {words}", file=sys.stderr)
    show(document)
    return 0


def predict(given: argparse.Namespace) -> dict[str, Any]:
    table = read_json(given.table)
    usable = [
        row
        for row in table["rows"]
        if is_number(row.get("round_s")) and row["threads"] == 1 and not row["oversubscribed"]
    ]
    if not usable:
        raise Refusal(
            f"{given.table} has no point to hold the model against",
            "none is valid, of one thread a rank, and not oversubscribed",
            "run the study",
        )
    base = min(usable, key=lambda row: row["ranks"])
    settings, kernels, collectives = (
        settings_of(table),
        read_json(given.kernels),
        read_json(given.collectives),
    )
    note_on_programs(table, kernels, collectives)
    size = work(settings, base)["bytes"]
    model = Model(
        settings,
        rates(kernels, settings, base["items"]),
        transport(collectives, size),
        transport(collectives, settings["groups"] * size),
    )
    return {
        "format": "fedfuse-model",
        "schema_version": 1,
        "kind": table["kind"],
        "parameters": {**model.rate, **model.link},
        "points": points(table, model, base, given.to),
    }


def show(document: dict[str, Any]) -> None:
    for point in document["points"]:
        held = (
            f"measured {1e3 * point['measured_s']:9.2f} ms, ratio "
            f"{point['predicted_to_measured']:.2f}"
            if "measured_s" in point
            else "EXTRAPOLATED"
        )
        print(
            f"{count(point['ranks'], 'rank'):>12}: model {1e3 * point['predicted_s']:9.2f} ms "
            f"(all-reduce {1e3 * point['all_reduce_s']:.2f}); {held}"
        )


if __name__ == "__main__":
    exit_with(main)
