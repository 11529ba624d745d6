"""What every figure shares: the backend, the look, saving as PNG and SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from records.errors import Refusal

try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
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
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 10,
    }
)


def axes(width: float = 7, height: float = 4.2, columns: int = 1) -> tuple[Any, Any]:
    return plt.subplots(1, columns, figsize=(width, height), layout="constrained")


def save(figure: Any, files: Sequence[str]) -> None:
    for file in files:
        if Path(file).suffix not in (".png", ".svg"):
            raise Refusal(
                f"{file} cannot be written",
                "figures are PNG or SVG",
                "end its name in .png or .svg",
            )
        try:
            # no date: the same numbers give the same file
            figure.savefig(
                file, dpi=110, metadata={"Date": None} if file.endswith(".svg") else None
            )
        except OSError as error:
            raise Refusal(
                f"{file} cannot be written",
                error.strerror or str(error),
                "check the folder and its permissions",
            ) from error
        print(file)


def whole_ticks(axis: Any, values: Sequence[int]) -> None:
    axis.set_xscale("log", base=2)
    axis.set_xticks(list(values), [str(value) for value in values])
    axis.minorticks_off()
