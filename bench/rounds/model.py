#!/usr/bin/env python3
"""A model of what a round costs, from micro-benchmarks alone, held against a scaling table that it was not fitted to.

  model.py --kernels kernels.json --collectives collectives.json --table table.json [--to 1024] --out model.json

  seconds(p) = (training + accumulation + evaluation) / p + all-reduce(p, bytes)
  training      FLOP of the clients / FLOP/s of local_train_clients/0/1 (linear head, clients not in the cache)
  accumulation  rows of the clients / rows/s of aggregate_updates/0/1000
  evaluation    FLOP of the ranking / FLOP/s of rank_count/0/20000
  all-reduce    2 log2(p) alpha + 2 (p - 1) / p bytes / B      alpha: 8-byte all-reduce; B: bus bandwidth at the nearest size

Only the linear head without a teacher (fedavg, fcf with fusion none): the others need benchmarks that do not exist. Left out: imbalance,
server steps, and that cores share memory. Points beyond the cores of the measured ones are marked extrapolated: they assume a core for every
rank, and between all ranks the transport that was measured, which within one machine is shared memory and no network.
"""
from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from records.errors import Refusal, exit_with  # noqa: E402  (the path comes first)
from records.readers import kind_of, read_json  # noqa: E402

DEFAULTS = {"dim": 64, "local_epochs": 5, "negatives_per_positive": 4, "eval_clients": 0, "fraction": 1.0}  # of fedfuse train


def counter(document: dict[str, Any], benchmark: str, name: str) -> float:
    """Median of a counter over the repetitions."""
    entries = [e for e in document["benchmarks"] if e.get("run_name", e["name"]) == benchmark and name in e]
    values = [e[name] for e in entries if e.get("run_type") != "aggregate"] or [e[name] for e in entries if e.get("aggregate_name") == "median"]
    if not values:
        raise Refusal(f"the kernel record has no {benchmark}", f"no entry of that name has {name}", "run bench_kernels without a filter, or with it")
    return statistics.median(values)


def rates(kernels: dict[str, Any]) -> dict[str, float]:
    touched = 85  # rows of a client in that benchmark
    return {"training_flop_per_s": counter(kernels, "local_train_clients/0/1", "FLOP/s"),
            "accumulated_rows_per_s": touched * counter(kernels, "aggregate_updates/0/1000", "clients/s"),
            "ranking_flop_per_s": counter(kernels, "rank_count/0/20000", "FLOP/s")}


def transport(collectives: dict[str, Any], size: float) -> dict[str, float]:
    p = collectives["ranks"]
    rows = [row for row in collectives["rows"] if row["collective"] == "mpi"]
    if p < 2 or not rows or any(row["wrong_words"] for row in rows):
        raise Refusal("the collectives cannot be used", "they are of one rank, empty, or a check failed", "mpirun -n 2 bench_collectives --out FILE")
    alpha = min(rows, key=lambda row: row["bytes"])["seconds_median"] / (2 * math.log2(p))
    nearest = min(rows, key=lambda row: abs(math.log(row["bytes"] / size)))
    travel = max(1e-12, nearest["seconds_median"] - 2 * math.log2(p) * alpha)
    return {"alpha_s": alpha, "bus_bytes_per_s": 2 * (p - 1) / p * nearest["bytes"] / travel, "at_bytes": nearest["bytes"], "measured_on_ranks": p}


def work(table: dict[str, Any], row: dict[str, Any]) -> dict[str, float]:
    """FLOP, rows and bytes of a round, by formula from the data set and the settings."""
    settings = {**DEFAULTS, **{name.replace("-", "_"): value for name, value in table["train"].items()}}
    if settings["backbone"] not in ("fedavg", "fcf") or settings.get("fusion", "none") != "none":
        raise Refusal(f"no model for {settings['backbone']} + {settings.get('fusion')}", "only the linear head without a teacher is modelled", "see --help")
    samples = row["train_interactions"] * (1 + settings["negatives_per_positive"]) * settings["fraction"]
    evaluated = min(settings["eval_clients"] or row["users"], row["users"])
    return {"training_flop": 2 * 3 * settings["dim"] * samples * settings["local_epochs"], "rows": samples,
            "ranking_flop": 2 * settings["dim"] * row["items"] * evaluated, "bytes": row["items"] * (8 * settings["dim"] + 1)}


def predict(amount: dict[str, float], rate: dict[str, float], link: dict[str, float], ranks: int) -> dict[str, float]:
    parts = {"training_s": amount["training_flop"] / rate["training_flop_per_s"] / ranks, "accumulation_s": amount["rows"] / rate["accumulated_rows_per_s"] / ranks,
             "evaluation_s": amount["ranking_flop"] / rate["ranking_flop_per_s"] / ranks,
             "all_reduce_s": 2 * math.log2(ranks) * link["alpha_s"] + 2 * (ranks - 1) / ranks * amount["bytes"] / link["bus_bytes_per_s"] if ranks > 1 else 0.0}
    return {"predicted_s": sum(parts.values()), **parts}


def points(table: dict[str, Any], rate: dict[str, float], link: dict[str, float], base: dict[str, Any], most: int) -> list[dict[str, Any]]:
    measured = {row["ranks"]: row for row in table["rows"] if "round_s" in row and row["threads"] == 1 and not row["oversubscribed"]}
    list_of_ranks = sorted(set(measured) | {2**k for k in range(int(math.log2(most)) + 1)})
    rows = []
    for ranks in list_of_ranks:
        like = measured.get(ranks, base)
        scale = ranks / base["ranks"] if table["kind"] == "weak" and ranks not in measured else 1
        amount = work(table, {**like, "train_interactions": like["train_interactions"] * scale, "users": like["users"] * scale})
        point = {"ranks": ranks, "extrapolated": ranks > max(measured), **predict(amount, rate, link, ranks)}
        if ranks in measured:
            point |= {"measured_s": like["round_s"], "predicted_to_measured": point["predicted_s"] / like["round_s"]}
        rows.append(point)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("kernels", "collectives", "table"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--to", type=int, default=1024, help="largest number of ranks")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    for path, kind in ((given.kernels, "benchmark"), (given.collectives, "collectives"), (given.table, "scaling")):
        if kind_of(path) != kind:
            raise Refusal(f"{path} is no {kind} record", f"it is a {kind_of(path)} record", "see --help for what makes one")
    table = read_json(given.table)
    usable = [row for row in table["rows"] if "round_s" in row and row["threads"] == 1 and not row["oversubscribed"]]
    if not usable:
        raise Refusal(f"{given.table} has no point to hold the model against", "none is valid, of one thread a rank, and not oversubscribed", "run the study")
    base = min(usable, key=lambda row: row["ranks"])
    rate = rates(read_json(given.kernels))
    link = transport(read_json(given.collectives), work(table, base)["bytes"])
    document = {"format": "fedfuse-model", "kind": table["kind"], "parameters": {**rate, **link}, "points": points(table, rate, link, base, max(1, given.to))}
    given.out.write_text(json.dumps(document, indent=1) + "\n")
    for point in document["points"]:
        held = f"measured {1e3 * point['measured_s']:9.2f} ms, ratio {point['predicted_to_measured']:.2f}" if "measured_s" in point else "EXTRAPOLATED"
        print(f"{point['ranks']:>6} ranks: model {1e3 * point['predicted_s']:9.2f} ms (all-reduce {1e3 * point['all_reduce_s']:.2f}); {held}")
    return 0


if __name__ == "__main__":
    exit_with(main)
