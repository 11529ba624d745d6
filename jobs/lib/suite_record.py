"""The record of a run of the suite: suite.json, beside the records of the programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lib import suite_judge
from lib.suite_classes import WORKLOADS
from lib.suite_measure import geometric_mean
from records import outputs
from records.errors import Refusal, reading
from records.readers import SCHEMAS, check_schema, read_json

FILE, FORMAT, VERSION = "suite.json", "fedfuse-suite", SCHEMAS["fedfuse-suite"]
REFERENCE_FORMAT = "fedfuse-suite-reference"
REFERENCE = Path(__file__).resolve().parent / "suite_reference.json"


def read_reference(file: Path) -> dict[str, Any]:
    what = f"{file} holds no reference"
    return _document(file, REFERENCE_FORMAT, what, "give a file of --save-reference")


def read(folder: Path, any_version: bool = False) -> dict[str, Any]:
    file = folder / FILE if folder.is_dir() else folder
    remedy = "give a folder that jobs/suite.py wrote"
    if not file.exists():
        raise Refusal(f"{folder} is no record of the suite", f"there is no {FILE} in it", remedy)
    return _document(file, FORMAT, f"{file} is no record of the suite", remedy, any_version)


def _document(
    file: Path, wanted: str, what: str, remedy: str, any_version: bool = False
) -> dict[str, Any]:
    """what, remedy: of the Refusal of a file that has another format."""
    found: Any = read_json(file)
    if not isinstance(found, dict) or found.get("format") != wanted:
        raise Refusal(what, f"its format is not {wanted}", remedy)
    if not any_version:
        check_schema(found, file)
    return found


def judged(folder: Path, document: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    """The verdicts and the score anew, from the records in the folder."""
    with reading(folder, "record of the suite"):
        rows = [suite_judge.judge(folder, row, reference) for row in document["rows"]]
    return document | {"rows": rows, "score": score(rows, reference)}


def score(rows: list[dict[str, Any]], reference: dict[str, Any]) -> dict[str, Any] | None:
    """The geometric mean of the ratios to the reference machine, over the rows that have one."""
    ratios = {
        row["name"]: row["ratio"]
        for row in rows
        if row["verdict"] == suite_judge.VALID and row["ratio"] is not None
    }
    mean = geometric_mean(list(ratios.values()))
    if mean is None:
        return None
    return {
        "geometric_mean": mean,
        "workloads": len(ratios),
        "of": len(WORKLOADS),
        "reference": reference.get("name", ""),
    }


def write(folder: Path, document: dict[str, Any]) -> None:
    outputs.write_text(folder / FILE, json.dumps(document, indent=1) + "\n")


def is_failed(document: dict[str, Any]) -> bool:
    return any(row["verdict"] == suite_judge.INVALID for row in document["rows"])


def save_reference(
    file: Path, documents: list[dict[str, Any]], name: str, before: dict[str, Any]
) -> None:
    """Rows that did not fail become the reference; rows of other names stay."""
    rows = dict(before.get("rows", {}))
    for document in documents:
        for row in document["rows"]:
            if row["verdict"] == suite_judge.INVALID:
                continue
            rows[row["name"]] = _stored(row, document)
    found = {"format": REFERENCE_FORMAT, "schema_version": SCHEMAS[REFERENCE_FORMAT]}
    found |= {"name": name, "rows": rows}
    outputs.write_text(file, json.dumps(found, indent=1) + "\n")


def _stored(row: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    machine = document["machine"]
    kept = {name: row[name] for name in ("fom", "unit", "ranks", "threads", "device", "items")}
    kept |= {"processor": machine["processor"], "load": row["load"]}
    kept |= {
        "git_sha": row.get("provenance", {}).get("git_sha", ""),
        "date": document["started_utc"],
    }
    if row.get("loss") is not None:
        kept |= {"loss": row["loss"], "tolerance": WORKLOADS[row["workload"]].tolerance}
    return kept
