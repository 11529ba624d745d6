"""What the suite reads of the machine: its description, its free memory, its energy counters."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from records import load

POWERCAP = Path("/sys/class/powercap")
CGROUP = Path("/sys/fs/cgroup")


def describe() -> dict[str, Any]:
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "usable_cores": load.usable_cores(),
        "memory_bytes": _kilobytes("MemTotal") * 1024,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def free_memory() -> float:
    """Bytes that this machine and the control group of a container can still give."""
    free = float(_kilobytes("MemAvailable") * 1024)
    limit, used = (_number(CGROUP / f"memory.{name}") for name in ("max", "current"))
    return min(free, limit - used) if limit is not None and used is not None else free


def _field(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    found = (line.partition(":")[2] for line in lines if line.partition(":")[0].strip() == name)
    return next(found, "").strip()


def _kilobytes(name: str) -> int:
    words = _field("/proc/meminfo", name).split()
    return int(words[0]) if words else 0


def _number(file: Path) -> float | None:
    try:
        return load.number_of(file.read_text().strip())
    except OSError:
        return None


@dataclass(frozen=True)
class Counter:
    """A package of the processor; its counter begins again at `most`."""

    file: Path
    most: float
    start: float


class Energy:
    """Joules of the processor packages since it was made: RAPL through powercap. The whole machine
    is measured, other programs included.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self.counters: list[Counter] = []
        self.why_not = ""
        packages = sorted(powercap.glob("intel-rapl:[0-9]"))
        if not packages:
            self.why_not = f"{powercap} has no intel-rapl package"
        for package in packages:
            file = package / "energy_uj"
            now, most = _number(file), _number(package / "max_energy_range_uj")
            if now is None or most is None:
                self.why_not = f"{file} cannot be read: {_why_unreadable(file)}"
                self.counters = []
                return
            self.counters.append(Counter(file, most, now))

    def record(self) -> dict[str, Any]:
        if not self.counters:
            return {"energy_joules": None, "energy_skipped": self.why_not}
        joules = 0.0
        for counter in self.counters:
            now = _number(counter.file)
            if now is None:
                return {"energy_joules": None, "energy_skipped": f"{counter.file} is gone"}
            joules += (now - counter.start) % (counter.most + 1) * 1e-6
        return {"energy_joules": joules}


def _why_unreadable(file: Path) -> str:
    if not file.exists():
        return "no such file"
    return "only root may" if os.geteuid() != 0 else "no number is in it"
