"""The files beside a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from records.errors import Refusal


def first_of(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def json_of(path: Path) -> Any:
    """An empty dictionary where the file is absent."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise Refusal(f"{path} is not JSON", str(error), "copy the model again") from error


def check_there(path: Path) -> None:
    if not path.exists():
        raise Refusal(f"{path} cannot be read", "there is no such file", "name a model")
