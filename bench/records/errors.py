"""Errors of the Python tools: what is wrong, why, what to do, and exit code 2."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable

BAD_INPUT = 2


class Refusal(Exception):
    """Input that a tool cannot work with."""

    def __init__(self, problem: str, why: str, do: str):
        super().__init__(f"{problem}\n  why: {why}\n  do:  {do}")


def exit_with(main: Callable[[], int | None]) -> None:
    """Run main; print a Refusal as three lines on stderr and exit with 2."""
    try:
        code = main()
    except Refusal as refusal:
        print(f"fedfuse: error: {refusal}", file=sys.stderr)
        code = BAD_INPUT
    except BrokenPipeError:  # the reader closed the pipe
        sys.stderr.close()
        code = 0
    sys.exit(code or 0)


def meant(word: str, known: Iterable[str]) -> str:
    """Return ' (did you mean "x"?)' when a similar name is known, else ""."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f' (did you mean "{near[0]}"?)' if near else ""
