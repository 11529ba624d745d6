"""Folders that are written whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from records import outputs
from records.errors import Refusal, cannot_write


def check(out: Path, mark: str, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse a name that is taken. Only a folder with the file `mark`, which these tools wrote, may
    be replaced, and only when no input is in it.
    """
    for path in inputs:
        if out.resolve() in (path.resolve(), *path.resolve().parents):
            raise Refusal(
                f"{out} cannot be written", f"the input {path} is in it", "give another name"
            )
    if out.name in ("", ".."):
        raise Refusal(f'"{out}" cannot be written', "it names no folder", "name a new one")
    if not out.exists() and not out.is_symlink():
        outputs.make_folder(out.absolute().parent)
        return
    if not (out.is_dir() and (out / mark).is_file()):
        raise Refusal(
            f"{out} cannot be written",
            f"it exists, and is no folder that this tool wrote (it has no {mark})",
            "give another name",
        )
    if not overwrite:
        raise Refusal(
            f"{out} cannot be written", "it exists", "give another name, or add --overwrite"
        )


@contextmanager
def whole_folder(out: Path, mark: str, overwrite: bool) -> Iterator[Path]:
    """Give a hidden folder beside `out`, which gets its name once everything is written."""
    check(out, mark, overwrite)
    hidden = out.absolute().with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        hidden.mkdir()
        yield hidden
        replace(hidden, out)
    except OSError as error:
        raise cannot_write(error.filename or out, error) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def replace(new: Path, out: Path) -> None:
    """Give `new` the name `out`; an older folder of that name goes."""
    old = out.absolute().with_name(f".{out.name}.{secrets.token_hex(4)}.old")
    if out.exists():
        out.rename(old)
    try:
        new.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
