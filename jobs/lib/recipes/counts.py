"""How many users, items and interactions a set has, before and after the filter of import."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Counts:
    """None: not stated."""

    users: int | None = None
    items: int | None = None
    interactions: int | None = None

    def differs(self, other: Counts) -> bool:
        """Whether a number that both state is another one."""
        pairs = zip(self.cells(), other.cells())
        return any(a != b for a, b in pairs if a is not None and b is not None)

    def cells(self) -> tuple[int | None, ...]:
        return (self.users, self.items, self.interactions)


@dataclass
class Interactions:
    """The rows as positions of their users and items, in order of first appearance."""

    users: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    of_user: array[int] = field(default_factory=lambda: array("i"))
    of_item: array[int] = field(default_factory=lambda: array("i"))

    def add(self, user: str, item: str) -> None:
        self.of_user.append(self.users.setdefault(user, len(self.users)))
        self.of_item.append(self.items.setdefault(item, len(self.items)))

    def as_read(self) -> Counts:
        return Counts(len(self.users), len(self.items), len(self.of_user))

    def after_filter(self, min_user: int, min_item: int) -> Counts:
        """Pairs once, then the k-core, as fedfuse import counts them."""
        import numpy as np

        users = np.frombuffer(self.of_user, dtype=np.int32).astype(np.int64)
        pairs = np.unique(users * len(self.items) + np.frombuffer(self.of_item, dtype=np.int32))
        users, items = pairs // len(self.items), pairs % len(self.items)
        while True:
            keep = (np.bincount(users)[users] >= min_user) & (np.bincount(items)[items] >= min_item)
            if keep.all():
                return Counts(len(np.unique(users)), len(np.unique(items)), len(users))
            users, items = users[keep], items[keep]
            if len(users) == 0:
                return Counts(0, 0, 0)


def table(rows: Iterable[tuple[str, Counts]]) -> str:
    """Markdown; a dash for a number that is not stated."""
    lines = [["", "users", "items", "interactions"], ["---"] * 4]
    lines += [[name, *map(_cell, counts.cells())] for name, counts in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:,}"
