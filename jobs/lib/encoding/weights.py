"""Weights as they are published, read without the library that wrote them: safetensors, and the
files of torch.save before 1.6 (a pickle, then the raw numbers).
"""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from records.errors import Refusal

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
SAFE_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8", "HalfStorage": "<f2"}
AGAIN = "install the package again, or give another model"

Arrays = dict[str, np.ndarray]


def read_safetensors(path: Path) -> Arrays:
    """A length (8 bytes), a JSON header, and the raw numbers."""
    try:
        raw = path.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + size])
        header.pop("__metadata__", None)
        found = {}
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            block = raw[8 + size + start : 8 + size + end]
            values = np.frombuffer(block, dtype=SAFE_TYPES[entry["dtype"]])
            found[name] = values.reshape(entry["shape"])
        return found
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Refusal(f"{path} cannot be read", f"no safetensors: {error!r}", AGAIN) from error


class _Pickled(pickle.Unpickler):
    """Knows tensors and dictionaries, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, start, shape, strides, *_: (key, start, shape, strides)
        if module == "torch" and name in STORAGES:
            return name
        raise pickle.UnpicklingError(f"it holds {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        kind, storage, key, *_ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"it holds a {kind}")
        return (STORAGES[storage], key)


def read_torch(path: Path) -> Arrays:
    try:
        with path.open("rb") as file:
            if _Pickled(file).load() != TORCH_MAGIC:
                raise ValueError("it is no file of torch.save before 1.6")
            _Pickled(file).load()  # the version
            _Pickled(file).load()  # the machine
            tensors = _Pickled(file).load()
            types = {key: storage for (storage, key), *_ in tensors.values()}
            numbers = {}
            for key in _Pickled(file).load():
                count = int.from_bytes(file.read(8), "little")
                size = count * np.dtype(types[key]).itemsize
                numbers[key] = np.frombuffer(file.read(size), dtype=types[key], count=count)
        return {name: _array(numbers, *tensor) for name, tensor in tensors.items()}
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise Refusal(f"{path} cannot be read", f"no weights: {error!r}", AGAIN) from error


def _array(
    numbers: dict[str, np.ndarray],
    storage: tuple[str, str],
    start: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
) -> np.ndarray:
    values = numbers[storage[1]][start:]
    last = sum((size - 1) * stride for size, stride in zip(shape, strides))
    if min((*shape, *strides, 1)) < 1 or last >= len(values):
        raise ValueError(f"a tensor of shape {shape} and strides {strides} leaves its storage")
    steps = [stride * values.itemsize for stride in strides]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values, shape, steps))
