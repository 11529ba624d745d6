"""What a number belongs to: the hashes of its data set, its configuration and its program, which
fedfuse writes into every result. Every tool that combines or reuses numbers compares them here.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from records.errors import Refusal

PARTS = ("data", "config", "program")
# The options of fedfuse train that decide no bit of a result: its headings Files, Execution and
# Restart. A test compares this list with the program.
DECIDES_NOTHING = frozenset(
    (
        *("data", "out", "overwrite", "save_every"),
        *("uploads", "client_state", "memory_gib", "threads"),
        *("checkpoint_every", "resume", "time_budget"),
    )
)
NOT_RECORDED = "not recorded"


def identity_of(run: dict[str, Any]) -> dict[str, str]:
    """The three hashes of a result. A part that an older fedfuse did not record is ""."""
    recorded = run.get("identity") or {}
    return {part: str(recorded.get(part, "")) for part in PARTS}


def columns(run: dict[str, Any]) -> dict[str, str]:
    """The identity as columns of a table."""
    return {f"{part}_identity": value for part, value in identity_of(run).items()}


def short(value: str) -> str:
    """The digits that a message shows, as fedfuse shows them."""
    return value[:12] if value else NOT_RECORDED


def deciding(config: dict[str, Any], aside: Iterable[str] = ()) -> dict[str, Any]:
    """The options that decide bits, without those that are left aside."""
    left_out = DECIDES_NOTHING | set(aside)
    return {name: value for name, value in config.items() if name not in left_out}


def hash_of(value: Any) -> str:
    """SHA-256 of JSON with sorted names: for an effective configuration the hash of fedfuse."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Workload:
    """What was computed, apart from the program and the machine."""

    data: str = ""  # the identity of the data; "": not recorded
    facts: dict[str, Any] = field(default_factory=dict)  # they stand for it where it is missing
    settings: dict[str, Any] = field(default_factory=dict)

    def other_data(self, other: Workload) -> list[str]:
        if self.data and other.data:
            same = self.data == other.data
            return [] if same else [f"data {short(self.data)} | {short(other.data)}"]
        return _other_values(self.facts, other.facts, "data ")

    def differences(self, other: Workload) -> list[str]:
        """In words, A | B; [] when they are the same, as far as both are recorded."""
        return self.other_data(other) + _other_values(self.settings, other.settings)


def workload(run: dict[str, Any], aside: Iterable[str] = ("seed",)) -> Workload:
    """Of a result of fedfuse train."""
    return Workload(
        identity_of(run)["data"], dict(run.get("data", {})), deciding(run["config"], aside)
    )


def _other_values(a: dict[str, Any], b: dict[str, Any], of: str = "") -> list[str]:
    """A name that one side lacks is no difference: options are added over the years."""
    return [
        f"{of}{name} {a[name]} | {b[name]}"
        for name in a
        if name in b and not same_value(a[name], b[name])
    ]


def same_value(a: Any, b: Any) -> bool:
    numbers = [isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b)]
    return math.isclose(a, b, rel_tol=1e-12) if all(numbers) else a == b


def head_rate(config: dict[str, Any], _: int) -> float:
    views = config["fusion"].split("+")[0]
    return {"mlp": 0.01, "fedvlr": 0.1}.get(views, 0.3)


def item_rate(config: dict[str, Any], items: int) -> float:
    return 0.1 if config.get("item_update", "mean") == "counts" else config.get("lr", 0) * items


def item_server_rate(config: dict[str, Any], _: int) -> float:
    in_score = config["fusion"].endswith("group-prior") and config["distill_as"] == "prior"
    return 1.0 if in_score else 8.0


# What the program puts in the place of -1 (src/clients/local_round.cpp), by the number of items.
DEFAULT_RATES = {
    "lr": head_rate,
    "lr_items": item_rate,
    "lr_items_server": item_server_rate,
}


# What the program fills in.
FILLED_IN = (("device", "auto"), ("adjacency", "auto"), ("delta", 0))


def other_settings(asked: dict[str, Any], run: dict[str, Any]) -> list[str]:
    """The options of a run that differ from what was asked, in words. The program fills in a rate
    of -1 and the device `auto`.
    """
    config, found = run["config"], []
    for given, value in asked.items():
        name = given.replace("-", "_")
        if name in DECIDES_NOTHING or (name, value) in FILLED_IN:
            continue
        wanted = value
        if value == -1 and name in DEFAULT_RATES:
            wanted = DEFAULT_RATES[name](config, run.get("data", {}).get("items", 0))
        if name not in config or not same_value(config[name], wanted):
            found.append(f"{name} is {config.get(name, NOT_RECORDED)}, not {wanted}")
    return found


def ask_data(program: str | Path, data: str | Path) -> str:
    """The identity of a data set, as the program finds it now."""
    return _asked(program, ["info", str(data)], "data")


def ask_program(program: str | Path) -> str:
    """The identity of the program itself."""
    return _asked(program, ["--version"], "program")


def ask_config(program: str | Path, toml: str) -> dict[str, Any]:
    """All options that decide bits, as the program understands a TOML text."""
    import tomllib

    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(toml)
        file.flush()
        said = _say(program, ["train", "--config", file.name, "--dump-config"])
    return deciding(tomllib.loads(said))


def _asked(program: str | Path, words: list[str], part: str) -> str:
    found = re.search(rf"^ *identity of {part} +([0-9a-f]{{64}})$", _say(program, words), re.M)
    if found is None:
        raise Refusal(
            f"{program} names no identity",
            f"`{' '.join(words)}` has no line `identity of {part}`: it is another program, or an "
            "older fedfuse",
            "build fedfuse again, or give another --program",
        )
    return found[1]


def _say(program: str | Path, words: list[str]) -> str:
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Refusal(
            f"{program} cannot be started",
            error.strerror or str(error),
            "build it, or give --program",
        ) from error
    if done.returncode != 0:
        raise Refusal(
            f"{program} {words[0]} failed, so finished runs cannot be checked",
            done.stderr.strip().replace("\n", "; ") or f"exit code {done.returncode}",
            "correct what it says; it must run on this machine, too",
        )
    return done.stdout
