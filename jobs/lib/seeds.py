"""Lists of seeds, in the words of sbatch --array."""

from __future__ import annotations

import re

from records.errors import Refusal

MOST_SEEDS = 1_000_000  # of one array


def seed_list(words: str) -> list[int]:
    """0-4 -> 0 1 2 3 4; the same words as sbatch --array."""
    seeds: list[int] = []
    for part in words.partition("%")[0].split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part, re.ASCII)
        if found is None or int(found[3] or 1) == 0 or int(found[2] or found[1]) < int(found[1]):
            raise Refusal(
                f"--seeds {words}",
                f'"{part}" is no seed and no range of seeds',
                "give 0-4, or 1,5,9; %2 at its end: two at a time",
            )
        if int(found[2] or found[1]) >= MOST_SEEDS:
            raise Refusal(
                f"--seeds {words}",
                f"{part} reaches {MOST_SEEDS:,}, and no scheduler takes so many tasks",
                "give smaller numbers",
            )
        seeds += range(int(found[1]), int(found[2] or found[1]) + 1, int(found[3] or 1))
    return seeds
