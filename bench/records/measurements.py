"""Read any record as named measurements: samples, or a median with its interval."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from records import load
from records.errors import Refusal
from records.identity import DECIDES_NOTHING, Workload, deciding, identity_of, workload
from records.intervals import median_interval
from records.readers import chosen_row, kind_of, read_json, read_result, results_in
from records.suite_rows import controls_of, samples_of, suite_file, workload_of
from records.suite_rows import why_invalid as why_row_invalid
from records.validity import why_invalid

PHASES = (
    "round_s",
    "training_max",
    "aggregation_max",
    "grouping_max",
    "views_max",
    "teacher_max",
    "evaluation_max",
)
# What may differ between samples of one row: of the options that decide nothing all but those that
# decide what a run costs.
NOT_SETTINGS = {"seed", *DECIDES_NOTHING} - {"uploads", "client_state", "memory_gib"}
# Not part of the workload: samples of a row differ in the seed, and devices are compared.
ASIDE = ("seed", "device")
# Counters of benchmarks that are shares of the CPU's ceilings.
SHARES = ("of_fma", "of_copy", "of_floor")


@dataclass
class Measurement:
    unit: str
    lower_is_better: bool
    samples: list[float] = field(default_factory=list)
    median: float = 0.0
    low: float | None = None
    high: float | None = None
    count: int = 0
    invalid: str = ""
    unjudged: str = ""  # why its number gets no verdict
    # measured beside the samples, and moved by nothing but the machine; more is better
    control: list[float] = field(default_factory=list)
    is_check: bool = False  # no number: are all `count` runs of the row valid?
    # of a check of results: what the runs were asked
    settings: dict[str, Any] = field(default_factory=dict)
    # rows of different workloads are not compared
    workload: Workload = field(default_factory=Workload)

    def is_time(self) -> bool:
        return self.unit in ("s", "ms", "us", "ns")

    def close(self) -> Measurement:
        """Derives the median and its interval from the samples."""
        if self.samples:
            self.count = len(self.samples)
            if not all(map(math.isfinite, self.samples)):
                self.invalid = self.invalid or "a number is not finite"
                return self
            self.median = statistics.median(self.samples)
            self.low, self.high, _ = median_interval(self.samples)
        return self


def _check(count: int, invalid: str, settings: dict[str, Any] | None = None) -> Measurement:
    return Measurement(
        "", False, count=count, invalid=invalid, is_check=True, settings=settings or {}
    )


def measurements(path: Path, counter: str = "") -> dict[str, Measurement]:
    path = suite_file(path) or path
    if path.is_dir():
        files = results_in(path)
        if not files:
            raise Refusal(
                f"{path} holds no results",
                "no .h5 file and no JSON twin is in it",
                "give a folder of fedfuse results",
            )
        return _results(files)
    kind = kind_of(path)
    if kind == "result":
        return _results([path])
    document = read_json(path)
    try:
        rows = {
            "benchmark": lambda d: _benchmarks(d, counter),
            "scaling": _scaling,
            "collectives": _collectives,
            "suite": _suite,
        }[kind](document)
    except (KeyError, TypeError) as error:
        raise Refusal(
            f"{path} is not a whole {kind} record",
            f"a field is missing or of another type: {error}",
            "give a file that the suite wrote whole",
        ) from error
    if not rows:
        raise Refusal(
            f"{path} holds no measurement",
            f'no row has "{counter}"' if counter else "its list is empty",
            "check --by, or give another file",
        )
    return rows


def _benchmarks(document: dict[str, Any], counter: str) -> dict[str, Measurement]:
    rows: dict[str, Measurement] = {}
    aggregates: dict[str, dict[str, float]] = defaultdict(dict)
    value_name = counter or "cpu_time"
    for entry in document["benchmarks"]:
        name = entry.get("run_name", entry["name"])
        if entry.get("error_occurred"):
            # no device: neither a number nor a failure
            if entry.get("error_message", "").startswith("skipped:"):
                continue
            rows[name] = Measurement(
                "", True, invalid=entry.get("error_message", "the benchmark failed")
            )
            continue
        if value_name not in entry:
            continue
        row = rows.setdefault(name, Measurement("" if counter else entry["time_unit"], not counter))
        if entry.get("run_type") == "aggregate":
            aggregates[name][entry["aggregate_name"]] = entry[value_name]
            row.count = entry.get("repetitions", 0)
        else:
            row.samples.append(entry[value_name])
    for entry in document["benchmarks"]:
        if entry.get("aggregate_name", "median") == "median":
            work = {name: entry[name] for name in ("FLOP", "bytes") if name in entry}
            if counter in SHARES and "warm_up_ms" not in entry:  # a device has its own
                known = "ceiling_fma_bits" in document.get("context", {})
                work["ceilings of"] = "each vector width" if known else "eight lanes of C++"
            row = rows.get(entry.get("run_name", entry["name"]))
            if row is not None:
                row.workload = Workload(settings=work)
    for name, row in rows.items():
        if row.samples or row.invalid:
            row.close()
        # only aggregates were kept: the median's standard error is about 1.25 sd / sqrt(n)
        elif "median" in aggregates[name]:
            row.median = aggregates[name]["median"]
            row.invalid = "" if math.isfinite(row.median) else "a number is not finite"
            half = 1.96 * 1.25 * aggregates[name].get("stddev", 0.0) / max(1, row.count) ** 0.5
            row.low, row.high = row.median - half, row.median + half
    return {name: row for name, row in rows.items() if row.invalid or row.count}


def _results(files: Iterable[Path]) -> dict[str, Measurement]:
    """Seconds: one sample per round after the first, or one per run when there are several runs.
    Metrics: one sample per run.
    """
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        run = read_result(file)
        groups[_setting(run)].append(run)
    rows: dict[str, Measurement] = {}
    for setting, runs in groups.items():
        name = _name(runs[0]) + ("" if _is_only(runs[0], groups) else f" #{setting[:6]}")
        bad = [why for why in map(why_invalid, runs) if why]
        here = {}
        here[f"{name} valid runs"] = _check(
            len(runs),
            f"{len(bad)} of {len(runs)} runs: {bad[0]}" if bad else "",
            _settings(runs[0]),
        )
        valid = [run for run in runs if not why_invalid(run)]
        for phase in PHASES:
            samples = _seconds(valid, phase)
            if samples and max(samples) > 0:
                here[f"{name} {phase}"] = Measurement("s", True, samples).close()
        for quality in ("test_ndcg_50", "test_hr_50"):
            chosen = [
                run["metrics"][quality][row]
                for run in valid
                if (row := chosen_row(run)) is not None and quality in run["metrics"]
            ]
            samples = [sample for sample in chosen if sample is not None]
            if samples:
                here[f"{name} {quality}"] = Measurement("", False, samples).close()
        for measurement in here.values():
            measurement.workload = workload(runs[0], ASIDE)
        rows |= here
    return rows


def _seconds(runs: list[dict[str, Any]], phase: str) -> list[float]:
    rounds = [[s for s in run["time"].get(phase, [])[1:] if s is not None] for run in runs]
    rounds = [one for one in rounds if one]
    return rounds[0] if len(rounds) == 1 else [statistics.median(one) for one in rounds]


def _settings(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run["config"].items() if name not in NOT_SETTINGS} | {
        f"data {name}": value for name, value in run.get("data", {}).items()
    }


def _setting(run: dict[str, Any]) -> str:
    provenance = run["provenance"]
    key = [
        identity_of(run)["data"],
        _settings(run),
        provenance.get("ranks"),
        provenance.get("threads"),
    ]
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _name(run: dict[str, Any]) -> str:
    provenance = run["provenance"]
    config = run["config"]
    shape = f"{provenance.get('ranks')}x{provenance.get('threads')}"
    return f"{config['backbone']}/{config['fusion']} {shape}"


def _is_only(run: dict[str, Any], groups: dict[str, list[dict[str, Any]]]) -> bool:
    return sum(_name(runs[0]) == _name(run) for runs in groups.values()) == 1


def _scaling(document: dict[str, Any]) -> dict[str, Measurement]:
    rows = {}
    for row in document["rows"]:
        name = (
            f"{document['kind']} nodes {row['nodes']} ranks {row['ranks']} threads {row['threads']}"
        )
        name += f" gpus {row['gpus']}" if row.get("gpus") else ""
        here = {}
        if "round_s" in row:
            here[name] = Measurement("s", True, row["round_s_runs"]).close()
        # the valid runs of the point are judged
        here[f"{name} valid runs"] = _check(
            row["runs"] + len(row["invalid"]), "; ".join(row["invalid"])
        )
        for measurement in here.values():
            measurement.workload = _of_point(document, row)
        rows |= here
    return rows


def _of_point(document: dict[str, Any], row: dict[str, Any]) -> Workload:
    """An older table has no identity: what its data were made with stands for it."""
    facts = {name: row[name] for name in ("users", "items", "train_interactions") if name in row}
    train = {name.replace("-", "_"): value for name, value in document.get("train", {}).items()}
    return Workload(
        row.get("data_identity", ""),
        document.get("generate", {}) | facts,
        deciding(train | document.get("settings", {}), ("device",))
        | {"clock": document.get("clock", "wall")},
    )


def _collectives(document: dict[str, Any]) -> dict[str, Measurement]:
    rows = {}
    nodes = {"ranks a node": document.get("ranks_on_a_node", document["ranks"])}
    for row in document["rows"]:
        wrong = row["wrong_words"]
        rows[f"{row['collective']} {document['ranks']} ranks {row['bytes']} B"] = Measurement(
            "s",
            True,
            row["seconds"],
            invalid=f"{wrong} words were wrong" if wrong else "",
            workload=Workload(settings=nodes),
        ).close()
    return rows


def _suite(document: dict[str, Any]) -> dict[str, Measurement]:
    rows = {}
    for row in document["rows"]:
        invalid = why_row_invalid(row)
        samples = samples_of(row)
        one = Measurement(
            row["unit"],
            False,
            samples,
            median=row["fom"] or 0.0,
            count=max(1, len(row["runs"])),
            invalid=invalid or ("" if row["fom"] else "it has no figure"),
            unjudged=load.note(row),
            workload=workload_of(row),
            control=controls_of(row),
        )
        rows[row["name"]] = one.close()
    return rows
