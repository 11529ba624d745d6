"""Errors of the Python tools: what is wrong, why, what to do, and exit code 2."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

BAD_INPUT = 2
INTERRUPTED = 130  # as a shell reports SIGINT


class Refusal(Exception):
    """Input that a tool cannot work with."""

    def __init__(self, problem: str, why: str, do: str):
        super().__init__(f"{problem}\n  why: {why}\n  do:  {do}")


def exit_with(main: Callable[[], int | None]) -> None:
    """Run main; print a Refusal as three lines on stderr and exit with 2. Standard output that
    cannot be written is an error, except when its reader closed the pipe.
    """
    try:
        code = main() or 0
        sys.stdout.flush()
    except Refusal as refusal:
        code = _say(refusal)
    except BrokenPipeError:
        code = 0
        _drop_output()
    except KeyboardInterrupt:
        code = INTERRUPTED
        print("fedfuse: interrupted", file=sys.stderr)
    except OSError as error:
        code = _say(cannot_write(error.filename or "standard output", error))
        _drop_output()
    sys.exit(code)


def _say(refusal: Refusal) -> int:
    print(f"fedfuse: error: {refusal}", file=sys.stderr)
    return BAD_INPUT


def _drop_output() -> None:
    """What is still in the buffer of standard output goes nowhere at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def cannot_write(name: object, error: OSError) -> Refusal:
    return Refusal(
        f"{name} cannot be used",
        error.strerror or str(error),
        "check the name, its folder, their permissions and the free space",
    )


@contextmanager
def reading(source: object, kind: str) -> Iterator[None]:
    """Inside, what a record lacks or holds in another type is a Refusal that names the record."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Refusal(
            f"{source} is not a whole {kind}",
            f"a field is missing or of another type: {type(error).__name__}: {error}",
            "give a file that the suite wrote whole",
        ) from error


def meant(word: str, known: Iterable[str]) -> str:
    """Return ' (did you mean "x"?)' when a similar name is known, else ""."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f' (did you mean "{near[0]}"?)' if near else ""
