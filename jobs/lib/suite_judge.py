"""The verdict on a row of the suite, from its records alone: what was checked, and what was found.

VALID: every check passed. INVALID: one failed. UNCHECKED: none failed, but no loss is stored for
this workload, class and mode.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib import suite_measure
from lib.suite_classes import CLASSES, KERNELS, WORKLOADS, Class, Workload, train_options
from records import identity
from records.errors import Refusal, reading
from records.fields import KEPT_PROVENANCE
from records.load import is_number
from records.readers import read_json, read_result
from records.same_bits import differences_of_twins
from records.validity import why_invalid

VALID, INVALID, UNCHECKED = "VALID", "INVALID", "UNCHECKED"
NOTHING: dict[str, Any] = {"fom": None, "low": None, "high": None, "samples": [], "runs": []}
Check = dict[str, Any]


def _check(name: str, failure: str, told: str = "") -> Check:
    return {"name": name, "passed": not failure, "told": failure or told}


def judge(folder: Path, row: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    """The row with what its records say. folder: of the whole run of the suite."""
    workload, of = _known(row)
    here = folder / row["name"]
    checks = [_check("programs ended well", "; ".join(row.get("failures", [])))]
    rows = reference.get("rows", {})
    stored = rows.get(row["name"], {})
    with reading(here, "row of the suite"):
        found, more = (_training if workload.trains() else _bench)(here, row, workload, of)
        found = NOTHING | found
        of_loss = _with_the_loss(rows, row)
        checks += more + _loss(of_loss, found)
    if found.get("fom") is None:
        checks.append(_check("a figure of merit", "a sample is missing, or is not above 0"))
    failed = [check for check in checks if not check["passed"]]
    unknown = workload.trains() and "loss" not in of_loss
    verdict = INVALID if failed else UNCHECKED if unknown else VALID
    ratio = found["fom"] / stored["fom"] if found.get("fom") and stored.get("fom") else None
    return row | found | {"checks": checks, "verdict": verdict, "ratio": ratio}


def _known(row: dict[str, Any]) -> tuple[Workload, Class]:
    if row.get("workload") not in WORKLOADS or row.get("class") not in CLASSES:
        raise Refusal(
            f"the row {row.get('name')} is not of this suite",
            "its workload or its class has no such name here",
            "use the tools of the fedfuse that wrote it",
        )
    return WORKLOADS[row["workload"]], CLASSES[row["class"]]


def twins(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"{name}*.json"))


def _every_run_has_a_record(files: list[Path], wanted: int) -> Check:
    return _check("every run has a record", f"{len(files)} of {wanted} have one")


def _training(
    folder: Path, row: dict[str, Any], workload: Workload, of: Class
) -> tuple[dict[str, Any], list[Check]]:
    files = twins(folder, "run-")
    wanted = row["repeats"] * row["copies"]
    if len(files) != wanted:
        return {}, [_every_run_has_a_record(files, wanted)]
    runs = [read_result(file) for file in files]
    checks = [
        _check("finite, and no client is lost", _first(map(_finite_and_whole, runs))),
        _check(
            "the size of the class", _first(_other_size(run, row, workload, of) for run in runs)
        ),
        _check("sums are equal on all ranks", _first(map(_ranks_that_differ, runs))),
        _check("one program and one data set", _mixed(runs, row)),
    ]
    if row.get("verify") is not None:
        checks.append(_same_bits(folder, row, runs[0]))
    found = suite_measure.of_training(workload, runs, row["copies"])
    loss = runs[0]["metrics"].get("loss", [])
    cores = row["ranks"] * row["threads"]
    ceilings = [one for one in row["ceilings_flop_per_s"] if is_number(one)]
    ceiling = statistics.median(ceilings) if ceilings else None
    found |= suite_measure.efficiency(workload, runs[0], cores, ceiling)
    found |= {"loss": loss[-1] if loss else None, "identity": identity.identity_of(runs[0])}
    found["provenance"] = {name: runs[0]["provenance"].get(name) for name in KEPT_PROVENANCE}
    return found, checks


def _first(words: Iterable[str]) -> str:
    return next((word for word in words if word), "")


def _finite_and_whole(run: dict[str, Any]) -> str:
    """Sizes and fractions of the suite leave no half client, so not one may be missing."""
    wanted = run["config"].get("fraction", 1.0) * run["data"].get("clients", 0)
    for number, took_part in enumerate(run["metrics"].get("participants", []), 1):
        if is_number(took_part) and took_part != round(wanted):
            return f"{took_part:.0f} of {wanted:.0f} clients took part in round {number}"
    return why_invalid(run)


def _other_size(run: dict[str, Any], row: dict[str, Any], workload: Workload, of: Class) -> str:
    asked = train_options(workload, of, row["device"], run["config"].get("seed", -1))
    other = identity.other_settings(asked, run)
    sizes = {"clients": row["clients"], "items": of.items}
    other += [
        f"{name} {run['data'].get(name)}, not {size}"
        for name, size in sizes.items()
        if run["data"].get(name) != size
    ]
    shape = {"ranks": row["ranks"], "threads": row["threads"]}
    other += [
        f"{name} {run['provenance'].get(name)}, not {number}"
        for name, number in shape.items()
        if run["provenance"].get(name) != number
    ]
    rounds = len(run["metrics"].get("round", []))
    other += [f"{rounds} rounds"] * (rounds != of.rounds())
    other += [f"{row['repeats']} runs, not {of.repeats}"] * (row["repeats"] < of.repeats)
    return ", ".join(other)


def _ranks_that_differ(run: dict[str, Any]) -> str:
    """The program compares the shared state of the ranks at the end of a run."""
    number = run["facts"].get("ranks_that_differ")
    if number is None:
        return "the program did not compare them"
    return f"{number:.0f} ranks hold another model than rank 0" if number else ""


def _mixed(runs: list[dict[str, Any]], row: dict[str, Any]) -> str:
    for part, what in (("data", "data set"), ("program", "program")):
        named = row[f"{part}_identity"]
        if any(identity.identity_of(run)[part] != named for run in runs):
            return f"a run is of another {what} than suite.json names"
    return ""


def _same_bits(folder: Path, row: dict[str, Any], run: dict[str, Any]) -> Check:
    name = "the same bits on other ranks and threads"
    file, verify = folder / "verify.json", row["verify"]
    if not file.exists():
        return _check(name, "the second run has no record")
    second = read_result(file)
    shape = (second["provenance"].get("ranks"), second["provenance"].get("threads"))
    if shape == (row["ranks"], row["threads"]):
        return _check(name, "the second run had the same ranks and threads")
    found = verify.get("differences", []) + differences_of_twins(second, run)
    told = f"also on {shape[0]} x {shape[1]}; {verify.get('model', 'the model, too')}"
    return _check(name, ", ".join(sorted(set(found))[:4]), told)


def _bench(
    folder: Path, row: dict[str, Any], workload: Workload, of: Class
) -> tuple[dict[str, Any], list[Check]]:
    files = twins(folder, "run-")
    if len(files) != row["repeats"]:
        return {}, [_every_run_has_a_record(files, row["repeats"])]
    documents = [read_json(file) for file in files]
    checks_of, numbers_of = {
        "kernels": (_kernels, suite_measure.of_kernels),
        "collectives": (lambda one: _collectives(one, row, of), suite_measure.of_collectives),
        "io": (lambda one: _io(one, row, of), suite_measure.of_io),
    }[workload.name]
    found = suite_measure.of_benches([numbers_of(one) for one in documents])
    return found, _worst_of_each(check for one in documents for check in checks_of(one))


def _worst_of_each(checks: Iterable[Check]) -> list[Check]:
    """One check of each name: the first that failed, or the first."""
    of_name: dict[str, Check] = {}
    for one in checks:
        if one["name"] not in of_name or (of_name[one["name"]]["passed"] and not one["passed"]):
            of_name[one["name"]] = one
    return list(of_name.values())


def _kernels(document: dict[str, Any]) -> list[Check]:
    failed = [
        f"{entry['name']}: {entry.get('error_message', 'failed')}"
        for entry in document["benchmarks"]
        if entry.get("error_occurred")
    ]
    there = {entry.get("run_name", entry["name"]) for entry in document["benchmarks"]}
    failed += [f"{name} did not run" for name in KERNELS if name not in there]
    return [_check("every kernel ran", "; ".join(failed[:3]))]


def _io(document: dict[str, Any], row: dict[str, Any], of: Class) -> list[Check]:
    wrong = document["wrong_bytes"]
    wanted = {"clients": row["clients"], "items": of.items, "ranks": row["ranks"]}
    size = [f"{n} {document[n]}, not {wanted[n]}" for n in wanted if document[n] != wanted[n]]
    return [
        _check("the size of the class", ", ".join(size)),
        _check("what was written is read", f"{wrong} bytes came back changed" if wrong else ""),
    ]


def _collectives(document: dict[str, Any], row: dict[str, Any], of: Class) -> list[Check]:
    wrong = sum(one["wrong_words"] for one in document["rows"])
    largest = max((one["bytes"] for one in document["rows"]), default=0)
    size = "" if largest == of.most_bytes else f"up to {largest} B, not {of.most_bytes} B"
    if document["ranks"] != row["ranks"]:
        size = f"{document['ranks']} ranks, not {row['ranks']}"
    return [
        _check("the size of the class", size),
        _check("sums are equal on all ranks", f"{wrong} words were wrong" if wrong else ""),
    ]


def _with_the_loss(rows: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """The reference whose loss the first run must have: copies begin with the seed of the class."""
    return rows.get(row["name"] if row["weak"] else f"{row['workload']}.{row['class']}", {})


def _loss(stored: dict[str, Any], found: dict[str, Any]) -> list[Check]:
    if "loss" not in stored:
        return []
    loss, wanted, tolerance = found.get("loss"), stored["loss"], stored["tolerance"]
    if not is_number(loss):
        return [_check("the loss of the reference", "the loss is not finite")]
    off = abs(loss - wanted) / abs(wanted)
    told = f"{loss:.6f}, reference {wanted:.6f}, off by {off:.1e}, tolerance {tolerance:.0e}"
    return [_check("the loss of the reference", told if off > tolerance else "", told)]
