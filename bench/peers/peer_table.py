"""The table of a record of peers.py: medians, ratios to fedfuse, and whether the work was one."""

from __future__ import annotations

import statistics
from typing import Any

from records.errors import reading
from records.intervals import median_interval

OURS = "fedfuse"
WARM_UP = 1  # rounds of a peer: compilers and processes start
TOLERANCE = 0.05  # of the mean of the last losses over the turns, relative: other draws
SAME, OTHER = "same", "OTHER LOSS"


def sample(said: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a peer's last line."""
    with reading("the last line of a peer", "report"):
        seconds = [float(one) for one in said["cpu_seconds"][WARM_UP:]]
        return {
            "peer": str(said["peer"]),
            "workload": str(said["workload"]),
            "cpu_seconds": statistics.median(seconds),
            "wall_seconds": statistics.median(said["wall_seconds"][WARM_UP:]),
            "rounds": len(said["losses"]),
            "losses": [float(loss) for loss in said["losses"]],
        }


def rows_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a workload and program; a ratio is of the same repeat."""
    with reading("the record", "record of peers.py"):
        found: list[dict[str, Any]] = []
        for workload in dict.fromkeys(one["workload"] for one in record["samples"]):
            of_it = [one for one in record["samples"] if one["workload"] == workload]
            ours = {one["repeat"]: one for one in of_it if one["peer"] == OURS}
            found += [
                _row(peer, [one for one in of_it if one["peer"] == peer], ours)
                for peer in dict.fromkeys(one["peer"] for one in of_it)
            ]
        return found


def _row(peer: str, samples: list[dict[str, Any]], ours: dict[int, Any]) -> dict[str, Any]:
    ratios = [one["cpu_seconds"] / ours[one["repeat"]]["cpu_seconds"] for one in samples]
    low, high, _ = median_interval(ratios)
    last = samples[-1]
    rounds = last["rounds"]
    loss = statistics.fmean(one["losses"][rounds - 1] for one in samples)
    reference = statistics.fmean(one["losses"][rounds - 1] for one in ours.values())
    return {
        "workload": last["workload"],
        "peer": peer,
        "cpu_seconds": statistics.median(one["cpu_seconds"] for one in samples),
        "ratio": statistics.median(ratios),
        "low": low,
        "high": high,
        "repeats": len(samples),
        "round": rounds,
        "loss": loss,
        "difference": loss / reference - 1,
        "work": SAME if abs(loss / reference - 1) <= TOLERANCE else OTHER,
    }


def table(record: dict[str, Any]) -> str:
    head = ("workload", "program", "CPU ms a round", "ratio", "from", "to", "repeats")
    lines = [(*head, "loss", "at round", "off by", "work")]
    for row in rows_of(record):
        numbers = (f"{row[name]:.3g}" for name in ("ratio", "low", "high"))
        lines.append(
            (
                row["workload"],
                row["peer"],
                f"{1e3 * row['cpu_seconds']:.2f}",
                *numbers,
                str(row["repeats"]),
                f"{row['loss']:.4f}",
                str(row["round"]),
                f"{100 * row['difference']:+.1f} %",
                row["work"],
            )
        )
    width = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(
            cell.rjust(n) if i > 1 else cell.ljust(n)
            for i, (cell, n) in enumerate(zip(line, width))
        ).rstrip()
        for line in lines
    )


def is_same_work(record: dict[str, Any]) -> bool:
    return all(row["work"] == SAME for row in rows_of(record))
