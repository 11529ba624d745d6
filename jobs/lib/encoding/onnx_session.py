"""An ONNX model on the CPU, and which of its inputs and outputs are meant."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from records.errors import Refusal

FLOATS = ("tensor(float)", "tensor(float16)")


def sha256_of(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


class Session:
    """Raises a Refusal that names `label` for everything that the runtime says."""

    def __init__(self, model: bytes | Path, label: str, threads: int):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # waiting threads leave the cores to others
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.label = label
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = ort.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime has a dozen exceptions of its own
            raise self.refusal(f"the runtime does not load it: {_short(error)}") from error
        self.inputs = {one.name: one for one in self._session.get_inputs()}
        self.outputs = {one.name: one for one in self._session.get_outputs()}

    def refusal(self, why: str) -> Refusal:
        return Refusal(f"{self.label} cannot be used", why, "give another model")

    def shown_inputs(self) -> str:
        return ", ".join(f"{one.name} {one.type} {one.shape}" for one in self.inputs.values())

    def output_of(self, preferred: Sequence[str]) -> str:
        for name in preferred:
            if name in self.outputs:
                return name
        return next(iter(self.outputs))

    def run(self, output: str, values: dict[str, np.ndarray]) -> Any:
        try:
            return self._session.run([output], values)[0]
        except Exception as error:
            raise self.refusal(f"it fails on a batch: {_short(error)}") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
