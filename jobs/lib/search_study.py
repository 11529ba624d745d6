"""The study that jobs/studies/study.py runs: its keys and their checks."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

from records.errors import Refusal, meant
from records.readers import read_json

KEYS = {
    "name": str,
    "common": dict,
    "backbones": list,
    "fusions": list,
    "protocols": list,
    "seeds": list,
    "search": dict,
}
SEARCH_KEYS = {"protocol": str, "seed": int, "fusions": dict, "backbones": dict}
PLAN_KEYS = {"trials": int, "grid": dict, "fixed": dict, "from": str}


def load(path: Path) -> dict[str, Any]:
    """The study, with its optional parts filled in. The Refusal names every mistake."""
    values = read_json(path)
    mistakes = _of_object("the study", values, KEYS, ("name", "common"))
    if not mistakes:
        mistakes = _of_lists(values) + _of_search(values)
    if mistakes:
        raise Refusal(
            f"{path} does not describe a study",
            "; ".join(mistakes),
            "correct it; jobs/studies/example.json is an example",
        )
    return {"common": {}, **values}


def _of_object(
    name: str, values: Any, keys: dict[str, type], optional: tuple[str, ...]
) -> list[str]:
    if not isinstance(values, dict):
        return [f"{name} is no JSON object"]
    mistakes = [
        f'{name} has the unknown key "{key}"{meant(key, keys)}' for key in values if key not in keys
    ]
    for key, kind in keys.items():
        if key not in values and key not in optional:
            mistakes.append(f'{name} has no "{key}"')
        elif key in values and (not isinstance(values[key], kind) or isinstance(values[key], bool)):
            mistakes.append(f'"{key}" of {name} is not of type {kind.__name__}')
    return mistakes


def _of_lists(values: dict[str, Any]) -> list[str]:
    mistakes = [
        f'"{key}" is empty'
        for key in ("backbones", "fusions", "protocols", "seeds")
        if not values[key]
    ]
    for key in ("backbones", "fusions", "protocols"):
        mistakes += [
            f'"{key}" holds {one!r}, which is no name'
            for one in values[key]
            if not isinstance(one, str) or not one
        ]
    mistakes += [
        f'"seeds" holds {one!r}, which is no whole number'
        for one in values["seeds"]
        if not isinstance(one, int) or isinstance(one, bool) or one < 0
    ]
    return mistakes


def _of_search(values: dict[str, Any]) -> list[str]:
    search = values["search"]
    mistakes = _of_object('"search"', search, SEARCH_KEYS, ("backbones",))
    if mistakes:
        return mistakes
    for number, fusion in enumerate(values["fusions"]):
        name = f'the plan of "{fusion}"'
        if fusion not in search["fusions"]:
            mistakes.append(f'"search" has no plan of "{fusion}"')
            continue
        plan = search["fusions"][fusion]
        wrong = _of_object(name, plan, PLAN_KEYS, ("fixed", "from"))
        mistakes += wrong
        if wrong:
            continue
        if plan["trials"] < 1:
            mistakes.append(f"{name} has {plan['trials']} trials, and needs at least 1")
        mistakes += _of_grid(name, plan["grid"])
        if "from" in plan and plan["from"] not in values["fusions"][:number]:
            mistakes.append(f'{name} starts from "{plan["from"]}", which is no earlier fusion')
    for backbone, grid in search.get("backbones", {}).items():
        mistakes += _of_grid(f'the grid of "{backbone}"', grid)
    return mistakes


def _of_grid(name: str, grid: Any) -> list[str]:
    if not isinstance(grid, dict):
        return [f"{name} is no JSON object"]
    return [
        f'"{option}" of {name} is no list of values'
        for option, values in grid.items()
        if not isinstance(values, list) or not values
    ]


def trials(grid: dict[str, list[Any]], count: int, seed: str) -> list[dict[str, Any]]:
    """The defaults, then a reproducible sample of the grid without repetition."""
    points = [dict(zip(grid, values)) for values in itertools.product(*grid.values())]
    random.Random(seed).shuffle(points)
    return [{}, *points][:count]


def check_chosen(study: dict[str, Any], chosen: Any) -> None:
    """Every fusion and backbone of the final runs needs its settings."""
    known = chosen if isinstance(chosen, dict) else {}
    lacks = [
        f"{backbone}/{fusion}"
        for fusion in study["fusions"]
        for backbone in study["backbones"]
        if not isinstance(known.get(f"{backbone}/{fusion}"), dict)
    ]
    if lacks:
        raise Refusal(
            "the final runs have no settings",
            f"chosen.json has no {', '.join(lacks)}",
            "run --stage search first",
        )
