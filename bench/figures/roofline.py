"""Roofline: FLOP/s over arithmetic intensity, under the ceilings that the same process measured."""
from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from figures import style
from records.errors import Refusal
from records.readers import kind_of, read_json


def draw(file: Path) -> Any:
    if kind_of(file) != "benchmark":
        raise Refusal(f"{file} has no roofline", "it is not Google Benchmark's JSON", "give the output of bench_kernels --benchmark_out_format=json")
    document = read_json(file)
    context = document["context"]
    try:
        peak, bandwidth = float(context["ceiling_fma_flop_per_s"]), float(context["ceiling_copy_bytes_per_s"])
    except KeyError as error:
        raise Refusal(f"{file} has no roofline", f"its context has no {error}", "give the output of this suite's bench_kernels") from error
    points = _points(document["benchmarks"])
    figure, axes = style.axes(width=8.5, height=5)
    intensities = [intensity for intensity, _ in points.values()]
    low, high = min([*intensities, peak / bandwidth]) / 2, max([*intensities, peak / bandwidth]) * 2
    axes.plot([low, peak / bandwidth, high], [low * bandwidth / 1e9, peak / 1e9, peak / 1e9], color="grey", label=f"ceilings: {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s (copy)")
    for number, (family, some) in enumerate(_by_family(points).items()):
        axes.plot([x for _, (x, _) in some], [y / 1e9 for _, (_, y) in some], "osD^vP"[number % 6], label=family)
    axes.set(xscale="log", yscale="log", xlabel="FLOP a byte, by the kernel's own formula", ylabel="GFLOP/s", title="one thread; points above the slope are served by caches")
    axes.legend()
    return figure


def _points(entries: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Median rates by benchmark; those that failed are left out."""
    rates, intensity, kept_medians = defaultdict(list), {}, {}
    for entry in entries:
        name = entry.get("run_name", entry["name"])
        if entry.get("error_occurred") or not entry.get("bytes") or not entry.get("FLOP/s"):
            continue
        if entry.get("run_type") != "aggregate":
            rates[name].append(entry["FLOP/s"])
        elif entry["aggregate_name"] == "median":
            kept_medians[name] = entry["FLOP/s"]
        else:
            continue
        intensity[name] = entry["FLOP"] / entry["bytes"]
    medians = kept_medians | {name: statistics.median(values) for name, values in rates.items()}
    if not medians:
        raise Refusal("no benchmark has FLOP and bytes", "none of them passed, or the file is of another suite", "run bench_kernels")
    return {name: (intensity[name], rate) for name, rate in medians.items()}


def _by_family(points: dict[str, tuple[float, float]]) -> dict[str, list[tuple[str, tuple[float, float]]]]:
    families = defaultdict(list)
    for name, point in points.items():
        families[name.split("/")[0]].append((name, point))
    return families
