"""Runs whose best round may not be the best that they could reach."""

from __future__ import annotations

from typing import Any

STOPPED, RISING = "stopped early", "still rising"


def cut_short(record: dict[str, Any]) -> str:
    """How the end of a run cut it short, in words; "": it did not, or an older fedfuse wrote it."""
    rising = record["facts"].get("rising_at_end") or 0
    words = [STOPPED] * (record["status"] == "stopped-early") + [RISING] * (rising > 0)
    return ", ".join(words)
