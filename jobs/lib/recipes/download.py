"""Files as a person downloads them: plain, gzip, zip, or the unpacked folder of an archive.

Everything that cannot be read is a Refusal with the file and, where there is one, the line.
"""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from records.errors import Refusal

AGAIN = "download it again, and compare its size with that of the page"
BROKEN = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError)


@dataclass(frozen=True)
class Source:
    """One file to read, in an archive or not; `label` names it in messages."""

    label: str
    open: Callable[[], Any]  # a binary file

    def lines(self, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
        """Yield the number of each line, from 1, and its text without the end."""
        number = 0
        with broken_is_refused(self.label), self.open() as file:
            for line in file:
                number += 1
                try:
                    text = line.decode(encoding)
                except UnicodeDecodeError as error:
                    raise self.refusal(
                        number, f"it is not {encoding}: {error.reason} at byte {error.start}", AGAIN
                    ) from error
                if "\0" in text:
                    raise self.refusal(number, "it holds a zero byte", AGAIN)
                text = text.rstrip("\r\n")
                yield number, text.lstrip("\ufeff") if number == 1 else text

    def refusal(self, line: int, why: str, do: str) -> Refusal:
        return Refusal(f"{self.label}, line {line} cannot be used", why, do)


@contextmanager
def broken_is_refused(label: str) -> Iterator[None]:
    """Inside, a truncated or damaged archive and a failed read are a Refusal."""
    try:
        yield
    except BROKEN as error:
        raise Refusal(
            f"{label} cannot be read", f"it is truncated or damaged: {error}", AGAIN
        ) from error
    except OSError as error:
        raise Refusal(
            f"{label} cannot be read", error.strerror or str(error), "check the name and the disk"
        ) from error


def check_exists(path: Path, what: str) -> None:
    if not path.exists():
        raise Refusal(f"{path} cannot be read", "there is no such file", what)


def file_source(path: Path, what: str) -> Source:
    """One file, plain or gzip, or the only one in a zip."""
    check_exists(path, what)
    if path.is_dir():
        raise Refusal(f"{path} cannot be read", "it is a folder, not a file", what)
    with broken_is_refused(str(path)):
        with path.open("rb") as file:
            start = file.read(4)
        if start[:2] == b"\x1f\x8b":
            return Source(str(path), lambda: gzip.open(path, "rb"))
        if start != b"PK\x03\x04":
            return Source(str(path), lambda: path.open("rb"))
    members = _zip_members(path)
    if len(members) != 1:
        raise Refusal(f"{path} cannot be used", f"it holds {len(members)} files, not one", what)
    return next(iter(members.values()))


def members(path: Path, what: str) -> dict[str, Source]:
    """The files of a zip, or of the folder that it unpacks to, by their names in the archive."""
    check_exists(path, what)
    if not path.is_dir():
        return _zip_members(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {
        f"{path.resolve().name}/{file.relative_to(path).as_posix()}": Source(
            str(file), _opener(file)
        )
        for file in files
    }


def _opener(file: Path) -> Callable[[], Any]:
    return lambda: file.open("rb")


def _member_opener(archive: zipfile.ZipFile, name: str) -> Callable[[], Any]:
    return lambda: archive.open(name)


def _zip_members(path: Path) -> dict[str, Source]:
    with broken_is_refused(str(path)):
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise zipfile.BadZipFile(f"{error} ({path.stat().st_size:,} bytes)") from error
        names = [name for name in archive.namelist() if not name.endswith("/")]
    return {name: Source(f"{path}: {name}", _member_opener(archive, name)) for name in names}


def member(files: dict[str, Source], path: Path, name: str, what: str) -> Source:
    if name not in files:
        some = ", ".join(list(files)[:4]) or "nothing"
        raise Refusal(f"{path} cannot be used", f"it has no {name}; it has {some}", what)
    return files[name]


@dataclass(frozen=True)
class Digests:
    size: int
    md5: str
    sha256: str


def digests(path: Path) -> Digests:
    md5, sha256, size = hashlib.md5(), hashlib.sha256(), 0
    with broken_is_refused(str(path)), path.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha256.update(block)
            size += len(block)
    return Digests(size, md5.hexdigest(), sha256.hexdigest())
