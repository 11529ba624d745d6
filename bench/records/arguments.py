"""Command lines of the Python tools: mistakes are told in three lines, and numbers are checked
where their option is declared.
"""

from __future__ import annotations

import argparse
import math
import re
import shlex
from collections.abc import Callable
from typing import Any, NoReturn

from records.errors import Refusal

DIGITS = 9  # no count of these tools is longer


class Parser(argparse.ArgumentParser):
    """The description keeps its lines. A mistake is a Refusal."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        raise Refusal("the command line cannot be used", message, f"see {self.prog} --help")


def whole(least: int) -> Callable[[str], int]:
    """A decimal number of at least `least`: 010 is ten."""

    def number(word: str) -> int:
        text = word.strip()
        if not re.fullmatch(r"-?[0-9]+", text):
            raise argparse.ArgumentTypeError(f'"{word}" is no whole number')
        if len(text.lstrip("-0")) > DIGITS:
            raise argparse.ArgumentTypeError(f"{text} is too large")
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is too small: at least {least}")
        return int(text)

    return number


def real(least: float, below: float = math.inf) -> Callable[[str], float]:
    """A finite number from `least` to below `below`."""

    def number(word: str) -> float:
        text = word.strip()
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
            raise argparse.ArgumentTypeError(f'"{word}" is no number')
        if not least <= float(text) < below:
            upper = "" if below == math.inf else f" and below {below:g}"
            raise argparse.ArgumentTypeError(f"{text} must be at least {least:g}{upper}")
        return float(text)

    return number


def filled(word: str) -> str:
    """A word with something in it."""
    if not word.strip():
        raise argparse.ArgumentTypeError("an empty word")
    return word


def launcher(word: str) -> str:
    """The words that start MPI ranks; {ranks} is filled in."""
    try:
        shlex.split(word.format(ranks=1))
    except (LookupError, ValueError) as error:
        raise argparse.ArgumentTypeError(f'"{word}": only {{ranks}} is filled in') from error
    return word
