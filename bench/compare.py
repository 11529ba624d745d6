#!/usr/bin/env python3
"""Compare two records row by row, with a verdict for each row.

  compare.py A B [--by of_fma] [--threshold 0.05]

A and B are records of one kind: Google Benchmark JSON, results of fedfuse train (HDF5 or JSON
twin), folders of results, scaling tables, collectives, or folders of jobs/suite.py. In a folder of
results, runs that differ only in seed or repeat are samples of one row. Rows are compared when they
are of the same workload: the same data set and the same options that decide bits. Programs and
machines may differ. --across-settings compares runs of one data set with different options, and
says which. Rows of the suite have their runs as samples: fewer than three, or a busy machine,
give no verdict; nor does a machine whose ceilings, measured beside the runs, were others.

A ratio is B / A of medians with an interval: by bootstrap when both have eight samples, by Welch's
t interval of logarithms when both have three, else from the intervals in the records. The intervals
of all rows together hold with 95 %, so that many rows make no false verdict likelier. A row is
slower or faster (worse or better) when its whole interval is beyond the threshold. With too few
samples a row has no verdict. --by compares another counter of benchmarks. of_fma is the share of
the ceiling of the same process; a busy machine changes it less than seconds. Records from before
the ceilings of each vector width have other shares (of_fma, of_copy), and are not compared by them.

Exit code 0; 1: a row is a regression, or INVALID in B (a failed check; lost clients; numbers that
are not finite); 2: bad input.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from records.arguments import Parser, real
from records.errors import Refusal, exit_with, reading
from records.intervals import FEWEST, ratio_interval
from records.load_notes import load_notes
from records.measurements import Measurement, measurements

# Ceilings of one record that differ by so many thresholds: its runs are of several machines.
UNSTEADY = 2


@dataclass(frozen=True)
class Verdict:
    word: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    failed: bool = False


def judge(a: Measurement, b: Measurement, threshold: float, of: int = 1) -> Verdict:
    """of: intervals that are to hold together."""
    if a.invalid or b.invalid:
        side = "A and B" if a.invalid and b.invalid else "A" if a.invalid else "B"
        return Verdict(f"INVALID in {side}: {b.invalid or a.invalid}", failed=bool(b.invalid))
    if a.is_check or b.is_check:
        return Verdict("valid")
    if a.median == b.median:
        return Verdict("same", 1.0, 1.0, 1.0)
    if a.median <= 0 or b.median <= 0:
        return Verdict("not judged: a ratio needs numbers above 0")
    ratio = b.median / a.median
    if why := a.unjudged or b.unjudged:
        return Verdict(f"not judged: {why}", ratio)
    if why := _other_speed(a, b, threshold):
        return Verdict(f"not judged: {why}", ratio)
    interval = _interval(a, b, of)
    if interval is None:
        return Verdict(f"not judged: {min(a.count, b.count)} sample(s)", ratio)
    low, high = interval
    worse, better = (
        (low > 1 + threshold, high < 1 - threshold)
        if a.lower_is_better
        else (high < 1 - threshold, low > 1 + threshold)
    )
    words = ("slower", "faster") if a.is_time() else ("worse", "better")
    return Verdict(
        f"REGRESSION ({words[0]})" if worse else words[1] if better else "no difference seen",
        ratio,
        low,
        high,
        worse,
    )


def _has_samples(a: Measurement, b: Measurement) -> bool:
    return min(len(a.samples), len(b.samples)) >= FEWEST and min([*a.samples, *b.samples]) > 0


def _interval(a: Measurement, b: Measurement, of: int) -> tuple[float, float] | None:
    if _has_samples(a, b):
        return ratio_interval(a.samples, b.samples, of)
    ends = (a.low, a.high, b.low, b.high)
    if all(end is not None and end > 0 for end in ends) and min(a.count, b.count) >= FEWEST:
        return b.low / a.high, b.high / a.low
    return None


def _other_speed(a: Measurement, b: Measurement, threshold: float) -> str:
    """Why the machine itself was another one during the runs; "": it was not, as far as seen."""
    if min(len(a.control), len(b.control)) < FEWEST:
        return ""
    spread = max((max(one.control) - min(one.control)) / min(one.control) for one in (a, b))
    if spread > UNSTEADY * threshold:
        return f"the machine's speed varied by {100 * spread:.0f} % between the runs"
    low, high = ratio_interval(a.control, b.control)
    if low <= 1 + threshold and high >= 1 - threshold:
        return ""
    ceilings = [statistics.median(one.control) * 1e-9 for one in (a, b)]
    return "the machine's speed changed, ceiling {:.0f} | {:.0f} GFLOP/s".format(*ceilings)


def show(rows: list[tuple[str, Measurement, Measurement, Verdict]]) -> None:
    width = min(70, max(len(name) for name, *_ in rows))
    print(f"{'':<{width}} {'A':>12} {'B':>12} {'B/A':>7} {'interval':>15}  verdict")
    for name, a, b, verdict in rows:
        numbers = [
            "INVALID"
            if m.invalid
            else str(m.count)
            if m.is_check
            else f"{m.median:.5g} {m.unit}".strip()
            for m in (a, b)
        ]
        interval = f"{verdict.low:.3f} - {verdict.high:.3f}" if verdict.low is not None else ""
        ratio = f"{verdict.ratio:.3f}" if verdict.ratio is not None else ""
        print(
            f"{name:<{width}} {numbers[0]:>12} {numbers[1]:>12} {ratio:>7} {interval:>15}  "
            f"{verdict.word}"
        )


def other_settings(a: Measurement, b: Measurement) -> str:
    """Settings that differ between the runs of a row; "" when all are equal."""
    differing = [
        name
        for name in dict.fromkeys([*a.settings, *b.settings])
        if a.settings.get(name) != b.settings.get(name)
    ]
    return ", ".join(
        f"{name} {a.settings.get(name)} | {b.settings.get(name)}" for name in differing
    )


def check_workloads(
    rows: list[tuple[str, Measurement, Measurement]], across_settings: bool
) -> None:
    """Refuse rows that do not measure the same work."""
    different: dict[str, list[str]] = {}  # rows by what differs
    for name, a, b in rows:
        other = a.workload.other_data(b.workload)
        if not across_settings:
            other = a.workload.differences(b.workload)
        if other:
            different.setdefault(", ".join(other[:4]), []).append(name)
    if not different:
        return
    count = sum(map(len, different.values()))
    words = [
        f"{names[0].removesuffix(' valid runs')}: {other}" for other, names in different.items()
    ]
    raise Refusal(
        f"{count} of {len(rows)} rows are of different workloads",
        f"A | B: {'; '.join(words[:3])}",
        "compare records of the same data and options"
        + ("" if across_settings else ", or see --across-settings"),
    )


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("a", type=Path, metavar="A")
    parser.add_argument("b", type=Path, metavar="B")
    parser.add_argument("--by", default="", help="counter of benchmarks; more is better")
    parser.add_argument(
        "--threshold", type=real(0), default=0.05, help="what is too small to matter (default 0.05)"
    )
    parser.add_argument(
        "--across-settings", action="store_true", help="compare runs with different options, too"
    )
    given = parser.parse_args()
    with reading(given.a, "record"):
        a = measurements(given.a, given.by)
    with reading(given.b, "record"):
        b = measurements(given.b, given.by)
    shared = [name for name in a if name in b]
    if not shared:
        raise Refusal(
            f"{given.a} and {given.b} share no row",
            f"A has {', '.join(list(a)[:3])} ...; B has {', '.join(list(b)[:3])} ...",
            "compare records of one kind, of the same benchmarks or settings",
        )
    check_workloads([(name, a[name], b[name]) for name in shared], given.across_settings)
    of = max(1, sum(_has_samples(a[name], b[name]) for name in shared))
    rows = [
        (name, a[name], b[name], judge(a[name], b[name], given.threshold, of)) for name in shared
    ]
    show(rows)
    for label, mine, other in (("A", a, b), ("B", b, a)):
        alone = [name for name in mine if name not in other]
        if alone:
            print(f"only in {label}: {', '.join(alone[:8])}{' ...' if len(alone) > 8 else ''}")
    for name, one, other, _ in rows:
        if differing := other_settings(one, other):
            print(
                f"NOTE: {name.removesuffix(' valid runs')}: not the same settings, A | B: "
                f"{differing}"
            )
    for label, path in (("A", given.a), ("B", given.b)):
        for words in load_notes(path):
            print(f"NOTE: {label} was measured on a {words}")
    failed = [name for name, *_, verdict in rows if verdict.failed]
    for name in b:
        if name not in a and b[name].invalid:  # a check that failed needs no counterpart
            print(f"INVALID in B, and not in A at all: {name}: {b[name].invalid}")
            failed.append(name)
    print(f"{len(rows)} rows compared, {len(failed)} regressions or failed checks")
    return 1 if failed else 0


if __name__ == "__main__":
    exit_with(main)
