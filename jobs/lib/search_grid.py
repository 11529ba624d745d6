"""Axes of a search: their values and ends, the trials, and the steps beyond an edge."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

CLOSED = ("low", "high", "both")
AXIS_KEYS = ("values", "closed")
MOST_POINTS = 100_000
Settings = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """The values of one option: numbers in ascending order, or words."""

    values: tuple[Any, ...]
    closed: str = ""  # the ends beyond which no value makes sense

    @property
    def numeric(self) -> bool:
        return all(map(is_number, self.values))

    def is_closed(self, end: str) -> bool:
        """Zero is a closed end, too: no ratio leads beyond it."""
        return self.closed in (end, "both") or (end == "low" and self.values[0] == 0)

    def edge(self, value: Any) -> str:
        """The open end that a value lies on or beyond; "": none."""
        if not self.numeric or not is_number(value) or value < 0:
            return ""
        ends = [("low", value <= self.values[0]), ("high", value >= self.values[-1])]
        return next((end for end, there in ends if there and not self.is_closed(end)), "")

    def beyond(self, end: str, value: float) -> float | int | None:
        """The next value of the geometric progression beyond the edge and beyond value; None: there
        is none.
        """
        last, before = self.values[:2] if end == "low" else self.values[:-3:-1]
        if before == 0:
            return None
        ratio, further = last / before, last
        while (further >= min(value, last)) if end == "low" else (further <= max(value, last)):
            further *= ratio
        if not all(isinstance(one, int) for one in self.values):
            return float(f"{further:.4g}")
        whole = round(further)
        return whole if whole > 0 and whole != last else None

    def neighbours(self, value: Any) -> list[Any]:
        """The next value of the grid below and the one above."""
        if not self.numeric or not is_number(value) or value < 0:
            return []
        below = [one for one in self.values if one < value and not math.isclose(one, value)]
        above = [one for one in self.values if one > value and not math.isclose(one, value)]
        return below[-1:] + above[:1]

    def with_value(self, value: float) -> Axis:
        return replace(self, values=tuple(sorted({*self.values, value})))


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def axis(given: Any) -> Axis:
    """Of the study's words: a list, or {"values": list, "closed": end}."""
    values, closed = (
        (given["values"], given.get("closed", ""))
        if isinstance(given, dict)
        else (
            given,
            "",
        )
    )
    numeric = all(map(is_number, values))
    return Axis(tuple(sorted(values) if numeric else values), closed)


def mistakes(name: str, grid: Any) -> list[str]:
    if not isinstance(grid, dict):
        return [f"{name} is no JSON object"]
    found = [one for option, given in grid.items() for one in _of_axis(name, option, given)]
    if not found and points(_axes(grid)) > MOST_POINTS:
        found.append(f"{name} has {points(_axes(grid)):,} points, and {MOST_POINTS:,} are the most")
    return found


def _of_axis(name: str, option: str, given: Any) -> list[str]:
    what, values = f'"{option}" of {name}', given
    if isinstance(given, dict):
        unknown = [key for key in given if key not in AXIS_KEYS]
        if unknown:
            return [f'{what} has the unknown key "{unknown[0]}": the keys are values and closed']
        if given.get("closed", "low") not in CLOSED:
            return [f"{what} is closed at {given['closed']!r}, and can be at {', '.join(CLOSED)}"]
        values = given.get("values")
    if not isinstance(values, list) or not values:
        return [f"{what} is no list of values"]
    if not all(isinstance(one, (int, float, str, bool)) for one in values):
        return [f"{what} holds a value that is no number, no word and no flag"]
    if any(isinstance(one, float) and not math.isfinite(one) for one in values):
        return [f"{what} holds a number that is not finite"]
    if any(is_number(one) and one < 0 for one in values):
        return [f"{what} holds a negative number; the first trial takes the default without it"]
    if len(set(map(repr, values))) < len(values):
        return [f"{what} holds a value twice"]
    numeric = all(map(is_number, values))
    if numeric and len(values) < 2:
        return [f'{what} has one value, whose edge says nothing: give two, or move it to "fixed"']
    if isinstance(given, dict) and given.get("closed") and not numeric:
        return [f"{what} is closed, and words have no ends"]
    return []


def _axes(grid: dict[str, Any]) -> dict[str, Axis]:
    return {option: axis(given) for option, given in grid.items()}


def points(axes: dict[str, Axis]) -> int:
    return math.prod(len(one.values) for one in axes.values())


def trials(axes: dict[str, Axis], count: int, seed: str) -> list[Settings]:
    """The defaults, then a reproducible sample of the grid without repetition."""
    product = itertools.product(*(one.values for one in axes.values()))
    sample = [dict(zip(axes, values)) for values in product]
    random.Random(seed).shuffle(sample)
    return [{}, *sample][:count]


def edges(axes: dict[str, Axis], effective: Settings) -> dict[str, str]:
    """The axes whose value lies on an open end. effective: every option of the run, with the names
    of a record.
    """
    found = {option: one.edge(_value(effective, option)) for option, one in axes.items()}
    return {option: end for option, end in found.items() if end}


def steps_beyond(
    axes: dict[str, Axis], effective: Settings, accepts: Callable[[str, Any], bool]
) -> Iterator[tuple[str, Any]]:
    """The next value beyond every edge. accepts: whether the program takes it."""
    for option, end in edges(axes, effective).items():
        value = axes[option].beyond(end, _value(effective, option))
        if value is not None and accepts(option, value):
            yield option, value


def around(
    axes: dict[str, Axis], best: Settings, effective: Settings, option: str, value: Any
) -> list[Settings]:
    """The best trial with another value of one option, then one step of every other axis from
    there: rates act together.
    """
    moved = {**best, option: value}
    return [moved] + [
        {**moved, other: near}
        for other, one in axes.items()
        if other != option
        for near in one.neighbours(_value(effective, other))
    ]


def _value(effective: Settings, option: str) -> Any:
    return effective.get(option.replace("-", "_"))
