"""Strong and weak scaling: measured points with their intervals, the ideal line, and the
prediction of a model in another style.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from figures import style, words

from records import load
from records.errors import Refusal
from records.identity import same_value
from records.load import is_number
from records.readers import check_schema, kind_of, read_json

APART = 0.022  # of the axis: kinds of points at the same number of cores stand beside each other
CORES = "cores (ranks × threads)"


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
    if model:
        _check_model(model_file, model, file, table)
    rows = [row for row in table["rows"] if is_number(row.get("round_s"))]
    if not rows:
        raise Refusal(
            f"{file} has nothing to draw", "no point has a valid run", "see the status of its rows"
        )
    cores = sorted({row["cores"] for row in rows})
    predicted = model["points"] if model else []
    ticks = sorted({*cores, *(point["ranks"] for point in predicted)})
    # the efficiency of a lone point is 1 by definition
    columns = 2 if len(cores) > 1 else 1
    figure, panels = style.axes(width=5.6 * columns, height=5.2, columns=columns)
    left = panels[0] if columns == 2 else panels
    style.whole_ticks(left, ticks)
    _seconds(left, table, rows, predicted, ticks)
    if columns == 2:
        style.whole_ticks(panels[1], cores)
        _efficiency(panels[1], rows)
    style.below(figure, _notes(table, rows))
    return figure


def _check_model(
    model_file: Path, model: dict[str, Any], file: Path, table: dict[str, Any]
) -> None:
    """A model holds the measured seconds that it was compared with: they must be this table's."""
    check_schema(model, model_file)
    measured = {
        row["ranks"]: row["round_s"]
        for row in table["rows"]
        if "round_s" in row and row["threads"] == 1 and not row["oversubscribed"]
    }
    for point in model["points"]:
        there = point.get("measured_s")
        if there is not None and not same_value(there, measured.get(point["ranks"])):
            raise Refusal(
                f"{model_file} does not fit {file}",
                f"it was made from another table: {point['ranks']} ranks take {there:.6g} s there",
                "give bench/rounds/model.py this table",
            )


