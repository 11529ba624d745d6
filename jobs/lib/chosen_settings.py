"""chosen.json of a study: the settings that its search chose, and what they were chosen on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from records import identity
from records.errors import Refusal
from records.readers import read_json

# The parts of a study that its search reads.
SEARCHED = ("common", "backbones", "fusions", "search")


def write(path: Path, chosen: dict[str, Any], study: dict[str, Any], data: str) -> None:
    """chosen: options by backbone/fusion. data: the identity of the data set."""
    document = {**chosen, "identity": _identity(study, data)}
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def read(path: Path, study: dict[str, Any], data: str) -> dict[str, Any]:
    """The options by backbone/fusion. Refusal when they were chosen on other data, or by the search
    of another study.
    """
    chosen = read_json(path)
    then, now = chosen.pop("identity", None), _identity(study, data)
    if then is None:
        print(f"NOTE: {path} does not say what its settings were chosen on", file=sys.stderr)
        return chosen
    for part, what in (("data", "data set"), ("study", "search of the study")):
        if then.get(part) != now[part]:
            raise Refusal(
                f"the settings in {path} were chosen by another search",
                f"the {what} is another one: {identity.short(then.get(part, ''))} there and "
                f"{identity.short(now[part])} here",
                'search again (--stage all), or remove "identity" there to use them as they are',
            )
    return chosen


def _identity(study: dict[str, Any], data: str) -> dict[str, str]:
    return {"data": data, "study": identity.hash_of({name: study[name] for name in SEARCHED})}
