"""Roofline: FLOP/s over arithmetic intensity, under the ceilings that the same process measured;
one panel for the CPU, one for a device.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import style

from records.errors import Refusal
from records.readers import kind_of, read_json


@dataclass(frozen=True)
class Point:
    flop_per_byte: float
    flop_per_s: float


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
    panels = _panels(file, read_json(file))
    figure, axes = style.axes(width=8.5 * len(panels), height=5, columns=len(panels))
    for axis, panel in zip([axes] if len(panels) == 1 else axes, panels):
        _draw_panel(axis, panel)
    return figure


def _draw_panel(axes: Any, panel: Panel) -> None:
    corner = max(panel.peaks.values()) / panel.bandwidth
    intensities = [point.flop_per_byte for point in panel.points.values()]
    low, high = min([*intensities, corner]) / 2, max([*intensities, corner]) * 2
    for number, (name, peak) in enumerate(panel.peaks.items()):
        start = low if number == 0 else peak / panel.bandwidth  # one slope for all
        axes.plot(
            [start, peak / panel.bandwidth, high],
            [start * panel.bandwidth / 1e9, peak / 1e9, peak / 1e9],
            "-" if number == 0 else "--",
            color="grey",
            label=f"{name}: {peak / 1e9:.0f} GFLOP/s"
            + (f"; copy: {panel.bandwidth / 1e9:.1f} GB/s" if number == 0 else ""),
        )
    for number, (family, some) in enumerate(_by_family(panel.points).items()):
        axes.plot(
            [point.flop_per_byte for point in some],
            [point.flop_per_s / 1e9 for point in some],
            "osD^vP"[number % 6],
            label=family,
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="FLOP a byte, by the kernel's own formula",
        ylabel="GFLOP/s",
        title=panel.title,
    )
    axes.legend()


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
        elif entry.get("bytes") and entry.get("FLOP") and entry.get("FLOP/s"):
            usable.append(entry)
    return usable


def _points(entries: list[dict[str, Any]]) -> dict[str, Point]:
    """Median rates by benchmark."""
    rates, intensity, kept_medians = defaultdict(list), {}, {}
    for entry in entries:
        name = entry.get("run_name", entry["name"])
        if entry.get("run_type") != "aggregate":
            rates[name].append(entry["FLOP/s"])
        elif entry["aggregate_name"] == "median":
            kept_medians[name] = entry["FLOP/s"]
        else:
            continue
        intensity[name] = entry["FLOP"] / entry["bytes"]
    medians = kept_medians | {name: statistics.median(values) for name, values in rates.items()}
    return {name: Point(intensity[name], rate) for name, rate in medians.items()}


def _by_family(points: dict[str, Point]) -> dict[str, list[Point]]:
    families = defaultdict(list)
    for name, point in points.items():
        families[name.split("/")[0]].append(point)
    return families
