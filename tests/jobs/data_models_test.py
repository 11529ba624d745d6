#!/usr/bin/env python3
"""What jobs/data/encode.py does around its models: weights are read without the library that wrote
them, folders go to sentence-transformers where nothing else can load them, and a Python without its
packages is told.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import types
import unittest
import unittest.mock
from collections import OrderedDict
from pathlib import Path
from typing import Any

from tool import ROOT, ToolTest

try:
    import numpy as np

    from lib.encoding.library_model import LibraryModel
    from lib.encoding.weights import TORCH_MAGIC, read_safetensors, read_torch
except ImportError:
    np = None

from records.errors import Refusal

ENCODE = "jobs/data/encode.py"


class Tensor:
    """Pickled as torch pickles a tensor: a call, and the id of its storage."""

    def __init__(self, key: str, start: int, shape: tuple[int, ...], strides: tuple[int, ...]):
        self.state = (Storage(key), start, shape, strides)


class Storage:
    def __init__(self, key: str):
        self.key = key


class Touch:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


def torch_names() -> dict[str, types.ModuleType]:
    """Modules with the names that a file of torch.save refers to."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*_: Any) -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
    )
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    return {"torch": torch, "torch._utils": utils}


def torch_file(tensors: dict[str, Tensor], storages: dict[str, Any]) -> bytes:
    """Like torch.save before 1.6: magic, version, machine, tensors, keys, raw numbers."""
    modules = torch_names()
    sizes = {key: len(values) for key, values in storages.items()}

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            if not isinstance(value, Storage):
                return None
            kind, key = modules["torch"].FloatStorage, value.key
            return ("storage", kind, key, "cpu", sizes[key], None)

        def reducer_override(self, value: Any) -> Any:
            if not isinstance(value, Tensor):
                return NotImplemented
            rebuild = modules["torch._utils"]._rebuild_tensor_v2
            return (rebuild, (*value.state, False, OrderedDict()))

    written = io.BytesIO()
    with unittest.mock.patch.dict(sys.modules, modules):
        for value in (TORCH_MAGIC, 1001, {"little_endian": True}):
            pickle.dump(value, written, protocol=2)
        Pickler(written, protocol=2).dump(OrderedDict(tensors))
        pickle.dump(list(storages), written, protocol=2)
    for values in storages.values():
        written.write(len(values).to_bytes(8, "little") + np.float32(values).tobytes())
    return written.getvalue()


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class Weights(ToolTest):
    def file(self, content: bytes) -> Path:
        path = self.folder / "weights"
        path.write_bytes(content)
        return path

    def test_safetensors(self) -> None:
        header = {
            "__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
            "b": {"dtype": "F16", "shape": [2], "data_offsets": [8, 12]},
        }
        text = json.dumps(header).encode()
        numbers = np.float32([1, 2]).tobytes() + np.float16([3, 4]).tobytes()
        whole = len(text).to_bytes(8, "little") + text + numbers
        found = read_safetensors(self.file(whole))
        self.assertEqual(found["a"].tolist(), [[1], [2]])
        self.assertEqual(found["b"].tolist(), [3, 4])
        for content in (whole[:-3], whole[:20], b""):
            with self.assertRaisesRegex(Refusal, "no safetensors"):
                read_safetensors(self.file(content))

    def test_torch_with_strides(self) -> None:
        tensors = {
            "rows": Tensor("one", 0, (2, 3), (3, 1)),
            "columns": Tensor("one", 0, (3, 2), (1, 3)),
            "part": Tensor("two", 1, (2,), (1,)),
        }
        whole = torch_file(tensors, {"one": [0, 1, 2, 3, 4, 5], "two": [7, 8, 9]})
        found = read_torch(self.file(whole))
        self.assertEqual(found["rows"].tolist(), [[0, 1, 2], [3, 4, 5]])
        self.assertEqual(found["columns"].tolist(), [[0, 3], [1, 4], [2, 5]])
        self.assertEqual(found["part"].tolist(), [8, 9])
        for content in (whole[:-3], whole[:40], b"no pickle"):
            with self.assertRaisesRegex(Refusal, "no weights"):
                read_torch(self.file(content))
        beyond = torch_file({"x": Tensor("one", 0, (2, 3), (3, 1))}, {"one": [1, 2, 3]})
        with self.assertRaisesRegex(Refusal, "leaves its storage"):
            read_torch(self.file(beyond))

    def test_code_in_a_pickle_is_not_run(self) -> None:
        made = self.folder / "made"
        for start in (b"", pickle.dumps(TORCH_MAGIC) * 3):
            content = start + pickle.dumps(Touch(made))
            with self.assertRaisesRegex(Refusal, "no weights"):
                read_torch(self.file(content))
            self.assertFalse(made.exists())


@unittest.skipIf(np is None, "no numpy (python3-numpy)")
class Library(ToolTest):
    """A stand-in for sentence-transformers."""

    def model(self) -> Any:
        class Loaded:
            def __init__(self, folder: str, **_: Any):
                self.folder = folder

            def encode(self, values: list[Any], **_: Any) -> Any:
                return np.array([[len(value), 1] for value in values], dtype=np.float64)

        stand_in = types.ModuleType("sentence_transformers")
        stand_in.SentenceTransformer = Loaded
        with unittest.mock.patch.dict(sys.modules, sentence_transformers=stand_in):
            return LibraryModel(self.folder / "clip", {"model": "clip"})

    def test_rows_and_description(self) -> None:
        self.write("clip/config.json", "{}")
        model = self.model()
        rows = model.encode([model.prepare("ab"), "abc"])
        self.assertEqual((rows.dtype, rows.tolist()), (np.float32, [[2, 1], [3, 1]]))
        self.assertEqual(model.description, self.model().description)
        self.write("clip/weights", "other")
        self.assertNotEqual(model.description, self.model().description)

    def test_a_folder_that_it_does_not_load(self) -> None:
        stand_in = types.ModuleType("sentence_transformers")
        stand_in.SentenceTransformer = lambda *_, **__: 1 / 0
        with (
            unittest.mock.patch.dict(sys.modules, sentence_transformers=stand_in),
            self.assertRaisesRegex(Refusal, "sentence-transformers does not load it"),
        ):
            LibraryModel(self.folder / "clip", {})


class WithoutItsEnvironment(ToolTest):
    def test_it_says_how_to_make_one(self) -> None:
        line = [sys.executable, "-c", "import onnxruntime"]
        if not subprocess.run(line, capture_output=True, check=False).returncode:
            self.skipTest("this Python has onnxruntime")
        items = self.write("items.csv", "itemId,title\na,b\n")
        said = self.run_tool(ENCODE, "--items", items, "--out", self.folder / "out", code=2)
        self.assertRegex(said, r"this Python has no .*onnxruntime")
        self.assertIn("pip install --no-deps -r", said)
        named = Path(said.split(" -r ")[1].split(",")[0])
        self.assertTrue(named.is_file(), named)
        self.assertFalse((self.folder / "out").exists())

    def test_nothing_to_encode(self) -> None:
        words = ["--items", self.folder / "x", "--out", self.folder / "y", "--text-model", "none"]
        self.assertIn("there is nothing to encode", self.run_tool(ENCODE, *words, code=2))

    def test_it_can_be_started(self) -> None:
        self.assertTrue(os.access(ROOT / ENCODE, os.X_OK))


if __name__ == "__main__":
    unittest.main()
