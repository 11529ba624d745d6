"""A folder that only sentence-transformers can load, such as CLIP without ONNX files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from lib.encoding.packages import version_of
from records.errors import Refusal


class LibraryModel:
    """Texts or pictures to rows, B×d, on the CPU."""

    def __init__(self, folder: Path, name: dict[str, Any]):
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise Refusal(
                f"{folder} cannot be used",
                "it has no ONNX model and no weights of a BERT, and this Python has no "
                f"sentence-transformers ({error})",
                "give a folder with onnx/model.onnx, or pip install sentence-transformers",
            ) from error
        try:
            self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        except Exception as error:  # the library has no exception of its own
            said = " ".join(str(error).split())[:200]
            raise Refusal(
                f"{folder} cannot be used",
                f"sentence-transformers does not load it: {said}",
                "give another model",
            ) from error
        self.description = {
            **name,
            "model_sha256": _digest(folder),
            "library": f"sentence-transformers {version_of('sentence-transformers')}",
        }

    def prepare(self, value: Any) -> Any:
        return value

    def encode(self, values: list[Any]) -> np.ndarray:
        rows = self._model.encode(
            values, batch_size=len(values), convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(rows, dtype=np.float32)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
