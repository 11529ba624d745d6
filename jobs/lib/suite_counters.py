"""Counters of the processes that a run starts, as `perf stat` shows them: Linux's perf_event_open.

Every process on this machine counts, the launcher too, from its start to its end; only what runs in
user mode. A process that a launcher's service starts, or another node, does not count.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import Any

HARDWARE, SOFTWARE = 0, 1
# name: type and configuration of include/uapi/linux/perf_event.h
EVENTS = {
    "cpu_seconds": (SOFTWARE, 1),
    "page_faults": (SOFTWARE, 2),
    "context_switches": (SOFTWARE, 3),
    "cycles": (HARDWARE, 0),
    "instructions": (HARDWARE, 1),
    "cache_misses": (HARDWARE, 3),
}
CALLS = {"x86_64": 298, "aarch64": 241}
ATTRIBUTE_BYTES = 112
INHERITED, USER_MODE_ONLY = 1 << 1, (1 << 5) | (1 << 6)  # the kernel and a hypervisor left out
CLOSED_ON_EXEC = 1 << 3
WHY = {
    errno.ENOENT: "this machine shows no such counter",
    errno.EACCES: "not permitted; see sysctl kernel.perf_event_paranoid",
    errno.EPERM: "not permitted; a container forbids perf_event_open",
}
TIMES = 0b11  # how long it was enabled, and how long it counted


def open_event(kind: int, configuration: int) -> int:
    """The file of a counter of this process and of all that it starts from now on."""
    call = CALLS.get(platform.machine())
    if call is None:
        raise OSError(0, f"perf_event_open is not known on {platform.machine()}")
    flags = INHERITED | (USER_MODE_ONLY if kind == HARDWARE else 0)
    head = struct.pack("IIQQQQQ", kind, ATTRIBUTE_BYTES, configuration, 0, 0, TIMES, flags)
    attribute = ctypes.create_string_buffer(head.ljust(ATTRIBUTE_BYTES, b"\0"), ATTRIBUTE_BYTES)
    library = ctypes.CDLL(None, use_errno=True)
    file = int(library.syscall(call, attribute, 0, -1, -1, CLOSED_ON_EXEC))
    if file < 0:
        number = ctypes.get_errno()
        raise OSError(number, WHY.get(number, os.strerror(number)))
    return file


class Counters:
    """Counts from its making to record(). A counter that does not exist or is not permitted is
    None, and `counters_skipped` says why; so is one that shared its register with another.
    """

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.why_not: dict[str, str] = {}
        for name, event in EVENTS.items():
            try:
                self.files[name] = open_event(*event)
            except (OSError, AttributeError) as error:
                self.why_not[name] = getattr(error, "strerror", None) or str(error)

    def record(self) -> dict[str, Any]:
        """After the processes have ended: a child's counts arrive with its end."""
        found: dict[str, float | None] = dict.fromkeys(EVENTS)
        for name, file in self.files.items():
            count, enabled, counted = struct.unpack("QQQ", os.read(file, 24))
            os.close(file)
            if counted < enabled:
                self.why_not[name] = "it shared its register with another counter"
                continue
            found[name] = count * 1e-9 if name == "cpu_seconds" else count
        self.files = {}
        reasons: dict[str, list[str]] = {}
        for name, why in self.why_not.items():
            reasons.setdefault(why, []).append(name)
        skipped = "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())
        return {"counters": found, "counters_skipped": skipped}


def of_all(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums over several runs; a counter that one of them lacks has none."""
    sums: dict[str, float | None] = {}
    for name in EVENTS:
        values = [one["counters"][name] for one in records]
        sums[name] = None if None in values or not values else sum(values)
    skipped = sorted({one["counters_skipped"] for one in records if one["counters_skipped"]})
    return {"counters": sums, "counters_skipped": "; ".join(skipped)}
