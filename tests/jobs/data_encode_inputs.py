#!/usr/bin/env python3
"""data_encode_inputs.py FOLDER items|models   Made in the Python of encode.py, for its tests.

items: items.csv with 20 titles, and a folder of 20 pictures. models: ONNX models whose rows can be
computed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / part) for part in ("jobs", "bench")]
from lib.encoding.graph import Graph  # noqa: E402  (the path comes first)

THINGS = ("red apple", "green pear", "fast car", "slow train", "small cat")
WORDS = {"[PAD]": 0, "[UNK]": 1, "one": 2, "two": 3}


def patterns() -> list[np.ndarray]:
    """Five that have little in common, 96×96×3."""
    y, x = np.mgrid[0:96, 0:96]
    white = np.ones(3, int)
    disc = np.where((x - 48) ** 2 + (y - 48) ** 2 < 900, 230, 20)
    return [
        ((x + y) // 16 % 2)[:, :, None] * np.array([220, 40, 40]),
        (x // 6 % 2 * 220)[:, :, None] * white,
        ((x // 24 + y // 24) % 2)[:, :, None] * np.array([30, 200, 90]),
        np.stack([disc, disc, 0 * x + 250], axis=2),
        np.stack([2 * y, 190 - y, x], axis=2),
    ]


def pictures(folder: Path) -> None:
    """Items k, k + 5, ... have one pattern, brighter and in another format."""
    folder.mkdir()
    for k in range(20):
        pixels = np.clip(patterns()[k % 5] + k, 0, 255).astype(np.uint8)
        image = Image.fromarray(pixels)
        image.save(folder / f"i{k}{('.jpg', '.png', '.webp')[k % 3]}")


def items(folder: Path) -> None:
    titles = [f"i{k},A {THINGS[k % 5]},{('for', 'on')[k % 2]} the road" for k in range(20)]
    (folder / "items.csv").write_text("itemId,title,about\n" + "\n".join(titles) + "\n")
    pictures(folder / "covers")


def models(folder: Path) -> None:
    """image.onnx: the mean of each colour, from B×3×8×6. text: a row for each word, [k, k²]."""
    graph = Graph()
    pixels = graph.input("pixel_values", ["batch", 3, 8, 6])
    pooled = graph.node("GlobalAveragePool", pixels)
    (folder / "image.onnx").write_bytes(graph.bytes(pooled, "map", ["batch", 3, 1, 1]))
    text = folder / "text"
    text.mkdir()
    graph = Graph()
    ids = graph.input("input_ids", ["batch", "length"], integer=True)
    graph.input("attention_mask", ["batch", "length"], integer=True)
    table = graph.constant([[k, k * k] for k in range(len(WORDS))])
    rows = graph.node("Gather", table, ids)
    made = graph.bytes(rows, "last_hidden_state", ["batch", "length", 2])
    (text / "model.onnx").write_bytes(made)
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
    }
    (text / "tokenizer.json").write_text(json.dumps(tokenizer))


if __name__ == "__main__":
    {"items": items, "models": models}[sys.argv[2]](Path(sys.argv[1]))
