"""The accountant's oracle: RDP of the sampled Gaussian mechanism in NumPy (src/models.md, section
10). noise = standard deviation / sensitivity everywhere; orders are real and > 1."""

from __future__ import annotations

import functools
import math

import numpy as np

REACH = 12.0  # standard deviations
WHOLE_ORDERS = [*range(2, 64), 128, 256, 512, 1024]


def _nodes(noise: float, top: float, per_noise: int) -> tuple[np.ndarray, np.ndarray]:
    """log r and the log weights of the trapezoid rule for E over x ~ N(0, noise^2)."""
    x = np.arange(-REACH * noise, top + REACH * noise, noise / per_noise)
    log_w = -x * x / (2 * noise**2) - math.log(per_noise * math.sqrt(2 * math.pi))
    return (2 * x - 1) / (2 * noise**2), log_w


def rdp_poisson(noise: float, rate: float, order: float, per_noise: int = 24) -> float:
    """Add or remove one: A - 1 = E[(1 + t)^a - 1 - a t], t = rate (r - 1)."""
    if rate == 1:
        return order / (2 * noise**2)
    u, log_w = _nodes(noise, order, per_noise)
    log_ratio = np.logaddexp(math.log1p(-rate), math.log(rate) + u)
    log_a = float(np.logaddexp.reduce(order * log_ratio + log_w))
    if log_a >= 0.5:
        return log_a / (order - 1)
    t = np.where(u < 1, rate * np.expm1(np.minimum(u, 1)), np.expm1(log_ratio))
    exact = np.where(u < 1, np.log1p(t), log_ratio)
    series = 1 + (order - 2) / 3 * t * (1 + (order - 3) / 4 * t)
    beyond = np.where(
        np.abs(t) < 1e-4,
        order * (order - 1) / 2 * t * t * series,
        np.expm1(np.minimum(order * exact, 700)) - order * t,
    )
    return math.log1p(float(np.sum(np.exp(log_w) * beyond))) / (order - 1)


@functools.lru_cache(None)
def _log_even_moment(noise: float, k: int) -> float:
    u, log_w = _nodes(noise, k, 24)
    with np.errstate(divide="ignore"):
        log_abs = np.maximum(u, 0) + np.log(-np.expm1(-np.abs(u)))
    return float(np.logaddexp.reduce(k * log_abs + log_w))


def _log_a_without_replacement(noise: float, rate: float, order: int) -> float:
    """Wang, Balle, Kasiviswanathan 2019, Theorem 27."""

    def f(x: float) -> float:
        return x / (2 * noise**2)

    terms = [0.0]
    for j in range(2, order + 1):
        term = math.log(2) + (j - 1) * f(j)
        if j == 2:
            near = math.log(4) + f(2) + math.log1p(-math.exp(-f(2)))
            term = min(near, f(2) + math.log(2))
        elif order <= 256:
            both = _log_even_moment(noise, 2 * (j // 2)) + _log_even_moment(
                noise, 2 * ((j + 1) // 2)
            )
            term = min(term, math.log(4) + both / 2)
        chosen = math.lgamma(order + 1) - math.lgamma(j + 1) - math.lgamma(order - j + 1)
        terms.append(term + chosen + j * math.log(rate))
    return float(np.logaddexp.reduce(terms))


def rdp_without_replacement(noise: float, rate: float, order: int) -> float:
    """Replace one, whole orders."""
    if rate == 1:
        return order / (2 * noise**2)
    return _log_a_without_replacement(noise, rate, order) / (order - 1)


def epsilon(rdp: list[float], delta: float, orders: list[int]) -> float:
    """Canonne, Kamath, Steinke 2020, Proposition 12."""
    best = math.inf
    for a, r in zip(orders, rdp):
        if delta**2 + math.expm1(-r) > 0:
            return 0.0
        best = min(best, r + math.log1p(-1 / a) - math.log(delta * a) / (a - 1))
    return max(0.0, best)
