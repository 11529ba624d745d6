"""Where an encoding stands: a line of a terminal; elsewhere a line every half minute."""

from __future__ import annotations

import sys
import time

EVERY = 30.0  # seconds


class Progress:
    def __init__(self, kind: str, total: int):
        self.kind, self.total = kind, total
        self.encoded = self.found = 0
        self._start = self._told = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def kept(self, count: int) -> None:
        self.found += count

    def done(self, count: int) -> None:
        self.encoded += count
        now = time.monotonic()
        if now - self._told >= (0.2 if self._terminal else EVERY):
            self._told = now
            self._tell(now)

    def _tell(self, now: float) -> None:
        at = self.encoded + self.found
        rate = self.encoded / max(now - self._start, 1e-9)
        left = (self.total - at) / rate
        line = f"{self.kind}: {at:,} of {self.total:,}, {rate:.0f} a second, {left:.0f} s left"
        if self._terminal:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        if self.found:
            print(f"{self.kind}: {self.found:,} were encoded by an earlier run", file=sys.stderr)
