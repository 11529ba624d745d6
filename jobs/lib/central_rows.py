"""Rows of a summary that are no federated run: rankings without a model, and central methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from records import identity
from records.errors import Refusal
from records.readers import read_json

# The rows of /baselines, as runs.csv names their columns.
OF_EVERY_RECORD = ("popularity", "cold_first")
METRICS = ("hr_50", "ndcg_50")
FORMAT = "fedfuse-central"


def of_records(rows: list[dict[str, Any]], suffix: str) -> dict[str, list[Any]]:
    """HR@50 and NDCG@50 of the rankings without a model, from the first run that has them."""
    found = {}
    for name in OF_EVERY_RECORD:
        columns = [f"{name}_{metric}{suffix}" for metric in METRICS]
        values = next(
            (
                [row[c] for c in columns]
                for row in rows
                if all(row.get(c) not in (None, "") for c in columns)
            ),
            None,
        )
        if values:
            found[name.replace("_", "-")] = values
    return found


def of_file(central: dict[str, Any], suffix: str) -> dict[str, list[Any]]:
    """Those of central.py, whose own popularity is that of the records."""
    return {
        name: [values.get(f"test_{metric}{suffix}") for metric in METRICS]
        for name, values in central.get("methods", {}).items()
    }


def read(path: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Refusal when the file is of other data than the runs."""
    central = read_json(path)
    methods = central.get("methods") if isinstance(central, dict) else None
    whole = isinstance(methods, dict) and all(isinstance(one, dict) for one in methods.values())
    if not whole or central.get("format") != FORMAT:
        raise Refusal(
            f"{path} holds no central references",
            f"it is no JSON object of the format {FORMAT}",
            "give the file that central.py wrote",
        )
    own = (central.get("identity") or {}).get("data", "")
    others = {row["data_identity"] for row in rows if row.get("data_identity")} - {own}
    if own and others:
        raise Refusal(
            f"{path} cannot be in this table",
            f"it is of other data: {identity.short(own)} | "
            f"{', '.join(map(identity.short, sorted(others)))}",
            "run central.py on the data set of the runs",
        )
    return central
