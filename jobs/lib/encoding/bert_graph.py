"""A BERT encoder as an ONNX graph, from the weights of a sentence-transformers folder.

Input: input_ids and attention_mask, B×L. Output: last_hidden_state, B×L×width.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lib.encoding.graph import Graph
from lib.encoding.weights import Arrays

FAR = -1e9  # is added to the score of a token that is padding


class Bert:
    def __init__(self, config: dict[str, Any], weights: Arrays):
        self.graph = Graph()
        self.config = config
        self.weights = {name.removeprefix("bert."): array for name, array in weights.items()}
        self.heads = int(config["num_attention_heads"])
        self.width = int(config["hidden_size"])

    def build(self) -> bytes:
        graph = self.graph
        ids = graph.input("input_ids", ["batch", "length"], integer=True)
        mask = graph.input("attention_mask", ["batch", "length"], integer=True)
        x = self.embed(ids)
        bias = self.bias_of(mask)
        for layer in range(int(self.config["num_hidden_layers"])):
            x = self.layer(f"encoder.layer.{layer}", x, bias)
        return graph.bytes(x, "last_hidden_state", ["batch", "length", self.width])

    def embed(self, ids: str) -> str:
        graph, of = self.graph, "embeddings"
        words = graph.node("Gather", self.weight(f"{of}.word_embeddings.weight"), ids)
        # positions 0, 1, ... for as many tokens as there are
        length = graph.node("Shape", ids, start=1, end=2)
        zero, one = (graph.constant([value], "<i8") for value in (0, 1))
        table = self.weight(f"{of}.position_embeddings.weight")
        places = graph.node("Slice", table, zero, length, zero, one)
        kinds = graph.constant(self.weights[f"{of}.token_type_embeddings.weight"][0])
        both = graph.node("Add", graph.node("Add", words, places), kinds)
        return self.normalised(f"{of}.LayerNorm", both)

    def bias_of(self, mask: str) -> str:
        """0 for a token, FAR for padding, B×1×1×L."""
        graph = self.graph
        axes = graph.constant([1, 2], "<i8")
        wide = graph.node("Cast", graph.node("Unsqueeze", mask, axes), to=1)
        absent = graph.node("Sub", graph.constant(1.0), wide)
        return graph.node("Mul", absent, graph.constant(FAR))

    def layer(self, name: str, x: str, bias: str) -> str:
        graph = self.graph
        mixed = self.attention(f"{name}.attention", x, bias)
        x = self.normalised(f"{name}.attention.output.LayerNorm", graph.node("Add", mixed, x))
        wide = self.gelu(self.linear(f"{name}.intermediate.dense", x))
        back = self.linear(f"{name}.output.dense", wide)
        return self.normalised(f"{name}.output.LayerNorm", graph.node("Add", back, x))

    def attention(self, name: str, x: str, bias: str) -> str:
        graph, head = self.graph, self.width // self.heads
        cut = graph.constant([0, 0, self.heads, head], "<i8")
        query, key, value = (
            graph.node("Reshape", self.linear(f"{name}.self.{part}", x), cut)
            for part in ("query", "key", "value")
        )
        query = graph.node("Transpose", query, perm=[0, 2, 1, 3])
        key = graph.node("Transpose", key, perm=[0, 2, 3, 1])
        value = graph.node("Transpose", value, perm=[0, 2, 1, 3])
        scale = graph.constant(np.float32(head) ** -0.5)
        scores = graph.node("Mul", graph.node("MatMul", query, key), scale)
        shares = graph.node("Softmax", graph.node("Add", scores, bias), axis=-1)
        taken = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        joined = graph.node("Reshape", taken, graph.constant([0, 0, self.width], "<i8"))
        return self.linear(f"{name}.output.dense", joined)

    def gelu(self, x: str) -> str:
        """x · Φ(x), with the exact error function."""
        graph = self.graph
        root = graph.constant(np.float32(2) ** -0.5)
        share = graph.node("Erf", graph.node("Mul", x, root))
        half = graph.node("Mul", x, graph.constant(0.5))
        return graph.node("Mul", half, graph.node("Add", share, graph.constant(1.0)))

    def linear(self, name: str, x: str) -> str:
        product = self.graph.node(
            "MatMul", x, self.graph.constant(self.weights[f"{name}.weight"].T)
        )
        return self.graph.node("Add", product, self.weight(f"{name}.bias"))

    def normalised(self, name: str, x: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        epsilon = float(self.config.get("layer_norm_eps", 1e-12))
        return self.graph.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def weight(self, name: str) -> str:
        return self.graph.constant(self.weights[name])


def can_build(config: dict[str, Any]) -> bool:
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
    )
