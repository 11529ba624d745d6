"""The numbers of a row, from its records: the figure of merit, its spread, seconds, bytes, memory.
Every function takes records as they were read, so that a table is made from files alone.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import Any

import cost_model

from lib.suite_classes import KERNELS, WARM_UP, Workload
from records import load
from records.fields import PHASES
from records.intervals import median_interval

Run = dict[str, Any]
WITH_FORMULA = ("none", "gfmfr", "group-prior")  # fusions whose heads cost_model.py counts


def summary(samples: list[float], runs: list[float]) -> dict[str, Any]:
    """samples: of every measured round or repetition; runs: the median of each run."""
    usable = [one for one in samples if load.is_number(one) and one > 0]
    if not usable or len(usable) != len(samples):
        return {"fom": None, "samples": samples, "runs": runs}
    low, high, coverage = median_interval(usable)
    return {
        "fom": statistics.median(usable),
        "low": low,
        "high": high,
        "coverage": round(coverage, 3),
        "samples": samples,
        "runs": runs,
    }


def measured_rounds(run: Run, column: str) -> list[float]:
    """Without warm-up and without the last round."""
    return [value for value in run["time"].get(column, [])[WARM_UP:-1] if load.is_number(value)]


def rates(run: Run, workload: Workload) -> list[float]:
    """Clients per second of every measured round; the slowest rank counts."""
    of = "valid_clients" if workload.evaluates_each_round() else "participants"
    clients = run["metrics"].get(of, [])[WARM_UP:-1]
    seconds = run["time"].get(workload.phase, [])[WARM_UP:-1]
    pairs = [(n, s) for n, s in zip(clients, seconds) if load.is_number(n) and load.is_number(s)]
    return [n / s for n, s in pairs if s > 0]


def of_training(workload: Workload, runs: list[Run], copies: int) -> dict[str, Any]:
    """The first `copies` runs went side by side, then the next: their rates are added round by
    round.
    """
    alone = [rates(run, workload) for run in runs]
    groups = [alone[first : first + copies] for first in range(0, len(alone), copies)]
    each = [[sum(one) for one in zip(*group)] for group in groups]
    samples = [value for one in each for value in one]
    found = summary(samples, [statistics.median(one) for one in each if one])
    phases = {
        phase: statistics.median(values)
        for phase in PHASES
        if (values := [s for run in runs for s in measured_rounds(run, f"{phase}_max")])
    }
    memory = [run["facts"].get("peak_memory_bytes_max") for run in runs]
    return found | {
        "phases": phases,
        "bytes": _bytes(runs[0]) if runs else {},
        "peak_memory_bytes": max([m for m in memory if load.is_number(m)], default=None),
    }


def _bytes(run: Run) -> dict[str, Any]:
    """A client and round: sent to it and from it when whole tables are sent; a round: moved between
    the ranks."""
    moved = [
        sum(values)
        for values in zip(*(run["traffic"].get(f"moved_{way}", []) for way in ("sum", "gather")))
        if all(map(load.is_number, values))
    ]
    return {
        "down_per_client": run["facts"].get("bytes_down_per_client"),
        "up_per_client": run["facts"].get("bytes_up_per_client"),
        "moved_per_round": statistics.median(moved) if moved else None,
    }


def efficiency(workload: Workload, run: Run, cores: int, ceiling: float | None) -> dict[str, Any]:
    """FLOP/s of the formula over the fused multiply-adds/s that these cores did in `kernels`."""
    config = run["config"]
    ranks = workload.evaluates_each_round()
    if not ranks and config["fusion"] not in WITH_FORMULA:
        return {"efficiency": None, "efficiency_skipped": "no FLOP formula for these heads"}
    if config["device"] != "cpu":
        return {"efficiency": None, "efficiency_skipped": "the ceiling is of CPU cores"}
    if ceiling is None:
        return {"efficiency": None, "efficiency_skipped": "kernels measured no ceiling in this run"}
    data = run["data"]
    amount = cost_model.work(
        config,
        {
            "users": data["clients"],
            "items": data["items"],
            "train_interactions": data["train_interactions"],
        },
    )
    column = "evaluation" if ranks else "training"
    flop = amount["ranking_flop" if ranks else "training_flop"]
    seconds = measured_rounds(run, f"{column}_max")
    if not seconds or statistics.median(seconds) <= 0:
        return {"efficiency": None, "efficiency_skipped": f"no seconds of {column}"}
    return {"efficiency": flop / statistics.median(seconds) / (cores * ceiling)}


def ceiling_of(kernels: dict[str, Any]) -> float | None:
    """Fused multiply-adds of one core, in FLOP/s."""
    return load.number_of(str(kernels.get("context", {}).get("ceiling_fma_flop_per_s", "")))


def of_kernels(document: dict[str, Any]) -> dict[str, Any]:
    """The geometric mean over the kernels; the n-th sample is of their n-th repetitions."""
    rates_of: dict[str, list[float]] = defaultdict(list)
    shares: list[float] = []
    for entry in document["benchmarks"]:
        name = entry.get("run_name", entry["name"])
        if entry.get("run_type") == "aggregate" or name not in KERNELS or "FLOP/s" not in entry:
            continue
        rates_of[name].append(entry["FLOP/s"] * 1e-9)
        shares.append(entry.get("of_fma", 0.0))
    samples = [geometric_mean(list(one)) for one in zip(*rates_of.values())]
    whole = set(rates_of) == set(KERNELS)
    found = summary(samples if whole else [], [statistics.median(samples)] if samples else [])
    return found | {"efficiency": geometric_mean(shares)}


def of_collectives(document: dict[str, Any]) -> dict[str, Any]:
    """Bus bandwidth of the largest message."""
    rows = [row for row in document["rows"] if row["collective"] == "mpi"]
    ranks = document["ranks"]
    largest = max(rows, key=lambda row: row["bytes"], default=None)
    if largest is None or ranks < 2:
        return summary([], [])
    share = 2 * (ranks - 1) / ranks * largest["bytes"] * 1e-9
    samples = [share / s for s in largest["seconds"] if s > 0]
    return summary(samples, [statistics.median(samples)] if samples else []) | {
        "bytes": {"message": largest["bytes"]}
    }


def of_io(document: dict[str, Any]) -> dict[str, Any]:
    """Bytes written to the disk and read back, over the seconds of both."""
    both = zip(document["write_seconds"], document["read_seconds"])
    samples = [2e-9 * document["bytes"] / (w + r) for w, r in both if w + r > 0]
    return summary(samples, [statistics.median(samples)] if samples else []) | {
        "bytes": {"checkpoint": document["bytes"]},
        "phases": {
            "write": statistics.median(document["write_seconds"]),
            "read": statistics.median(document["read_seconds"]),
        },
    }


def of_benches(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the runs of a benchmark; without a figure where one of them has none."""
    whole = all(run["fom"] is not None for run in runs)
    samples = [one for run in runs for one in run["samples"]] if whole else []
    found = runs[0] | summary(samples, [one for run in runs for one in run["runs"]])
    if "efficiency" in found:
        found["efficiency"] = geometric_mean([run["efficiency"] for run in runs])
    if "phases" in found:
        phases = found["phases"]
        found["phases"] = {
            name: statistics.median(run["phases"][name] for run in runs) for name in phases
        }
    return found


def geometric_mean(values: list[float]) -> float | None:
    """None of no numbers, or where one is not above 0."""
    if not values or not all(load.is_number(value) and value > 0 for value in values):
        return None
    return math.exp(statistics.fmean(map(math.log, values)))
