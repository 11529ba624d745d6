"""Files that the Python tools write: never over an input, and whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from records.errors import Refusal, cannot_write


def check(out: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse an output that is one of the inputs, by any spelling, or that cannot be written."""
    for path in inputs:
        if _is_same(out, path):
            raise Refusal(
                f"{out} cannot be written", f"it is the input {path}", "give another name"
            )
    folder = out.absolute().parent
    why = (
        "it is a folder"
        if out.is_dir()
        else f"there is no folder {folder}"
        if not folder.is_dir()
        else "its folder may not be written"
        if _is_own(out) and not os.access(folder, os.W_OK | os.X_OK)
        else "it may not be written"
        if out.exists() and not os.access(out, os.W_OK)
        else ""
    )
    if why:
        raise Refusal(f"{out} cannot be written", why, "give another name, or correct the folder")


def write(out: Path, save: Callable[[Path], object], inputs: Iterable[Path] = ()) -> None:
    """Call save with a temporary name beside `out`, then give the file its name. A device or a pipe
    is written directly.
    """
    check(out, inputs)
    if not _is_own(out):
        save(out)
        return
    partial = out.with_name(f".{secrets.token_hex(4)}.{out.name}")
    try:
        save(partial)
        partial.replace(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(out: Path, text: str, inputs: Iterable[Path] = ()) -> None:
    write(out, lambda file: file.write_text(text), inputs)


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """A column for every name in the rows; a number that a row lacks, or None, is an empty cell."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refusal(f"{folder} cannot be used", "it may not be written", "give another folder")


def _is_own(out: Path) -> bool:
    """A file of the disk, or a name that is free."""
    return out.is_file() or not out.exists()


def _is_same(out: Path, path: Path) -> bool:
    try:
        return out.samefile(path)
    except OSError:  # one of them does not exist
        return out.resolve() == path.resolve()
