"""The data sets of the suite: `fedfuse generate` makes them; every use checks them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lib import generated
from records import identity, outputs
from records.errors import Refusal
from records.readers import read_json

FORMAT, VERSION = "fedfuse-suite-data", 1


def data_set(program: Path, folder: Path, name: str, generate: dict[str, Any]) -> tuple[Path, str]:
    """The file of a class and the identity of its content. Made when it is not there, or was made
    with other options. Refusal when the file is no longer the one that was made.
    """
    outputs.make_folder(folder)
    file, note = folder / f"{name}.h5", folder / f"{name}.json"
    if file.exists() and note.exists():
        made = read_json(note)
        _check_version(note, made)
        if made.get("generate") == generate:
            return file, _checked(program, file, made)
    print(f"making {file}", file=sys.stderr)
    note.unlink(missing_ok=True)
    generated.make(program, generate, file)
    known = identity.ask_data(program, file)
    text = {
        "format": FORMAT,
        "schema_version": VERSION,
        "generate": generate,
        "identity": known,
        "bytes": file.stat().st_size,
    }
    outputs.write_text(note, json.dumps(text, indent=1) + "\n")
    return file, known


def _check_version(note: Path, made: Any) -> None:
    if not isinstance(made, dict) or (made.get("format"), made.get("schema_version")) != (
        FORMAT,
        VERSION,
    ):
        raise Refusal(
            f"{note} is not of this suite",
            f"it is no {FORMAT} of version {VERSION}",
            "remove it, or give another --cache",
        )


def _checked(program: Path, file: Path, made: dict[str, Any]) -> str:
    try:
        known = identity.ask_data(program, file)
    except Refusal as refusal:
        raise _changed(file, "it can no longer be read as a data set") from refusal
    if known != made.get("identity"):
        told = f"{identity.short(known)}, not {identity.short(str(made.get('identity', '')))}"
        raise _changed(file, f"its content has the identity {told}")
    return known


def _changed(file: Path, why: str) -> Refusal:
    return Refusal(
        f"the cached data set {file} was changed",
        why,
        f"remove {file} to have it made again, or give another --cache",
    )
