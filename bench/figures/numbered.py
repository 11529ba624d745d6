"""Numbers beside points, placed so that they lie on no other number and on no point."""

from __future__ import annotations

import math
from typing import Any

RADII = (9, 15, 22, 30, 40, 50, 62, 75)  # points of the page
DIRECTIONS = 16
SIZE = 7
BOX = (5.2, 5.0)  # half width of a digit pair, half height


def annotate(axes: Any, places: list[tuple[float, float]]) -> None:
    """Writes 1, 2, ... beside the places, which are in the units of the axes. Each takes the
    nearest free direction; a far number has a thin line to its point."""
    axes.figure.canvas.draw()  # the layout decides the distances
    scale = 72 / axes.figure.dpi
    points = [tuple(scale * x for x in axes.transData.transform(place)) for place in places]
    taken: list[tuple[float, float]] = []
    for number, point in enumerate(points):
        shift = _free(point, points, taken)
        taken.append((point[0] + shift[0], point[1] + shift[1]))
        is_far = math.hypot(*shift) > RADII[0] + 1
        axes.annotate(
            str(number + 1),
            places[number],
            xytext=shift,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SIZE,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "grey"} if is_far else None,
        )


def _free(
    point: tuple[float, float],
    points: list[tuple[float, float]],
    taken: list[tuple[float, float]],
) -> tuple[float, float]:
    best, fewest = (RADII[0], 0.0), math.inf
    for radius in RADII:
        for step in range(DIRECTIONS):
            angle = 2 * math.pi * step / DIRECTIONS
            shift = (radius * math.cos(angle), radius * math.sin(angle))
            place = (point[0] + shift[0], point[1] + shift[1])
            hits = sum(_meets(place, other, 1.0) for other in taken)
            hits += sum(_meets(place, other, 0.75) for other in points)
            if hits < fewest:
                best, fewest = shift, hits
        if fewest == 0:
            break
    return best


def _meets(a: tuple[float, float], b: tuple[float, float], share: float) -> bool:
    return (
        abs(a[0] - b[0]) < 2 * BOX[0] * share + 0.5 and abs(a[1] - b[1]) < 2 * BOX[1] * share + 0.5
    )
