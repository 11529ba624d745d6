"""EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946, without squeeze-and-excitation) as an ONNX
graph up to the pooled features.

Input: pixels, B×3×224×224. Output: features, B×1280.
"""

from __future__ import annotations

import numpy as np

from lib.encoding.graph import Graph
from lib.encoding.weights import Arrays

SIZE, WIDTH = 224, 1280
EPSILON = 1e-3  # of the batch normalisation
# repeats, kernel, stride of the first, expansion, channels
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Lite:
    def __init__(self, weights: Arrays):
        self.graph = Graph()
        self.weights = weights

    def build(self) -> bytes:
        graph = self.graph
        x = graph.input("pixels", ["batch", 3, SIZE, SIZE])
        x = self.bounded(self.convolved("_conv_stem", "_bn0", x, stride=2))
        number, channels = 0, 32
        for repeats, _, first_stride, expansion, wanted in BLOCKS:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                y = self.block(f"_blocks.{number}", x, stride, expansion > 1)
                x = graph.node("Add", y, x) if stride == 1 and channels == wanted else y
                number, channels = number + 1, wanted
        x = self.bounded(self.convolved("_conv_head", "_bn1", x))
        pooled = graph.node("Flatten", graph.node("GlobalAveragePool", x))
        return graph.bytes(pooled, "features", ["batch", WIDTH])

    def block(self, name: str, x: str, stride: int, expands: bool) -> str:
        if expands:
            x = self.bounded(self.convolved(f"{name}._expand_conv", f"{name}._bn0", x))
        deep = self.convolved(f"{name}._depthwise_conv", f"{name}._bn1", x, stride, deep=True)
        return self.convolved(f"{name}._project_conv", f"{name}._bn2", self.bounded(deep))

    def convolved(self, name: str, norm: str, x: str, stride: int = 1, deep: bool = False) -> str:
        """A convolution whose kernel and bias contain the batch normalisation after it."""
        kernel = self.weights[f"{name}.weight"].astype(np.float64)
        mean, spread = (self.weights[f"{norm}.running_{key}"] for key in ("mean", "var"))
        scale = self.weights[f"{norm}.weight"] / np.sqrt(spread.astype(np.float64) + EPSILON)
        bias = self.weights[f"{norm}.bias"] - mean * scale
        return self.graph.node(
            "Conv",
            x,
            self.graph.constant(kernel * scale[:, None, None, None]),
            self.graph.constant(bias),
            strides=[stride, stride],
            group=kernel.shape[0] if deep else 1,
            kernel_shape=list(kernel.shape[2:]),
            auto_pad="SAME_UPPER",
        )

    def bounded(self, x: str) -> str:
        """ReLU6."""
        return self.graph.node("Clip", x, self.graph.constant(0.0), self.graph.constant(6.0))
