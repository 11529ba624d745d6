"""The generator of the oracle's inputs, written out, so that no library can change its numbers.

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): state += 0x9E3779B97F4A7C15, then two rounds of
xor-shift and multiply, all modulo 2^64. Each case has a stream of its own: the start is the FNV-1a
hash (64 bits) of the case's name, so a new case changes no other.

    below(n)          word mod n (the bias, n / 2^64, does not matter here)
    grid(shape, s)    s (2 k + 1 - 2^12) / 2^12 with k the word's upper 12 bits: uniform in (-s, s)

With s a power of two every number of a grid is exact in float32 and never 0. A program that trains
in float32 thus starts from the same inputs, and the file compresses.
"""

from __future__ import annotations

import numpy as np

WORD = (1 << 64) - 1
GRID_BITS = 12


def fnv1a(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & WORD
    return value


class Draws:
    def __init__(self, name: str) -> None:
        self.state = fnv1a(name)

    def word(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & WORD
        value = self.state
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & WORD
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB & WORD
        return value ^ (value >> 31)

    def below(self, n: int, shape: tuple[int, ...] = ()) -> np.ndarray:
        count = int(np.prod(shape, dtype=np.int64))
        values = [self.word() % n for _ in range(count)]
        return np.array(values, dtype=np.int64).reshape(shape)

    def grid(self, shape: int | tuple[int, ...], scale: float) -> np.ndarray:
        sizes = (shape,) if isinstance(shape, int) else shape
        count = int(np.prod(sizes, dtype=np.int64))
        steps = [2 * (self.word() >> (64 - GRID_BITS)) + 1 - (1 << GRID_BITS) for _ in range(count)]
        return np.array(steps, dtype=np.float64).reshape(sizes) * (scale / (1 << GRID_BITS))
