"""Descriptions of machines: jobs/systems/*.json, checked against the table below."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from records.errors import Refusal, meant

FOLDER = Path(__file__).resolve().parent.parent / "systems"
PLACES = {"nodes", "ranks", "ranks_per_node", "threads", "gpus"}


@dataclass(frozen=True)
class Key:
    kind: type
    meaning: str
    default: Any = None  # None: must be given


# The schema: `jobs/submit.py --describe-system` prints it.
KEYS = {
    "name": Key(str, "what the system is called in tables"),
    "description": Key(str, "one sentence", ""),
    "scheduler": Key(
        str,
        "slurm: jobs go to sbatch; local: they run in a shell of this machine, one after the other",
    ),
    "launcher": Key(
        str,
        "what starts the ranks; {nodes} {ranks} {ranks_per_node} {threads} {gpus} are filled in. "
        "It must leave binding to jobs/bind.sh",
    ),
    "cores_per_node": Key(int, "cores that ranks x threads of a node may take"),
    "gpus_per_node": Key(int, "GPUs of a node", 0),
    "nodes": Key(int, "most nodes a job may ask for; 0: no limit", 0),
    "oversubscribe": Key(
        bool, "more ranks than cores are allowed, and marked in every table", False
    ),
    "partition": Key(str, "SLURM partition of CPU jobs; empty: the default one", ""),
    "gpu_partition": Key(str, "SLURM partition of GPU jobs; empty: as partition", ""),
    "account": Key(str, "SLURM account; empty: the default one", ""),
    "time_limit": Key(str, "SLURM time limit of a job", "01:00:00"),
    "gpu_request": Key(str, "sbatch option that asks for GPUs", "--gpus-per-node={gpus}"),
    "sbatch": Key(list, "more sbatch options", []),
    "modules": Key(list, "environment modules to load", []),
    "setup": Key(list, "shell lines after the modules; $root/jobs holds submit.py", []),
    "environment": Key(dict, "variables to export", {}),
}


@dataclass(frozen=True)
class System:
    path: Path
    values: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    def is_local(self) -> bool:
        return self.values["scheduler"] == "local"


def known_systems() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> System:
    """name: a file, or the name of one in jobs/systems."""
    path = Path(name)
    if not path.is_file():
        path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise Refusal(
            f'there is no system "{name}"',
            f"neither {name} nor {path} is a file",
            f"give a file, or one of: {', '.join(known_systems())}{meant(name, known_systems())}",
        )
    try:
        values = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Refusal(
            f"{path} is not JSON", str(error), "correct it; jobs/systems/generic.json is an example"
        ) from error
    return System(path, check(values, str(path)))


def check(values: Any, source: str) -> dict[str, Any]:
    """The values with defaults filled in. The Refusal names every mistake."""
    if not isinstance(values, dict):
        raise Refusal(
            f"{source} does not hold an object",
            "a system is a JSON object of names and values",
            "see jobs/systems/generic.json",
        )
    mistakes = [f'unknown key "{key}"{meant(key, KEYS)}' for key in values if key not in KEYS]
    mistakes += [
        f'"{name}" is missing'
        for name, key in KEYS.items()
        if key.default is None and name not in values
    ]
    mistakes += [
        f'"{name}" must be of type {KEYS[name].kind.__name__}'
        for name, value in values.items()
        if name in KEYS and not _has_kind(value, KEYS[name].kind)
    ]
    if not mistakes:
        mistakes = _check_values(values)
    if mistakes:
        raise Refusal(
            f"{source} does not describe a system",
            "; ".join(mistakes),
            "correct it; `jobs/submit.py --describe-system` lists every key",
        )
    return {name: values.get(name, key.default) for name, key in KEYS.items()}


def _has_kind(value: Any, kind: type) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if kind is list:
        return isinstance(value, list) and all(isinstance(word, str) for word in value)
    if kind is dict:
        return isinstance(value, dict) and all(isinstance(word, str) for word in value.values())
    return isinstance(value, kind)


def _check_values(values: dict[str, Any]) -> list[str]:
    mistakes = []
    if values["scheduler"] not in ("slurm", "local"):
        mistakes.append(f'"scheduler" is "{values["scheduler"]}", and can be slurm or local')
    if values["cores_per_node"] < 1:
        mistakes.append('"cores_per_node" must be at least 1')
    for name in ("launcher", "gpu_request"):
        try:
            unknown = {
                place
                for _, place, _, _ in string.Formatter().parse(values.get(name, ""))
                if place is not None
            } - PLACES
        except ValueError as error:
            mistakes.append(f'"{name}": {error}')
            continue
        mistakes += [f'"{name}" has an unknown place {{{place}}}' for place in sorted(unknown)]
    for name in values.get("environment", {}):
        if not name.isidentifier():
            mistakes.append(f'"environment" has "{name}", which no shell can export')
    return mistakes


def describe() -> str:
    lines = []
    for name, key in KEYS.items():
        default = "must be given" if key.default is None else f"default {json.dumps(key.default)}"
        lines.append(f"{name:<16} {key.kind.__name__:<5} {key.meaning} ({default})")
    return "\n".join(lines)
