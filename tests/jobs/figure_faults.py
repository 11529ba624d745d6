"""What a reader of a figure stumbles over, found in the figure object."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

from matplotlib.text import Text

COUNTED = "node rank thread client item group run row seed cell round core benchmark column"


def faults(figure: Any) -> list[str]:
    figure.canvas.draw()  # ticks and places exist after drawing
    found = [fault for text in _texts(figure) for fault in _faults_of_words(text)]
    for axes in figure.axes:
        if axes.axison:
            found += _faults_of_ticks(axes)
        found += _faults_of_legend(axes) + _hidden_lines(axes) + _texts_on_each_other(axes)
    return found


def _texts(figure: Any) -> list[str]:
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return [artist.get_text() for artist in found if artist.get_visible()]


def _faults_of_words(text: str) -> list[str]:
    found = [f"a raw name: {text}"] if re.search(r"[a-z]+_[a-z0-9]", text) else []
    for noun in COUNTED.split():
        if re.search(rf"(?<![\d,.])1 (INVALID )?{noun}s\b", text):
            found.append(f"not one {noun}: {text}")
        if re.search(rf"\b([2-9]|\d+\d) (INVALID )?{noun}\b(?!s)", text):
            found.append(f"more than one {noun}: {text}")
    return found


def _faults_of_ticks(axes: Any) -> list[str]:
    found = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        labels = {
            tick.label1.get_text()
            for tick in ticks
            if tick.label1.get_text() and low <= tick.get_loc() <= high
        }
        if axis.get_visible() and len(labels) < 2:
            found.append(f"{axis.axis_name} axis with {len(labels)} tick labels")
    return found


def _faults_of_legend(axes: Any) -> list[str]:
    legend = axes.get_legend()
    if legend is None:
        return []
    seen = {label for artist, label in _labelled(axes) if _is_seen(artist, axes)}
    told = [text.get_text() for text in legend.get_texts()]
    return [f"a legend of nothing: {label}" for label in told if label not in seen]


def _labelled(axes: Any) -> list[tuple[Any, str]]:
    handles, labels = axes.get_legend_handles_labels()
    return list(zip(handles, labels))


def _is_seen(artist: Any, axes: Any) -> bool:
    if hasattr(artist, "patches"):  # bars
        low, high = sorted(axes.get_xlim())
        return any(abs(patch.get_width()) > 0.002 * (high - low) for patch in artist.patches)
    line = artist.lines[0] if hasattr(artist, "lines") else artist  # error bars hold their line
    points = [point for point in line.get_xydata() if all(map(math.isfinite, point))]
    is_marked = line.get_marker() not in ("None", "", " ", None)
    return len(points) > (0 if is_marked else 1)


def _hidden_lines(axes: Any) -> list[str]:
    """Lines of the same points with the same look and no word about it."""
    found = []
    lines = [line for line in axes.get_lines() if line.get_label() != "_nolegend_"]  # error bars
    for one, other in itertools.combinations(lines, 2):
        if one.get_xydata().tolist() == other.get_xydata().tolist():
            words = f"{one.get_label()} {other.get_label()}"
            is_told = "equal to" in words or "_child" in words
            if _look(one) == _look(other) or not is_told:
                found.append(f"a line hides another: {words}")
    return found


def _look(line: Any) -> list[str]:
    return [str(x) for x in (line._dash_pattern, line.get_marker(), line.get_markersize())]


def _texts_on_each_other(axes: Any) -> list[str]:
    boxes = [
        (text.get_text(), Text.get_window_extent(text))  # without its arrow
        for text in axes.texts
        if text.get_text() and text.get_visible()
    ]
    return [
        f'"{one}" lies on "{other}"'
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 3
    ]
