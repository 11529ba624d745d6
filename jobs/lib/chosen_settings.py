"""chosen.json of a study: the settings that its search chose, and what they were chosen on."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.search import Cell
from records import identity
from records.errors import Refusal
from records.readers import read_json

# The parts of a study that its search reads.
SEARCHED = ("common", "backbones", "fusions", "search")


def write(path: Path, cells: list[Cell], study: dict[str, Any], data: str) -> None:
    """The options by backbone/fusion, and how they were found. data: the data's identity."""
    document = {
        **{cell.name: cell.best.own for cell in cells},
        "search": {cell.name: cell.summary() for cell in cells},
        "identity": _identity(study, data),
    }
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


@dataclass(frozen=True)
class Chosen:
    """options: by backbone/fusion. searched: what the search says about each; {}: an older file."""

    options: dict[str, Any]
    searched: dict[str, Any]

    def where(self, cell: str) -> str:
        """Where in the grid the options of a cell lie; "" where the file does not say."""
        known = self.searched.get(cell)
        if not isinstance(known, dict):
            return ""
        if known.get("settings") != self.options[cell]:
            return "edited"
        edges = ", ".join(f"{option} {end}" for option, end in known.get("edge", {}).items())
        return f"{known.get('status')}: {edges}" if edges else str(known.get("status"))


def read(path: Path, study: dict[str, Any], data: str) -> Chosen:
    """Refusal when the options were chosen on other data, or by the search of another study."""
    chosen = read_json(path)
    if not isinstance(chosen, dict):
        chosen = {}
    then, now = chosen.pop("identity", None), _identity(study, data)
    searched = chosen.pop("search", {})
    found = Chosen(chosen, searched if isinstance(searched, dict) else {})
    if then is None:
        print(f"NOTE: {path} does not say what its settings were chosen on", file=sys.stderr)
        return found
    for part, what in (("data", "data set"), ("study", "search of the study")):
        if then.get(part) != now[part]:
            raise Refusal(
                f"the settings in {path} were chosen by another search",
                f"the {what} is another one: {identity.short(then.get(part, ''))} there and "
                f"{identity.short(now[part])} here",
                'search again (--stage all), or remove "identity" there to use them as they are',
            )
    return found


def _identity(study: dict[str, Any], data: str) -> dict[str, str]:
    return {"data": data, "study": identity.hash_of({name: study[name] for name in SEARCHED})}
