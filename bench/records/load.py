"""The load of the machine around a measurement, and the verdict "quiet" or "busy"."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

# The load average may exceed the cores by this much: the measuring program itself, and rounding.
SLACK = 0.5
QUIET, BUSY, UNKNOWN = "quiet", "busy", "unknown"


def average() -> float | None:
    """The load average of the last minute. It counts the whole machine."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def usable_cores(root: Path = Path("/")) -> float:
    """Cores that this process may use: its affinity mask, and the quotas of its control groups."""
    try:
        mask = len(os.sched_getaffinity(0))
    except AttributeError:
        mask = os.cpu_count() or 1
    return min(float(mask), _quota(root))


def _quota(root: Path) -> float:
    """The least quota from the process's own group up to the root; infinity without one."""
    least = math.inf
    for controllers, path in _groups(root):
        is_v2 = not controllers
        if not is_v2 and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" if is_v2 else root / "sys/fs/cgroup" / controllers
        level = top / path.lstrip("/")
        while True:
            least = min(least, _quota_of_v2(level) if is_v2 else _quota_of_v1(level))
            if level == top or top not in level.parents:
                break
            level = level.parent
    return least


def _groups(root: Path) -> list[tuple[str, str]]:
    lines = _text(root / "proc/self/cgroup").splitlines()
    parts = [line.split(":", 2) for line in lines]
    return [(part[1], part[2]) for part in parts if len(part) == 3]


def _quota_of_v2(level: Path) -> float:
    words = _text(level / "cpu.max").split()
    return _ratio(words[0], words[1]) if len(words) == 2 else math.inf


def _quota_of_v1(level: Path) -> float:
    return _ratio(_text(level / "cpu.cfs_quota_us"), _text(level / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float:
    try:
        return float(quota) / float(period) if float(quota) > 0 else math.inf
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def now() -> dict[str, Any]:
    """The load at this moment, for a judge() that comes later."""
    return {"load": average(), "cores": usable_cores()}


def judge(
    before: float | None, after: float | None, cores: float | None, own: float = 0
) -> dict[str, Any]:
    """What a record keeps. own: cores that the measured programs ask for; a study that asks for
    more than there are is no guest of its own. Without numbers the verdict is "unknown".
    """
    known = [load for load in (before, after) if is_number(load)]
    verdict = UNKNOWN
    if known and is_number(cores):
        verdict = BUSY if max(known) > max(cores, own) + SLACK else QUIET
    return {"load_before": before, "load_after": after, "usable_cores": cores, "load": verdict}


def worst(records: list[dict[str, Any]]) -> dict[str, Any]:
    """One record for several: the highest loads, the fewest cores, busy when one of them is."""
    verdicts = [record.get("load", UNKNOWN) for record in records]
    return {
        "load_before": _extreme(max, records, "load_before"),
        "load_after": _extreme(max, records, "load_after"),
        "usable_cores": _extreme(min, records, "usable_cores"),
        "load": next((one for one in (BUSY, UNKNOWN) if one in verdicts), QUIET)
        if verdicts
        else UNKNOWN,
    }


def _extreme(of: Any, records: list[dict[str, Any]], name: str) -> float | None:
    known = [record[name] for record in records if is_number(record.get(name))]
    return of(known) if known else None


def of_benchmarks(context: dict[str, Any]) -> dict[str, Any]:
    """Of Google Benchmark's context: the load when the process began."""
    averages = context.get("load_avg")
    first = averages[0] if isinstance(averages, list) and averages else None
    return judge(first, None, context.get("num_cpus"))


def note(record: dict[str, Any]) -> str:
    """Words for a table or a figure; "" when the record does not say busy."""
    if record.get("load") != BUSY:
        return ""
    highest = _extreme(max, [{"x": record.get(f"load_{end}")} for end in ("before", "after")], "x")
    cores = record.get("usable_cores")
    told = f": load {highest:.1f}" if highest is not None else ""
    return f"busy machine{told}" + (f" on {cores:g} cores" if told and is_number(cores) else "")


def number_of(word: str) -> float | None:
    """The number that a text holds; None when it holds none, or one that is not finite."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


if __name__ == "__main__":  # for the job scripts
    print(f"{usable_cores():g}")
