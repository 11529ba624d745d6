"""Verdicts on claims, from the numbers of runs of several seeds alone.

A number of a run is that of one seed; two runs are paired by their seeds. None: it diverged, or has
no such number.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOLDS, FAILS, UNDECIDED, NOT_RUN = "holds", "does not hold", "undecided", "not run"
MARGIN = 0.02  # a gain below this share is none
Numbers = list[float | None]


@dataclass(frozen=True)
class Verdict:
    word: str
    figures: str


def _known(numbers: Numbers) -> list[float]:
    return [number for number in numbers if number is not None]


def told(numbers: Numbers, scale: float = 100.0) -> str:
    """The mean, and the extremes over the seeds."""
    known = _known(numbers)
    lost = len(numbers) - len(known)
    words = f"{lost} of {len(numbers)} diverged" if lost else ""
    if not known:
        return words or "-"
    mean, low, high = (scale * one for one in (statistics.fmean(known), min(known), max(known)))
    text = f"{mean:.4g} ({low:.4g} to {high:.4g})"
    return f"{text}, {words}" if words else text


def _gains(a: Numbers, b: Numbers) -> list[float] | None:
    """a / b - 1 of every seed; None where a seed has none."""
    if any(x is None or y is None or y <= 0 for x, y in zip(a, b)):
        return None
    return [x / y - 1 for x, y in zip(a, b)]  # type: ignore[operator]


def higher(a: Numbers, b: Numbers, margin: float = MARGIN) -> Verdict:
    """It holds when the gain exceeds the margin with every seed, and fails when with none."""
    figures = f"{told(a)} against {told(b)}"
    if len(_known(a)) < len(a) and len(_known(b)) == len(b):
        return Verdict(FAILS, figures)
    gains = _gains(a, b)
    if gains is None:
        return Verdict(UNDECIDED, figures)
    mean = 100 * statistics.fmean(gains)
    figures += f", gain {mean:+.1f} % ({100 * min(gains):+.1f} to {100 * max(gains):+.1f})"
    above = sum(gain > margin for gain in gains)
    return Verdict(HOLDS if above == len(gains) else UNDECIDED if above else FAILS, figures)


def keeps(a: Numbers, b: Numbers, share: float) -> Verdict:
    """a is at least this share of b, with every seed."""
    return higher(a, b, share - 1.0 - 1e-12)


def only_under(verdicts: dict[str, Verdict]) -> Verdict:
    """One verdict over several protocols."""
    figures = "; ".join(f"{name}: {one.word}, {one.figures}" for name, one in verdicts.items())
    words = {one.word for one in verdicts.values()}
    if len(words) == 1:
        return Verdict(words.pop(), figures)
    good = [name for name, one in verdicts.items() if one.word == HOLDS]
    if good:
        return Verdict(f"holds only under {', '.join(good)}", figures)
    return Verdict(UNDECIDED, figures)


def middle(of_values: list[tuple[Any, Numbers]]) -> Verdict:
    """The best mean is of a value between the ends, and beats both ends with every seed."""
    figures = "; ".join(f"{value}: {told(numbers)}" for value, numbers in of_values)
    means = [statistics.fmean(_known(n)) if _known(n) else -1.0 for _, n in of_values]
    best = max(range(len(means)), key=means.__getitem__)
    if best in (0, len(means) - 1):
        return Verdict(FAILS, figures)
    peak = of_values[best][1]
    words = [higher(peak, of_values[end][1], 0.0).word for end in (0, -1)]
    return Verdict(HOLDS if set(words) == {HOLDS} else UNDECIDED, figures)


def bounded(a: Numbers, limit: float, is_least: bool, scale: float = 1.0) -> Verdict:
    """At least, or at most, a limit with every seed."""
    figures = f"{told(a, scale)}, {'least' if is_least else 'most'} {scale * limit:g}"
    known = _known(a)
    if len(known) < len(a):
        return Verdict(UNDECIDED, figures)
    good: Callable[[float], bool] = (lambda x: x >= limit) if is_least else (lambda x: x <= limit)
    count = sum(map(good, known))
    return Verdict(HOLDS if count == len(known) else UNDECIDED if count else FAILS, figures)


def larger_gain(first: tuple[Numbers, Numbers], second: tuple[Numbers, Numbers]) -> Verdict:
    """The gain of one pair exceeds that of another, with every seed."""
    gains = [_gains(*first), _gains(*second)]
    figures = " against ".join(
        "-" if one is None else f"gain {100 * statistics.fmean(one):+.1f} %" for one in gains
    )
    if gains[0] is None or gains[1] is None:
        return Verdict(UNDECIDED, figures)
    above = sum(x > y for x, y in zip(*gains))
    return Verdict(HOLDS if above == len(gains[0]) else UNDECIDED if above else FAILS, figures)
