"""What every figure shares: the backend, the look, ticks, legends, notes, saving."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from records import outputs
from records.errors import Refusal

try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib import ticker
except ImportError as error:
    raise Refusal(
        "nothing can be drawn",
        "this Python has no matplotlib",
        "apt-get install python3-matplotlib (and /usr/bin/python3 bench/plot.py)",
    ) from error

matplotlib.rcParams.update(
    {
        "svg.hashsalt": "fedfuse",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 10,
    }
)
# Colour is never the only key: the n-th line has its own dashes, the n-th bar its own hatch.
COLOURS = ("#1f77b4", "#d55e00", "#2a7f3f", "#7b3fa0", "#8c564b", "#000000", "#c2388b", "#6b6b00")
DASHES = ((), (6, 2), (1, 1.5), (6, 2, 1, 2), (3, 1.5), (8, 2, 1, 2, 1, 2))
HATCHES = ("", "//", "..", "\\\\", "xx", "--", "++", "oo", "**")
SMALL = 8
# Labels of a logarithmic axis, from coarse to fine.
STEPS = (
    (1,),
    (1, 2, 5),
    (1, 2, 3, 5, 7),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9),
    tuple(n / 10 for n in range(10, 100)),
)
FEWEST, ENOUGH, MOST = 2, 4, 9


def axes(
    width: float = 7,
    height: float = 4.2,
    columns: int = 1,
    widths: Sequence[float] | None = None,
    rows: int = 1,
) -> tuple[Any, Any]:
    plt.close("all")  # one figure a process; tests draw several
    return plt.subplots(
        rows,
        columns,
        figsize=(width, height),
        layout="constrained",
        gridspec_kw={"width_ratios": widths} if widths else None,
    )


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def dashes(number: int) -> tuple[float, tuple[float, ...] | None]:
    return (0, DASHES[number % len(DASHES)] or None)


def hatch(number: int) -> str:
    return HATCHES[number % len(HATCHES)]


def log_ticks(axis: Any) -> None:
    """axis: axes.xaxis or axes.yaxis. Labelled ticks as plain numbers, at least two within the
    limits; the limits grow where they are too narrow."""
    low, high = sorted(axis.get_view_interval())
    places = _places(low, high)
    if len(places) < FEWEST:
        low, high = low / 1.2, high * 1.2
        _set_limits(axis, low, high)
        places = _places(low, high)
    axis.set_major_locator(ticker.FixedLocator(places))
    axis.set_major_formatter(ticker.FixedFormatter([number(place) for place in places]))
    axis.set_minor_locator(ticker.NullLocator())


def _places(low: float, high: float) -> list[float]:
    """The coarsest steps with enough places, but never more than fit."""
    best: list[float] = []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in STEPS:
        places = [step * 10.0**decade for decade in decades for step in steps]
        places = sorted(round(place, 12) for place in places if low <= place <= high)
        if len(places) > MOST and len(best) >= FEWEST:
            break
        best = places
        if len(best) >= ENOUGH:
            break
    if len(best) > MOST:
        best = best[:: math.ceil(len(best) / MOST)]
    return best


def _set_limits(axis: Any, low: float, high: float) -> None:
    (axis.axes.set_xlim if axis.axis_name == "x" else axis.axes.set_ylim)(low, high)


def number(value: float) -> str:
    """1,000 and 0.05, without an exponent from a thousandth to a million."""
    if value and not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def whole_ticks(axes: Any, values: Iterable[int]) -> None:
    """A logarithmic x axis with a tick at each value; the place after a lone value is marked too,
    because one tick gives no scale."""
    places = sorted(set(values))
    if len(places) < FEWEST:
        places = [*places, 2 * places[-1]]
    axes.set_xscale("log", base=2)
    axes.set_xlim(places[0] / 1.25, places[-1] * 1.25)
    axes.set_xticks(places, [f"{place:,}" for place in places])
    axes.minorticks_off()


def rounds_axis(axes: Any, last: int) -> None:
    """Whole numbers only, also when there is one round."""
    axes.set_xlim(0, max(2, last) * 1.02)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))


def legend(axes: Any, **settings: Any) -> None:
    """A legend of what can be seen: an entry whose artist has no point within the axes is a fault
    of the figure, so it is left out."""
    handles, labels = axes.get_legend_handles_labels()
    seen = [(handle, label) for handle, label in zip(handles, labels) if has_points(handle)]
    if seen:
        axes.legend(*zip(*seen), **settings)


def has_points(handle: Any) -> bool:
    """Does the artist draw anything? A line of one point needs a marker."""
    if hasattr(handle, "get_xydata"):
        points = [xy for xy in handle.get_xydata() if all(map(math.isfinite, xy))]
        marked = handle.get_marker() not in ("None", None, "", " ")
        joined = handle.get_linestyle() not in ("None", None, "", " ")
        return bool(points) and (marked or (joined and len(points) > 1))
    if hasattr(handle, "patches"):
        return any(patch.get_width() and patch.get_height() for patch in handle.patches)
    return True


def below(figure: Any, lines: Sequence[str]) -> None:
    """Notes under the figure: what is left out, and what a reader must know."""
    told = [line for line in lines if line]
    if told:
        figure.supxlabel("\n".join(told), x=0.01, ha="left", fontsize=SMALL)


def check_names(files: Sequence[str], inputs: Sequence[Path]) -> None:
    for file in files:
        if Path(file).suffix not in (".png", ".svg"):
            raise Refusal(
                f"{file} cannot be written",
                "figures are PNG or SVG",
                "end its name in .png or .svg",
            )
        outputs.check(Path(file), inputs)


def save(figure: Any, files: Sequence[str], inputs: Sequence[Path]) -> None:
    """No date is in a file: the same numbers give the same bytes. Each file says what it was drawn
    from."""
    check_names(files, inputs)
    for file in files:
        source = {"Source": source_of(inputs)}
        extra = {"Date": None} if file.endswith(".svg") else {"Software": None}
        write = partial(figure.savefig, dpi=110, metadata={**source, **extra})
        outputs.write(Path(file), write, inputs)
        print(file)


def source_of(inputs: Sequence[Path]) -> str:
    """Names and SHA-256 of the records, as a figure's file keeps them."""
    return "; ".join(
        f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}" for path in inputs
    )
