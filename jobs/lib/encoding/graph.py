"""Building an ONNX graph node by node, from arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

OPSET = 17  # has LayerNormalization


class Graph:
    """Nodes in the order in which they run; every value has a name."""

    def __init__(self) -> None:
        from onnx import helper

        self._helper = helper
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []

    def input(self, name: str, shape: list[Any], integer: bool = False) -> str:
        from onnx import TensorProto

        kind = TensorProto.INT64 if integer else TensorProto.FLOAT
        self._inputs.append(self._helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, values: Any, kind: str = "<f4") -> str:
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        array = np.ascontiguousarray(values, dtype=kind)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def bytes(self, output: str, name: str, shape: list[Any]) -> bytes:
        """Return the model; its output gets this name."""
        from onnx import TensorProto

        self._nodes.append(self._helper.make_node("Identity", [output], [name]))
        graph = self._helper.make_graph(
            self._nodes,
            "fedfuse",
            self._inputs,
            [self._helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
            self._constants,
        )
        opset = [self._helper.make_opsetid("", OPSET)]
        model = self._helper.make_model(graph, opset_imports=opset, ir_version=8)
        return bytes(model.SerializeToString())
