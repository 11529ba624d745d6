"""Points of jobs/studies/privacy.py about servers that wait and servers that do not."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

TURNS = 8000  # of clients: 20 rounds of a fifth of 2,000
SECONDS = (25, 100, 300)  # simulated

Settings = dict[str, Any]
Quantity = Any  # (table, column, row) of the record, or a function of the record


def points() -> list[Settings]:
    """Rounds for 8,000 turns and for about 300 simulated seconds."""
    servers: list[tuple[str, Settings]] = [
        ("wait for all", {"fraction": 0.2, "rounds": 20, "eval-every": 1}),
        ("over-select 1.3", {"fraction": 0.2, "over-select": 1.3, "rounds": 170, "eval-every": 2}),
        ("wait, 80 a round", {"fraction": 0.04, "rounds": 100, "eval-every": 5}),
        ("async, K = 400", {"fraction": 0.2, "async": 400, "rounds": 250, "eval-every": 2}),
        ("async, K = 80", {"fraction": 0.2, "async": 80, "rounds": 1250, "eval-every": 10}),
    ]
    models: list[tuple[str, Settings]] = [
        ("none", {"backbone": "fcf", "fusion": "none"}),
        ("mlp", {"backbone": "fcf", "fusion": "mlp"}),
        ("mlp, lower rate", {"backbone": "fcf", "fusion": "mlp", "server-lr": 0.001}),
    ]
    return [
        {"label": f"{model}: {server}", "client-devices": "lognormal", **settings, **more}
        for model, settings in models
        for server, more in servers
    ]


def last_within(record: dict[str, Any], reached: list[float], most: float) -> float | None:
    """HR@50 of the last evaluation at which `reached`, of each round, is not beyond `most`."""
    quality = record["metrics"]["test_hr_50"]
    found = [q for q, r in zip(quality, reached) if q is not None and r <= most]
    return found[-1] if found else None


def turns_of(record: dict[str, Any]) -> list[float]:
    """Turns of clients that counted, up to each round."""
    return list(accumulate(record["clock"]["delivered"]))


def quantities() -> dict[str, Quantity]:
    def of_turns(record: dict[str, Any]) -> float | None:
        return last_within(record, turns_of(record), TURNS)

    def seconds(record: dict[str, Any]) -> float:
        clock = record["clock"]["simulated_total_s"]
        return next(s for s, turns in zip(clock, turns_of(record)) if turns >= TURNS)

    def at(most: float) -> Quantity:
        return lambda record: last_within(record, record["clock"]["simulated_total_s"], most)

    return {
        "hr_50": of_turns,
        "simulated_s": seconds,
        **{f"hr_50_within_{most}_s": at(most) for most in SECONDS},
        "wasted_share": ("facts", "wasted_share", 0),
        "staleness": ("clock", "staleness_mean", -1),
    }
