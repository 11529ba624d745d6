"""Medians and their intervals, for repeated runs on machines that are not idle."""

from __future__ import annotations

import functools
import math
import random
import statistics
from collections.abc import Sequence

COVERAGE = 0.95
RESAMPLES = 2000
FEWEST = 3  # fewer samples give no spread
BOOTSTRAPPED = 8  # a bootstrap of fewer samples hardly leaves their range, and is too narrow


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(low, high, coverage) of the median from order statistics, free of any distribution: the
    narrowest symmetric pair that covers at least 95 %; with fewer than 6 values the extremes, whose
    coverage is less and is returned."""
    ordered, n = sorted(values), len(values)
    outside = [math.comb(n, k) / 2.0**n for k in range(n + 1)]
    best = 0
    while best + 1 < (n + 1) // 2 and 1 - 2 * sum(outside[: best + 2]) >= COVERAGE:
        best += 1
    return ordered[best], ordered[n - 1 - best], max(0.0, 1 - 2 * sum(outside[: best + 1]))


def trimmed_mean(values: Sequence[float], share: float = 0.2) -> float:
    """The mean without the lowest and the highest share of the values: of five, one at each end."""
    cut = int(len(values) * share)
    return statistics.fmean(sorted(values)[cut : len(values) - cut])


def ratio_interval(
    base: Sequence[float], new: Sequence[float], of: int = 1, seed: int = 0
) -> tuple[float, float]:
    """An interval of new / base, the same for the same values: the percentile bootstrap of the
    medians' ratio; with few samples Welch's t interval of the logarithms' means. All of so many
    intervals together hold with 95 % (Bonferroni)."""
    outside = (1 - COVERAGE) / of
    if min(len(base), len(new)) < BOOTSTRAPPED:
        return _welch(base, new, outside)
    rng = random.Random(seed)
    ratios = sorted(
        _resampled_median(rng, new) / _resampled_median(rng, base) for _ in range(RESAMPLES)
    )
    edge = int(RESAMPLES * outside / 2)
    return ratios[edge], ratios[-1 - edge]


def _welch(base: Sequence[float], new: Sequence[float], outside: float) -> tuple[float, float]:
    """Welch (1947): each side has its own variance. It holds the ratio of the medians, too."""
    logs = [[math.log(value) for value in side] for side in (base, new)]
    parts = [statistics.variance(side) / len(side) for side in logs]
    center = statistics.fmean(logs[1]) - statistics.fmean(logs[0])
    half = 0.0
    if sum(parts) > 0:
        freedom = sum(parts) ** 2 / sum(
            part**2 / (len(side) - 1) for part, side in zip(parts, logs)
        )
        half = student(outside, int(freedom)) * math.sqrt(sum(parts))
    ratio = statistics.median(new) / statistics.median(base)
    return min(ratio, math.exp(center - half)), max(ratio, math.exp(center + half))


@functools.lru_cache
def student(outside: float, freedom: int) -> float:
    """t beyond which Student's |T| lies with this probability: by bisection of its integral."""
    low, high = 0.0, 1.0
    while _within(high, freedom) < 1 - outside:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 1 - outside else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """P(|T| < t), by Simpson's rule over the angle whose tangent is t / sqrt(freedom)."""
    steps = 200
    width = math.atan(t / math.sqrt(freedom)) / steps
    heights = [math.cos(k * width) ** (freedom - 1) for k in range(steps + 1)]
    area = (
        width / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1::2]) + 2 * sum(heights[2:-1:2]))
    )
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    return 2 / math.sqrt(math.pi) * math.exp(scale) * area


def _resampled_median(rng: random.Random, values: Sequence[float]) -> float:
    return statistics.median(rng.choices(values, k=len(values)))
