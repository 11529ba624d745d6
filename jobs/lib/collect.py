"""Make one table of a tree of finished runs: one row per point with medians over its valid runs.
Invalid runs are named.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib.study_tree import Point, Study, toml
from records import identity, load, outputs
from records.fields import KEPT_PROVENANCE, PHASES
from records.intervals import median_interval
from records.load import is_number, number_of
from records.readers import read_json, read_result
from records.validity import why_invalid


def collect(work: Path, study: Study) -> dict[str, Any]:
    rows = _rows(work, study)
    _add_efficiency(study.kind, rows)
    settings = next((each for each in [row.pop("settings") for row in rows] if each), {})
    provenance = next(
        (run for runs in [row.pop("provenances") for row in rows] for run in runs), {}
    )
    kept = {name: provenance[name] for name in KEPT_PROVENANCE if name in provenance}
    return {
        "format": "fedfuse-scaling",
        "schema_version": 1,
        "name": study.name,
        "kind": study.kind,
        "generate": study.generate,
        "train": study.train,
        "repeats": study.repeats,
        "provenance": kept,
        "settings": settings,
        "rows": rows,
    }


def _rows(work: Path, study: Study) -> list[dict[str, Any]]:
    """One row a point. All runs must be of the program of the first valid one; in a strong study
    of its data, too. The runs of a point must be of one configuration.
    """
    reference: dict[str, str] = {}
    return [_row(work, study, point, reference) for point in study.points]


def _why_other(run: dict[str, Any], folder: Path, study: Study, same: dict[str, str]) -> str:
    """Why a run does not belong into this table, or "". same: what its runs have in common."""
    settings = folder / "config.toml"
    if settings.exists() and settings.read_text() != toml(study.train):
        return "config.toml is of another study"
    if other := identity.other_settings(study.train, run):
        return f"of another study: {', '.join(other)}"
    for part, value in identity.identity_of(run).items():
        if part in same and same[part] != value:
            return (
                f"of another {part} than the runs before: {identity.short(value)}, not "
                f"{identity.short(same[part])}"
            )
    return ""


def _row(work: Path, study: Study, point: Point, reference: dict[str, str]) -> dict[str, Any]:
    folder = work / "runs" / point.name()
    valid, invalid, oversubscribed = [], [], False
    same = dict(reference)
    for repeat in range(study.repeats):
        run, why = _read_run(folder / f"repeat-{repeat}")
        why = why or _why_other(run, folder / f"repeat-{repeat}", study, same)
        same |= {} if why else identity.identity_of(run)
        job = folder / f"repeat-{repeat}" / "job.json"
        oversubscribed |= job.exists() and bool(read_json(job).get("oversubscribed"))
        if why:
            invalid.append(f"repeat-{repeat}: {why}")
        else:
            valid.append(run)
    shared = ("data", "program") if study.kind == "strong" else ("program",)
    reference |= {part: same[part] for part in shared if part in same}
    row: dict[str, Any] = {
        **vars(point),
        "cores": point.ranks * point.threads,
        "users": study.users(point),
        "oversubscribed": oversubscribed,
        "runs": len(valid),
        "status": "ok"
        if not invalid
        else "INVALID"
        if not valid
        else f"{len(invalid)} of {study.repeats} runs INVALID",
        "invalid": invalid,
        "seeds": sorted({run["config"].get("seed") for run in valid}),
        "provenances": [run["provenance"] for run in valid],
        "settings": identity.deciding(valid[0]["config"], ("device",)) if valid else {},
        **(identity.columns(valid[0]) if valid else {}),
    }
    return row | (_medians(valid) | _load(study, valid) if valid else {})


def _read_run(folder: Path) -> tuple[dict[str, Any], str]:
    """The run, and the reason why it cannot be used, or ""."""
    twin, attempts = folder / "result.json", folder / "attempts.txt"
    if not twin.exists():
        if not attempts.exists():
            return {}, "not started"
        last = attempts.read_text().strip().splitlines()[-1:]
        return {}, f"no result; last: {last[0] if last else 'nothing'} (see log.txt)"
    run = read_result(twin)
    run["load"] = {name: _captured(folder, name) for name in ("load", "load after", "cores")}
    return run, why_invalid(run) or _why_no_time(run)


def _why_no_time(run: dict[str, Any]) -> str:
    seconds = _of_run(run, "round_s")
    if seconds is None:
        return "no round after the first, which is warm-up, has a time"
    return "" if seconds > 0 else "a round takes no time"


def _captured(folder: Path, heading: str) -> float | None:
    """The number under a heading of environment.txt, where the job wrote one."""
    file = folder / "environment.txt"
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    for line, following in zip(lines, lines[1:]):
        if line == f"# {heading}":
            return number_of(following.split()[0]) if following.split() else None
    return None


def _load(study: Study, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Loads are medians over the runs; one busy run makes the point busy. The runs of all points
    alternate, so the largest of them explains the load that another one finds."""
    own = max(-(-point.ranks // point.nodes) * point.threads for point in study.points)
    judged = [
        load.judge(run["load"]["load"], run["load"]["load after"], run["load"]["cores"], own)
        for run in runs
    ]
    medians = {
        name: _median(record[name] for record in judged) for name in ("load_before", "load_after")
    }
    return load.worst(judged) | medians


def _of_run(run: dict[str, Any], column: str) -> float | None:
    """Median over the rounds of a run without the first, which is warm-up."""
    return _median(run["time"].get(column, [])[1:])


def _median(values: Iterable[float | None]) -> float | None:
    """Of the numbers among the values; None of none."""
    known = [value for value in values if is_number(value)]
    return statistics.median(known) if known else None


def _per_second(amount: float | None, seconds: float) -> float | None:
    return amount / seconds if is_number(amount) else None


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = [_of_run(run, "round_s") for run in runs]
    low, high, coverage = median_interval(seconds)
    clients = [
        _per_second(run["metrics"]["participants"][-1], second)
        for run, second in zip(runs, seconds)
    ]
    row = {
        "round_s": statistics.median(seconds),
        "round_s_low": low,
        "round_s_high": high,
        "coverage": round(coverage, 3),
        "round_s_runs": seconds,
        "round_s_fastest": min(
            s for run in runs for s in run["time"]["round_s"][1:] if is_number(s)
        ),
        "client_rounds_per_s": _median(clients),
    }
    for phase in PHASES:
        row[f"{phase}_s"] = _median(_of_run(run, f"{phase}_max") for run in runs)
    row["imbalance"] = _median(_of_run(run, "imbalance") for run in runs)
    for statistic, name in (("mean", "communication_share"), ("min", "transport_share")):
        row[name] = _median(
            _per_second(_of_run(run, f"communication_{statistic}"), second)
            for run, second in zip(runs, seconds)
        )
    moved = [run["traffic"].get("moved_sum", [])[-1:] for run in runs]
    row["moved_sum_bytes"] = _median(value for last in moved for value in last)
    row["train_interactions"] = runs[0].get("data", {}).get("train_interactions")
    row["items"] = runs[0].get("data", {}).get("items")
    peaks = [run["facts"].get("peak_memory_bytes_max") for run in runs]
    known = [peak for peak in peaks if is_number(peak)]
    row["peak_MiB"] = round(max(known) / 2**20) if known else None
    return row


def _add_efficiency(kind: str, rows: list[dict[str, Any]]) -> None:
    """Efficiency against the valid point of fewest cores. Strong: speed-up per core. Weak: time of
    that point over the time of this one.
    """
    measured = [row for row in rows if "round_s" in row]
    if not measured:
        return
    base = min(measured, key=lambda row: row["cores"])
    for row in measured:
        ratio = base["round_s"] / row["round_s"]
        more = row["cores"] / base["cores"]
        row["speedup"] = ratio if kind == "strong" else ratio * more
        row["efficiency"] = row["speedup"] / more


def write(table: dict[str, Any], work: Path) -> list[Path]:
    whole, flat = work / "table.json", work / "table.csv"
    outputs.write_text(whole, json.dumps(table, indent=1) + "\n")
    rows = [{name: _cell(value) for name, value in row.items()} for row in table["rows"]]
    outputs.write_text(flat, outputs.csv_text(rows))
    return [whole, flat]


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "; ".join(f"{one:.6g}" if isinstance(one, float) else str(one) for one in value)
    return f"{value:.6g}" if isinstance(value, float) else value


def _shown(value: float | None, width: int, form: str) -> str:
    return f"{value:>{width}{form}}" if is_number(value) else f"{'-':>{width}}"


def as_text(table: dict[str, Any]) -> str:
    lines = [
        f"{'nodes':>5} {'ranks':>5} {'threads':>7} {'runs':>4} {'round ms':>10} {'low':>9} "
        f"{'high':>9} {'eff.':>5} {'imbal.':>6} {'comm.':>6} {'load':>5}  status"
    ]
    for row in table["rows"]:
        head = f"{row['nodes']:>5} {row['ranks']:>5} {row['threads']:>7} {row['runs']:>4}"
        mark = (
            row["status"]
            + (", oversubscribed" if row["oversubscribed"] else "")
            + (f", {load.note(row)}" if load.note(row) else "")
            + "".join(f"\n{'':>8}INVALID {why}" for why in row["invalid"])
        )
        numbers = f"{'-':>10} {'-':>9} {'-':>9} {'-':>5} {'-':>6} {'-':>6} {'-':>5}"
        if "round_s" in row:
            numbers = " ".join(
                [
                    f"{1e3 * row['round_s']:>10.2f} {1e3 * row['round_s_low']:>9.2f}",
                    f"{1e3 * row['round_s_high']:>9.2f} {_shown(row['efficiency'], 5, '.2f')}",
                    f"{_shown(row['imbalance'], 6, '.2f')}",
                    f"{_shown(row['communication_share'], 6, '.1%')}",
                    f"{_shown(row['load_before'], 5, '.1f')}",
                ]
            )
        lines.append(f"{head} {numbers}  {mark}")
    return "\n".join(lines)
