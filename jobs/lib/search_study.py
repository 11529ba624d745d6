"""The study that jobs/studies/study.py runs: its keys and their checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib import search_grid
from lib.search_grid import Axis
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
    "early-stop": bool,
}
SEARCH_KEYS = {
    "protocol": str,
    "seed": int,
    "trials": int,
    "grid": dict,
    "extend": int,
    "fusions": dict,
    "backbones": dict,
}
PLAN_KEYS = {"trials": int, "grid": dict, "fixed": dict, "from": str}
STEPS_BEYOND_AN_EDGE = 2
# No run of a study ends before this round, unless the study says "early-stop": true. Plain
# backbones stay at the popularity ranking for tens of rounds before they learn.
FIRST_EARLY_STOP = 100


def load(path: Path, trials: int | None = None) -> dict[str, Any]:
    """The study, with its optional parts filled in. trials: in place of all that the study names.
    The Refusal names every mistake.
    """
    values = read_json(path)
    found = _of_object("the study", values, KEYS, ("name", "common", "early-stop"))
    if not found:
        found = _of_lists(values) + _of_search(values)
    if found:
        raise Refusal(
            f"{path} does not describe a study",
            "; ".join(found),
            "correct it; jobs/studies/example.json is an example",
        )
    if trials is not None:
        values["search"]["trials"] = trials
        for plan in values["search"]["fusions"].values():
            plan.pop("trials", None)
    return {"common": {}, **values}


def axes_of(study: dict[str, Any], fusion: str, backbone: str) -> dict[str, Axis]:
    """The axes of a cell: those common to all fusions, its fusion's, and its backbone's."""
    search = study["search"]
    grid = {
        **search.get("grid", {}),
        **search["fusions"][fusion].get("grid", {}),
        **search.get("backbones", {}).get(backbone, {}),
    }
    return {option: search_grid.axis(given) for option, given in grid.items()}


def trials_of(study: dict[str, Any], fusion: str) -> int:
    search = study["search"]
    return int(search["fusions"][fusion].get("trials", search.get("trials", 0)))


def steps_beyond(study: dict[str, Any]) -> int:
    return int(study["search"].get("extend", STEPS_BEYOND_AN_EDGE))


def unequal_trials(study: dict[str, Any]) -> str:
    """A note where the fusions have different numbers of trials; "" where they have the same."""
    counts = {fusion: trials_of(study, fusion) for fusion in study["fusions"]}
    if len(set(counts.values())) == 1:
        return ""
    return "the fusions have different numbers of trials: " + ", ".join(
        f"{fusion} {count}" for fusion, count in counts.items()
    )


def _of_object(
    name: str, values: Any, keys: dict[str, type], optional: tuple[str, ...]
) -> list[str]:
    if not isinstance(values, dict):
        return [f"{name} is no JSON object"]
    found = [
        f'{name} has the unknown key "{key}"{meant(key, keys)}' for key in values if key not in keys
    ]
    for key, kind in keys.items():
        if key not in values and key not in optional:
            found.append(f'{name} has no "{key}"')
        elif key in values and not _is_of(kind, values[key]):
            found.append(f'"{key}" of {name} is not of type {kind.__name__}')
    return found


def _is_of(kind: type, value: Any) -> bool:
    """In JSON, true is no number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _of_lists(values: dict[str, Any]) -> list[str]:
    found = [
        f'"{key}" is empty'
        for key in ("backbones", "fusions", "protocols", "seeds")
        if not values[key]
    ]
    for key in ("backbones", "fusions", "protocols"):
        found += [
            f'"{key}" holds {one!r}, which is no name'
            for one in values[key]
            if not isinstance(one, str) or not one
        ]
    found += [
        f'"seeds" holds {one!r}, which is no whole number'
        for one in values["seeds"]
        if not isinstance(one, int) or isinstance(one, bool) or one < 0
    ]
    for key in ("backbones", "fusions", "protocols", "seeds"):
        if len(set(map(repr, values[key]))) < len(values[key]):
            found.append(f'"{key}" holds a value twice')
    return found


def _of_search(values: dict[str, Any]) -> list[str]:
    search = values["search"]
    optional = ("backbones", "trials", "grid", "extend")
    found = _of_object('"search"', search, SEARCH_KEYS, optional)
    if found:
        return found
    if search.get("trials", 1) < 1:
        found.append(f'"search" has {search["trials"]} trials, and needs at least 1')
    if search.get("extend", 0) < 0:
        found.append(f'"extend" of "search" is {search["extend"]}, and must be at least 0')
    common = search_grid.mistakes('the grid of "search"', search.get("grid", {}))
    if common:
        return [*found, *common]
    for number, fusion in enumerate(values["fusions"]):
        if fusion in search["fusions"]:
            found += _of_plan(search, fusion, values["fusions"][:number])
        else:
            found.append(f'"search" has no plan of "{fusion}"')
    for backbone, grid in search.get("backbones", {}).items():
        found += search_grid.mistakes(f'the grid of "{backbone}"', grid)
    return found


def _of_plan(search: dict[str, Any], fusion: str, earlier: list[str]) -> list[str]:
    name, plan = f'the plan of "{fusion}"', search["fusions"][fusion]
    found = _of_object(name, plan, PLAN_KEYS, ("trials", "grid", "fixed", "from"))
    if found:
        return found
    if "trials" not in plan and "trials" not in search:
        found.append(f'{name} has no "trials", and "search" has none for all fusions')
    if plan.get("trials", 1) < 1:
        found.append(f"{name} has {plan['trials']} trials, and needs at least 1")
    found += search_grid.mistakes(name, {**search.get("grid", {}), **plan.get("grid", {})})
    if "from" in plan and plan["from"] not in earlier:
        found.append(f'{name} starts from "{plan["from"]}", which is no earlier fusion')
    return found


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
