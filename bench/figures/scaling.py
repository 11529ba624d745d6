"""Strong and weak scaling: measured points with their intervals, the ideal line, and the
prediction of a model in another style.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from figures import style

from records.errors import Refusal
from records.readers import kind_of, read_json


def draw(file: Path, model_file: Path | None) -> Any:
    if kind_of(file) != "scaling":
        raise Refusal(
            f"{file} is no scaling table",
            "it is another record",
            "give the table.json of jobs/scaling.py --collect",
        )
    table = read_json(file)
    model = read_json(model_file) if model_file else None
    if model and (model.get("format") != "fedfuse-model" or model.get("kind") != table["kind"]):
        raise Refusal(
            f"{model_file} does not fit {file}",
            "it is no model of such a study",
            "give bench/rounds/model.py this table",
        )
    rows = [row for row in table["rows"] if "round_s" in row]
    if not rows:
        raise Refusal(
            f"{file} has nothing to draw", "no point has a valid run", "see the status of its rows"
        )
    figure, (left, right) = style.axes(width=10.5, columns=2)
    _seconds(left, table, rows, model)
    _efficiency(right, rows)
    ticks = sorted(
        {row["cores"] for row in rows}
        | {point["ranks"] for point in (model["points"] if model else [])}
    )
    style.whole_ticks(left, ticks)
    style.whole_ticks(right, sorted({row["cores"] for row in rows}))
    return figure


def _classes(rows: list[dict[str, Any]]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Label, marker, rows: every kind of point has its own marker."""
    kinds = (
        ("ranks", "o", lambda r: r["threads"] == 1 and not r["oversubscribed"]),
        ("ranks x threads", "s", lambda r: r["threads"] > 1 and not r["oversubscribed"]),
        ("oversubscribed: more ranks than cores", "x", lambda r: r["oversubscribed"]),
    )
    return [
        (label, marker, [row for row in rows if of(row)])
        for label, marker, of in kinds
        if any(map(of, rows))
    ]


def _seconds(
    axes: Any, table: dict[str, Any], rows: list[dict[str, Any]], model: dict[str, Any] | None
) -> None:
    base = min(rows, key=lambda row: row["cores"])
    for label, marker, some in _classes(rows):
        middle = [1e3 * row["round_s"] for row in some]
        errors = [
            [1e3 * (row["round_s"] - row["round_s_low"]) for row in some],
            [1e3 * (row["round_s_high"] - row["round_s"]) for row in some],
        ]
        axes.errorbar(
            [row["cores"] for row in some],
            middle,
            errors,
            fmt=marker,
            capsize=3,
            label=f"measured, {label}",
        )
    some = [row for row in rows if "round_s_fastest" in row]
    if some:
        axes.plot(
            [row["cores"] for row in some],
            [1e3 * row["round_s_fastest"] for row in some],
            "_",
            color="black",
            markersize=9,
            label="fastest round of all runs",
        )
    cores = sorted({row["cores"] for row in rows})
    ideal = [
        1e3 * base["round_s"] * (base["cores"] / c if table["kind"] == "strong" else 1)
        for c in cores
    ]
    axes.plot(cores, ideal, "--", color="grey", linewidth=1, label="ideal")
    if model:
        inside = [point for point in model["points"] if not point["extrapolated"]]
        beyond = inside[-1:] + [point for point in model["points"] if point["extrapolated"]]
        axes.plot(
            [p["ranks"] for p in inside],
            [1e3 * p["predicted_s"] for p in inside],
            "-",
            color="C3",
            label="model (not fitted to these points)",
        )
        axes.plot(
            [p["ranks"] for p in beyond],
            [1e3 * p["predicted_s"] for p in beyond],
            ":",
            color="C3",
            label="EXTRAPOLATION of the model, not measured",
        )
    axes.set_yscale("log")
    axes.set(
        xlabel="cores (ranks x threads)",
        ylabel=("CPU " if table.get("clock") == "cpu" else "") + "milliseconds a round",
        title=f"{table['kind']} scaling, {table['train']['backbone']} + {table['train']['fusion']}",
    )
    axes.legend(fontsize=8)
    invalid = sum(len(row["invalid"]) for row in table["rows"])
    if invalid:
        axes.text(
            0.01, 0.01, f"{invalid} INVALID runs left out", transform=axes.transAxes, fontsize=8
        )


def _efficiency(axes: Any, rows: list[dict[str, Any]]) -> None:
    for label, marker, some in _classes(rows):
        axes.plot(
            [row["cores"] for row in some],
            [row["efficiency"] for row in some],
            marker,
            label=f"efficiency, {label}",
        )
    axes.plot(
        [row["cores"] for row in rows],
        [row["communication_share"] for row in rows],
        "+",
        color="C4",
        label="share of the round inside MPI (waiting included)",
    )
    axes.axhline(1, linestyle="--", color="grey", linewidth=1, label="ideal")
    axes.set(
        xlabel="cores (ranks x threads)",
        ylabel="share",
        ylim=(0, None),
        title="efficiency and communication",
    )
    axes.legend(fontsize=8)