def _notes(table: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    invalid = sum(len(row["invalid"]) for row in table["rows"])
    notes = [f"{words.count(invalid, 'INVALID run')} left out"] if invalid else []
    lost = [row for row in table["rows"] if not is_number(row.get("round_s"))]
    notes += [
        f"no valid run: {words.count(row['nodes'], 'node')}, "
        f"{words.shape(row['ranks'], row['threads'])}"
        for row in lost
    ]
    return [*notes, load.note(load.worst(rows))]


def _classes(
    axes: Any, rows: list[dict[str, Any]]
) -> list[tuple[str, str, float, list[dict[str, Any]]]]:
    """Label, marker, shift, rows: every kind of point has its own marker and place."""
    low, high = axes.get_xlim()
    apart = (high / low) ** APART
    kinds = (
        ("one thread a rank", "o", 1.0, lambda r: r["threads"] == 1 and not r["oversubscribed"]),
        ("more threads a rank", "s", apart, lambda r: r["threads"] > 1 and not r["oversubscribed"]),
        ("oversubscribed (more ranks than cores)", "x", 1.0, lambda r: r["oversubscribed"]),
    )
    return [
        (label, marker, shift, [row for row in rows if of(row)])
        for label, marker, shift, of in kinds
        if any(map(of, rows))
    ]


def _seconds(
    axes: Any,
    table: dict[str, Any],
    rows: list[dict[str, Any]],
    predicted: list[dict[str, Any]],
    ticks: list[int],
) -> None:
    base = min(rows, key=lambda row: row["cores"])
    is_strong = table["kind"] == "strong"
    if len(ticks) > 1:
        ideal = [1e3 * base["round_s"] * (base["cores"] / c if is_strong else 1) for c in ticks]
        # wide and pale, because the model may lie on it
        axes.plot(ticks, ideal, "-", color="grey", linewidth=6, alpha=0.3, label="ideal", zorder=1)
    _prediction(axes, predicted)
    for number, (label, marker, shift, some) in enumerate(_classes(axes, rows)):
        axes.errorbar(
            [shift * row["cores"] for row in some],
            [1e3 * row["round_s"] for row in some],
            _errors(some),
            fmt=marker,
            color=style.colour(number),
            capsize=3,
            markersize=5,
            label=f"measured, {label}",
            zorder=3,
        )
    fastest = [
        (shift * row["cores"], 1e3 * row["round_s_fastest"])
        for _, _, shift, some in _classes(axes, rows)
        for row in some
        if is_number(row.get("round_s_fastest"))
    ]
    if fastest:
        axes.plot(
            *zip(*fastest),
            "_",
            color="black",
            markersize=11,
            label="fastest round of all runs",
            zorder=4,
        )
    axes.set_yscale("log")
    style.log_ticks(axes.yaxis)
    train = table["train"]
    clock = "milliseconds of CPU a round" if table.get("clock") == "cpu" else "milliseconds a round"
    axes.set(
        xlabel=CORES,
        ylabel=clock,
        title=f"{table['kind']} scaling: {words.method(train['backbone'], train['fusion'])}",
    )
    style.legend(axes, fontsize=style.SMALL, loc="upper center", bbox_to_anchor=(0.5, -0.16))


def _errors(rows: list[dict[str, Any]]) -> list[list[float]]:
    """Lengths below and above the median; none where the record has no interval."""
    low = [row.get("round_s_low") for row in rows]
    high = [row.get("round_s_high") for row in rows]
    return [
        [1e3 * (row["round_s"] - end) if is_number(end) else 0.0 for row, end in zip(rows, low)],
        [1e3 * (end - row["round_s"]) if is_number(end) else 0.0 for row, end in zip(rows, high)],
    ]


def _prediction(axes: Any, points: list[dict[str, Any]]) -> None:
    inside = [point for point in points if not point["extrapolated"]]
    beyond = [point for point in points if point["extrapolated"]]
    # the extrapolation begins where the measured points end
    for some, line, marker, label in (
        (inside, "-", "D", "model (not fitted to these points)"),
        (
            inside[-1:] + beyond if beyond else [],
            ":",
            ".",
            "EXTRAPOLATION of the model, not measured",
        ),
    ):
        if some:
            axes.plot(
                [point["ranks"] for point in some],
                [1e3 * point["predicted_s"] for point in some],
                line,
                marker=marker,
                fillstyle="none" if marker == "D" else "full",
                markersize=5,
                color="#d62728",
                label=label,
                zorder=2,
            )


def _efficiency(axes: Any, rows: list[dict[str, Any]]) -> None:
    axes.axhline(100, color="grey", linewidth=6, alpha=0.3, label="ideal efficiency", zorder=1)
    for number, (label, marker, shift, some) in enumerate(_classes(axes, rows)):
        for name, text, face in (
            ("efficiency", "efficiency", style.colour(number)),
            ("communication_share", "share of the round inside MPI", "none"),
        ):
            known = [row for row in some if is_number(row.get(name))]
            axes.plot(
                [shift * row["cores"] for row in known],
                [100 * row[name] for row in known],
                marker if face != "none" else {"o": "^", "s": "v", "x": "+"}[marker],
                color=style.colour(number),
                markerfacecolor=face,
                label=f"{text}, {label}",
                clip_on=False,
                zorder=3,
            )
    highest = max(
        100, *(100 * row["efficiency"] for row in rows if is_number(row.get("efficiency")))
    )
    axes.set(
        xlabel=CORES,
        ylabel="percent",
        ylim=(0, 1.08 * highest),
        title="efficiency; share of MPI (waiting included)",
    )
    style.legend(axes, fontsize=style.SMALL, loc="upper center", bbox_to_anchor=(0.5, -0.16))
