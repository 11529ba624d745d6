"""Roofline: FLOP/s over arithmetic intensity, under the ceilings that the same process measured;
one panel for the CPU, one for a device. Points are numbered; a key beside the panel names them.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import numbered, style, words

from records import load
from records.errors import Refusal
from records.load import is_number
from records.readers import kind_of, read_json

LINE = 0.165  # inches of a line of the key
MARKERS = "osD^vPX*"
CEILINGS = ("-", "--", ":")
CEILING_COLOUR = "grey"


@dataclass(frozen=True)
class Point:
    flop_per_byte: float
    flop_per_s: float
    label: str = ""


@dataclass(frozen=True)
class Panel:
    title: str
    peaks: dict[str, float]  # FLOP/s by name, the highest first
    bandwidth: float  # B/s
    points: dict[str, Point]  # by benchmark


def draw(file: Path) -> Any:
    if kind_of(file) != "benchmark":
        raise Refusal(
            f"{file} has no roofline",
            "it is not Google Benchmark's JSON",
            "give the output of bench_kernels --benchmark_out_format=json",
        )
    document = read_json(file)
    panels = _panels(file, document)
    keys = [_key(panel) for panel in panels]
    lines = max(len(key) for key in keys)
    figure, axes = style.axes(
        width=10.8 * len(panels),
        height=max(5.4, LINE * lines + 1.2),
        columns=2 * len(panels),
        widths=(7.0, 3.8) * len(panels),
    )
    for number, (panel, key) in enumerate(zip(panels, keys)):
        _draw_panel(axes[2 * number], panel)
        _draw_key(axes[2 * number + 1], key)
    style.below(figure, _notes(panels, document["context"]))
    for axis, panel in zip(axes[::2], panels):  # the layout is settled by now
        numbered.annotate(axis, [(p.flop_per_byte, p.flop_per_s / 1e9) for p in _ordered(panel)])
    return figure


def _notes(panels: list[Panel], context: dict[str, Any]) -> list[str]:
    labels = [point.label for panel in panels for point in panel.points.values()]
    is_told = any(label.endswith((" hot", " cold")) for label in labels)
    cached = "hot, cold: the client's rows are in the caches, or not" if is_told else ""
    return [cached, load.note(load.of_benchmarks(context))]


def _ordered(panel: Panel) -> list[Point]:
    """In the order of their numbers."""
    return [point for some in _by_family(panel.points).values() for point in some.values()]


def _key(panel: Panel) -> list[tuple[str, str, str]]:
    """Line or marker, colour and text of every line of the key: the ceilings, then each family with
    its numbered points."""
    lines = [
        (CEILINGS[number % len(CEILINGS)], CEILING_COLOUR, f"{name}: {peak / 1e9:.0f} GFLOP/s")
        for number, (name, peak) in enumerate(panel.peaks.items())
    ]
    lines.append(("", "", f"slope: copy, {panel.bandwidth / 1e9:.1f} GB/s"))
    number = 0
    for family, (title, some) in enumerate(_by_family(panel.points).items()):
        lines.append((MARKERS[family % len(MARKERS)], style.colour(family), title))
        for name in some:
            number += 1
            lines.append(("", "", f"{number:>2}  {words.kernel(name, some[name].label)[1]}"))
    return lines


def _draw_key(axes: Any, lines: list[tuple[str, str, str]]) -> None:
    axes.set(xlim=(0, 1), ylim=(len(lines) + 0.5, -0.5))
    axes.axis("off")
    for row, (mark, colour, text) in enumerate(lines):
        is_title = mark in MARKERS and bool(mark)
        if is_title:
            axes.plot(0.02, row, mark, color=colour, clip_on=False)
        elif mark:
            axes.plot([0, 0.05], [row, row], mark, color=colour, clip_on=False)
        axes.text(
            0.07,
            row,
            text,
            va="center",
            fontsize=style.SMALL,
            weight="bold" if is_title else "normal",
        )


def _draw_panel(axes: Any, panel: Panel) -> None:
    axes.set(xscale="log", yscale="log")
    top = max(panel.peaks.values())
    corner = top / panel.bandwidth
    intensities = [point.flop_per_byte for point in panel.points.values()]
    low, high = min([*intensities, corner]) / 2, max([*intensities, corner]) * 2
    axes.set_xlim(low, high)
    rates = [point.flop_per_s / 1e9 for point in panel.points.values()]
    axes.set_ylim(min([*rates, low * panel.bandwidth / 1e9]) / 1.5, max([*rates, top / 1e9]) * 2)
    for number, peak in enumerate(panel.peaks.values()):
        start = low if number == 0 else peak / panel.bandwidth  # one slope for all
        axes.plot(
            [start, peak / panel.bandwidth, high],
            [start * panel.bandwidth / 1e9, peak / 1e9, peak / 1e9],
            CEILINGS[number % len(CEILINGS)],
            color=CEILING_COLOUR,
            zorder=1,
        )
    for number, some in enumerate(_by_family(panel.points).values()):
        axes.plot(
            [point.flop_per_byte for point in some.values()],
            [point.flop_per_s / 1e9 for point in some.values()],
            MARKERS[number % len(MARKERS)],
            color=style.colour(number),
            markersize=5,
        )
    style.log_ticks(axes.xaxis)
    style.log_ticks(axes.yaxis)
    axes.set(
        xlabel="arithmetic intensity (FLOP per byte, by the kernel's own formula)",
        ylabel="GFLOP/s",
        title=panel.title,
    )


def _panels(file: Path, document: dict[str, Any]) -> list[Panel]:
    entries, context = _usable(document["benchmarks"]), document["context"]
    on_device = [entry for entry in entries if "ceiling_copy_B/s" in entry]
    # times of the emulated device say nothing about a machine
    on_cpu = [entry for entry in entries if "warm_up_ms" not in entry]
    panels = []
    if on_cpu:
        try:
            peak, bandwidth = (
                float(context["ceiling_fma_flop_per_s"]),
                float(context["ceiling_copy_bytes_per_s"]),
            )
        except KeyError as error:
            raise Refusal(
                f"{file} has no roofline",
                f"its context has no {error}",
                "give the output of this suite's bench_kernels",
            ) from error
        panels.append(
            Panel(
                "CPU, one thread; points above the slope are served by caches",
                {"fused multiply-adds": peak},
                bandwidth,
                _points(on_cpu),
            )
        )
    if on_device:
        top = on_device[0]
        panels.append(
            Panel(
                f"device: {top.get('label', '')}",
                {
                    name: top[f"ceiling_{unit}_FLOP/s"]
                    for name, unit in (
                        ("tensor cores", "tensor"),
                        ("fused multiply-adds", "fma"),
                        ("float product", "sgemm"),
                    )
                },
                top["ceiling_copy_B/s"],
                _points(on_device),
            )
        )
    if not panels:
        raise Refusal(
            "no benchmark has FLOP and bytes",
            "none of them passed, or the file is of another suite",
            "run bench_kernels",
        )
    return panels


def _usable(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Benchmarks with FLOP, bytes and a rate. Failed benchmarks are named; skipped ones are left
    out.
    """
    usable = []
    for entry in entries:
        if entry.get("error_occurred"):
            why = entry.get("error_message", "it failed")
            if not why.startswith("skipped:"):
                print(
                    f"INVALID, not drawn: {entry.get('run_name', entry['name'])}: {why}",
                    file=sys.stderr,
                )
            continue
        if entry.get("aggregate_name", "median") != "median":
            continue
        numbers = [entry.get(name) for name in ("bytes", "FLOP", "FLOP/s")]
        if None in numbers:
            continue
        if all(is_number(value) and value > 0 for value in numbers):
            usable.append(entry)
        else:
            name = entry.get("run_name", entry["name"])
            print(f"INVALID, not drawn: {name}: a rate is not above 0", file=sys.stderr)
    return usable


def _points(entries: list[dict[str, Any]]) -> dict[str, Point]:
    """Median rates by benchmark."""
    rates, intensity, kept_medians, labels = defaultdict(list), {}, {}, {}
    for entry in entries:
        name = entry.get("run_name", entry["name"])
        if entry.get("run_type") != "aggregate":
            rates[name].append(entry["FLOP/s"])
        elif entry["aggregate_name"] == "median":
            kept_medians[name] = entry["FLOP/s"]
        else:
            continue
        intensity[name] = entry["FLOP"] / entry["bytes"]
        labels[name] = entry.get("label", "")
    medians = kept_medians | {name: statistics.median(values) for name, values in rates.items()}
    return {name: Point(intensity[name], rate, labels[name]) for name, rate in medians.items()}


def _by_family(points: dict[str, Point]) -> dict[str, dict[str, Point]]:
    """By the family's title, in the order of the record."""
    families: dict[str, dict[str, Point]] = defaultdict(dict)
    for name, point in points.items():
        families[words.kernel(name, point.label)[0]][name] = point
    return families
