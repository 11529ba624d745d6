"""Numbers with their nouns."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """1 rank, 2 ranks, 20,000 items."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
