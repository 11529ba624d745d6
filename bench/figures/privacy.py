"""The studies of jobs/studies/privacy.py: noise against quality by the number of clients, the
papers' noise against what the probe sees, attackers against the exposure of their item, late
clients against simulated time, and quality by round and number of clients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from figures import style

from records.errors import Refusal
from records.readers import check_schema, read_json

Row = dict[str, Any]
MOST_COLUMNS = 3


def draw(file: Path) -> Any:
    table = read_json(file)
    if not isinstance(table, dict) or table.get("format") != "fedfuse-privacy":
        raise Refusal(
            f"{file} is no table of privacy",
            "it is another record",
            "give the table.json of jobs/studies/privacy.py",
        )
    check_schema(table, file)
    panels = [
        (name, rows)
        for name in PANELS
        if (rows := [row for row in table["rows"] if row["part"] == name])
    ]
    if not panels:
        raise Refusal(f"{file} has nothing to draw", "it has no row", "see the runs of the study")
    columns = min(len(panels), MOST_COLUMNS)
    lines = -(-len(panels) // columns)
    figure, grid = style.axes(4.4 * columns, 4.4 * lines, columns, rows=lines)
    places = list(grid.flat) if len(panels) > 1 else [grid]
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    for axes, (name, rows) in zip(places, panels):
        PANELS[name](axes, rows)
        axes.set_ylim(0, 105)
        style.legend(axes, loc="best")
    style.below(figure, ["Means over the seeds; bars from the least to the most."])
    return figure


def _percent(rows: list[Row], name: str) -> tuple[list[float], list[list[float]]]:
    found = [row[name] for row in rows]
    means = [100 * f["mean"] for f in found]
    low = [100 * (f["mean"] - f["least"]) for f in found]
    high = [100 * (f["most"] - f["mean"]) for f in found]
    return means, [low, high]


def _line(axes: Any, number: int, x: list[float], rows: list[Row], name: str, label: str) -> None:
    means, errors = _percent(rows, name)
    axes.errorbar(
        x,
        means,
        yerr=errors,
        color=style.colour(number),
        linestyle=style.dashes(number),
        marker="os^Dvx"[number % 6],
        markersize=4,
        capsize=2,
        label=label,
    )


def _label(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_xscale("log")
    style.log_ticks(axes.xaxis)
    axes.set(title=title, xlabel=x, ylabel=y)


def _epsilon(axes: Any, rows: list[Row]) -> None:
    for number, clients in enumerate(sorted({row["clients"] for row in rows})):
        noisy = [r for r in rows if r["clients"] == clients and r.get("epsilon")]
        plain = next(r for r in rows if r["clients"] == clients and r["label"] == "no clip")
        x = [r["epsilon"]["mean"] for r in noisy]
        _line(axes, number, x, noisy, "hr_50", f"{clients:,} clients")
        axes.axhline(100 * plain["hr_50"]["mean"], color=style.colour(number), linewidth=0.6)
    _label(
        axes,
        "Noise on the sums",
        "epsilon at delta 1e-5 (thin lines: without noise and clip)",
        "HR@50, percent",
    )


def _noise(axes: Any, rows: list[Row]) -> None:
    for number, fusion in enumerate(("none", "mlp")):
        of = [r for r in rows if r["settings"]["fusion"] == fusion]
        x = [float(r["settings"].get("upload-noise-scale", 0)) for r in of]
        places = [value or min(v for v in x if v) / 3 for value in x]
        _line(axes, 2 * number, places, of, "hr_50", f"{fusion}: HR@50")
        _line(axes, 2 * number + 1, places, of, "auc_first", f"{fusion}: probe AUC, round 1")
    _label(axes, "The papers' noise on uploads", "Laplace b (leftmost: none)", "percent")
    decades = [0.001, 0.01, 0.1]
    axes.set_xticks(decades, [f"{b:g}" for b in decades])
    axes.minorticks_off()


def _attack(axes: Any, rows: list[Row]) -> None:
    names = list(dict.fromkeys(row["label"].split(", q")[0] for row in rows))
    for number, name in enumerate(names):
        of = [r for r in rows if r["label"].split(", q")[0] == name and r.get("er_50")]
        x = [float(r["settings"].get("attack-share", 0)) * 100 for r in of]
        places = [value or 0.03 for value in x]
        _line(axes, number, places, of, "er_50", f"{name}: ER@50")
    _label(
        axes,
        "Attackers that push one item",
        "attackers, percent of the clients (leftmost: none)",
        "percent",
    )


def _devices(axes: Any, rows: list[Row]) -> None:
    for number, row in enumerate(rows):
        _line(axes, number, [row["simulated_s"]["mean"]], [row], "hr_50", row["label"])
    _label(axes, "Slow and absent clients", "simulated seconds of 20 rounds", "HR@50, percent")


def _async(axes: Any, rows: list[Row]) -> None:
    """Of fusion mlp; a server that has evaluated nothing yet has no point."""
    model = "mlp: "
    for number, row in enumerate(row for row in rows if row["label"].startswith(model)):
        found = [(float(s), row[f"hr_50_within_{s}_s"]) for s in (25, 100, 300)]
        of_times = [(s, {"hr_50": quality}) for s, quality in found if quality]
        x, points = [s for s, _ in of_times], [point for _, point in of_times]
        _line(axes, number, x, points, "hr_50", row["label"].removeprefix(model))
    _label(axes, "Servers that wait or do not", "simulated seconds", "HR@50, percent")


def _size(axes: Any, rows: list[Row]) -> None:
    rounds = [10, 20, 50, 100]
    for number, row in enumerate(row for row in rows if row["settings"]["fusion"] == "none"):
        of_rounds = [{"hr_50": row[f"hr_50_round_{n}"]} for n in rounds]
        _line(axes, number, [float(n) for n in rounds], of_rounds, "hr_50", f"{row['clients']:,}")
    _label(axes, "Clients of one set, without a fusion", "round", "HR@50, percent")


PANELS = {
    "epsilon": _epsilon,
    "upload-noise": _noise,
    "attack": _attack,
    "devices": _devices,
    "async": _async,
    "size": _size,
}
