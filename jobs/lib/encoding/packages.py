"""The environment of encode.py: which of its packages are there, and in which version."""

from __future__ import annotations

import importlib.util
from importlib import metadata
from pathlib import Path

from records.errors import Refusal

REQUIREMENTS = Path(__file__).resolve().parents[2] / "data" / "requirements-encode.txt"


def version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def folder_of(module: str) -> Path | None:
    """Where a package is, without running it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


def need(*modules: str) -> None:
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    if absent:
        raise Refusal(
            "encode.py cannot start",
            f"this Python has no {', '.join(absent)}",
            f"python3 -m venv build/encode && build/encode/bin/pip install --no-deps -r "
            f"{REQUIREMENTS}, then start it with build/encode/bin/python",
        )
