"""Do two results hold the same bits? Everything but times, memory and what belongs to one start of
the program.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# What a start of the program decides, not the run: who waited for whom, and where.
OWN_FACTS = {
    "ranks",
    "threads",
    "checkpoints",
    "checkpoint_seconds",
    "checkpoint_bytes",
    "client_rounds_per_second",
    "upload_bytes",
    "client_state_bytes",
    "training_seconds",
    "total_seconds",
    "setup_seconds",
}
# the identity of the program may differ: two builds are compared
OWN_ATTRIBUTES = {"provenance", "config", "identity"}
OWN_OPTIONS = {
    "resume",
    "checkpoint_every",
    "time_budget",
    "out",
    "overwrite",
    "threads",
    "save_every",
    "data",
}
# between ranks: another number of them moves other bytes
MOVED = {"traffic/moved_sum", "traffic/moved_gather"}
# a row a rank: what it did
WORK = "work/"
# the tables of a twin
TABLES = ("metrics", "traffic", "groups", "baselines", "facts")


def is_own(name: str) -> bool:
    section, _, rest = name.partition("/")
    if section == "time":
        return rest != "round"
    return name in MOVED or (
        section == "facts" and (rest in OWN_FACTS or rest.startswith("peak_memory"))
    )


def differences(path: str | Path, expected: str | Path) -> list[str]:
    """Names of what differs between two result files."""
    import h5py

    with h5py.File(path) as a, h5py.File(expected) as b:
        x, y = _datasets(a), _datasets(b)
        found = [
            name
            for name in sorted(x.keys() | y.keys())
            if not name.startswith(WORK)
            and (
                name not in x
                or name not in y
                or (
                    not is_own(name)
                    and (
                        x[name].dtype != y[name].dtype
                        or x[name].shape != y[name].shape
                        or x[name].tobytes() != y[name].tobytes()
                    )
                )
            )
        ]
        found += [
            "@" + name
            for name in sorted(a.attrs.keys() | b.attrs.keys())
            if name not in OWN_ATTRIBUTES and _text(a.attrs.get(name)) != _text(b.attrs.get(name))
        ]
        known = [json.loads(f.attrs.get("identity", "{}")) for f in (a, b)]
        found += [
            "identity." + part
            for part in ("data", "config")
            if all(known) and known[0][part] != known[1][part]
        ]
        options = [json.loads(f.attrs["config"]) for f in (a, b)]
        found += [
            "--" + name
            for name in options[0]
            if name not in OWN_OPTIONS and options[0][name] != options[1].get(name)
        ]
        lengths = [len(f["time/round_s"]) for f in (a, b)]
        return found + (
            [f"time/round_s: {lengths[0]} rounds, not {lengths[1]}"]
            if lengths[0] != lengths[1]
            else []
        )


def differences_of_twins(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """The same of two JSON twins, which hold no model. A twin has every digit of its numbers."""
    names = {f"{table}/{name}" for run in (a, b) for table in TABLES for name in run[table]}

    def value(run: dict[str, Any], name: str) -> Any:
        table, _, column = name.partition("/")
        return run[table].get(column)

    return [name for name in sorted(names) if not is_own(name) and value(a, name) != value(b, name)]


def _datasets(file: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    file.visititems(
        lambda name, object: found.update({name: object[()]}) if hasattr(object, "shape") else None
    )
    return found


def _text(value: Any) -> str:
    """Of an attribute: h5py gives bytes where the length is fixed."""
    return value.decode() if isinstance(value, bytes) else str(value)
