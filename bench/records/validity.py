"""The check of validity: the reason why a run's numbers must not be used, or "". Every tool names
such a run and leaves it out of averages.
"""

from __future__ import annotations

import math
from typing import Any

WHOLE = ("finished", "stopped-early", "complete")
QUALITIES = ("valid_ndcg_50", "test_ndcg_50", "valid_hr_50", "test_hr_50")


def why_invalid(run: dict[str, Any]) -> str:
    """run: a result as readers.read_result gives it, with None where a number does not exist."""
    return _status(run) or _metrics(run["metrics"]) or _lost_clients(run)


def _status(run: dict[str, Any]) -> str:
    status, text = str(run["status"]), str(run.get("status_text", ""))
    if status.startswith("invalid"):
        return status.removeprefix("invalid").strip(": ") or "the program marked it so"
    if status not in WHOLE:
        return f"{status}{': ' + text if text else ''}"
    return ""


def _metrics(metrics: dict[str, list[float | None]]) -> str:
    if not metrics.get("round"):
        return "no round was run"
    for name in ("loss", "participants"):
        for row, value in enumerate(metrics.get(name, []), 1):
            if value is None or not math.isfinite(value):
                return f"{name} of round {row} is not finite"
    for name in QUALITIES:
        clients = metrics.get(f"{name.split('_')[0]}_clients", [])
        for row, value in enumerate(metrics.get(name, [])):
            evaluated = row < len(clients) and clients[row] is not None and clients[row] > 0
            if evaluated and (value is None or not math.isfinite(value)):
                return f"{name} of round {row + 1} is not finite"
    return ""


def _lost_clients(run: dict[str, Any]) -> str:
    """Check that every round has its share of the clients, and every evaluation as many clients."""
    clients, fraction = run["facts"].get("clients"), run["config"].get("fraction", 1.0)
    if clients:
        wanted = max(1, int(clients * fraction + 0.5))
        for row, took_part in enumerate(run["metrics"].get("participants", []), 1):
            if abs(took_part - wanted) > 1:  # a half may be rounded either way
                return f"{took_part:.0f} of {wanted} clients took part in round {row}"
    for split in ("valid", "test"):
        counts = {
            count for count in run["metrics"].get(f"{split}_clients", []) if count is not None
        }
        if len(counts) > 1:
            return (
                f"between {min(counts):.0f} and {max(counts):.0f} clients were evaluated ({split})"
            )
    return ""
