"""Batches of rows that are kept on the disk, so that a run that was ended goes on.

The folder OUT.partial/KIND-KEY has one file a batch; KEY is a hash of all that the rows depend on.
Batches are cut by position, so that a run that goes on has the same ones as one that does not stop.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lib.encoding.pictures import Broken
from lib.encoding.progress import Progress
from records import outputs
from records.errors import Refusal, cannot_write

FORMAT = 1


class Model(Protocol):
    description: dict[str, Any]

    def prepare(self, value: Any) -> Any: ...

    def encode(self, values: list[Any]) -> np.ndarray: ...


@dataclass
class Rows:
    """Of n inputs, in their order: the rows of those that could be encoded, and why others not."""

    values: np.ndarray  # n×d float32; zeros where `has` is false
    has: np.ndarray  # n
    why: list[str]  # n; empty where `has`


class Batches:
    def __init__(self, out: Path, kind: str, key: Any, size: int):
        text = json.dumps([FORMAT, kind, size, key], sort_keys=True)
        self.kind, self.size = kind, size
        name = f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self.folder = out.with_name(f"{out.name}.partial") / name
        outputs.make_folder(self.folder)

    def run(
        self, inputs: Sequence[Any], read: Callable[[Any], Any], model: Model, unit: bool
    ) -> Rows:
        """`read` raises Broken for an input that cannot be encoded."""
        progress = Progress(self.kind, len(inputs))
        parts = []
        for start in range(0, len(inputs), self.size):
            batch = inputs[start : start + self.size]
            file = self.folder / f"{start // self.size:06}.npz"
            part = self._kept(file, len(batch))
            if part is None:
                part = encode_batch(batch, read, model, unit)
                self._keep(file, part)
                progress.done(len(batch))
            else:
                progress.kept(len(batch))
            parts.append(part)
        progress.end()
        return joined(parts, self.kind)

    def _kept(self, file: Path, wanted: int) -> Rows | None:
        """A batch of an earlier run; None when there is none, or it is damaged."""
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
                part = Rows(found["values"], found["has"], found["why"].tolist())
        except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile):
            return None
        fits = len(part.values) == len(part.has) == len(part.why) == wanted
        return part if fits and np.isfinite(part.values).all() else None

    def _keep(self, file: Path, part: Rows) -> None:
        partial = file.with_name(f".{secrets.token_hex(4)}.npz")
        try:
            np.savez(partial, values=part.values, has=part.has, why=np.array(part.why, dtype=str))
            partial.replace(file)
        except OSError as error:
            raise cannot_write(file, error) from error
        finally:
            partial.unlink(missing_ok=True)


def encode_batch(
    batch: Sequence[Any], read: Callable[[Any], Any], model: Model, unit: bool
) -> Rows:
    why, prepared = [], []
    for one in batch:
        try:
            prepared.append(model.prepare(read(one)))
            why.append("")
        except Broken as broken:
            why.append(str(broken))
    has = np.array([not reason for reason in why])
    if not prepared:
        return Rows(np.zeros((len(batch), 0), np.float32), has, why)
    rows = np.asarray(model.encode(prepared), dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(prepared) or rows.shape[1] == 0:
        raise _bad_model(model, f"it gives {rows.shape} for {len(prepared)} inputs, not rows")
    if not np.isfinite(rows).all():
        raise _bad_model(model, "it gives numbers that are not finite")
    values = np.zeros((len(batch), rows.shape[1]), np.float32)
    values[has] = of_unit_length(rows) if unit else rows
    for place in np.flatnonzero(has & ~values.any(axis=1)):
        has[place], why[place] = False, "the model gives zeros for it"
    return Rows(values, has, why)


def of_unit_length(rows: np.ndarray) -> np.ndarray:
    """Rows of zeros stay."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def joined(parts: Sequence[Rows], kind: str) -> Rows:
    """A batch without any row has no width of its own."""
    widths = {part.values.shape[1] for part in parts if part.has.any()}
    if len(widths) != 1:
        raise Refusal(
            f"there is no {kind} to encode",
            "none of the inputs could be used"
            if not widths
            else f"the model gives rows of {sorted(widths)} numbers",
            f"the first reason: {next((w for part in parts for w in part.why if w), 'none')}",
        )
    width = widths.pop()
    values = np.zeros((sum(len(part.has) for part in parts), width), np.float32)
    has = np.concatenate([part.has for part in parts])
    start = 0
    for part in parts:
        rows = values[start : start + len(part.has)]
        if part.has.any():
            rows[part.has] = part.values[part.has]
        start += len(part.has)
    return Rows(values, has, [why for part in parts for why in part.why])


def _bad_model(model: Model, why: str) -> Refusal:
    return Refusal(f"{model.description.get('model')} cannot be used", why, "give another model")
