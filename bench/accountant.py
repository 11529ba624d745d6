#!/usr/bin/env python3
"""Hold the epsilon of results against another accountant.

  accountant.py RESULT...

For each result of a run with noise: the epsilon in the record, and what dp-accounting (PyPI) says
of the same run: by Renyi differential privacy, as fedfuse counts, and with Poisson sampling by
privacy loss distributions, which are tighter. Without dp-accounting only the record's is printed,
and the table says so.

Exit code 0; 1: dp-accounting says that a run spends more than its record; 2: bad input.
"""

from __future__ import annotations

import logging
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from records.arguments import Parser
from records.errors import Refusal, exit_with, reading
from records.readers import read_result

MISSING = "skipped: no module dp_accounting (pip install dp-accounting)"


@dataclass(frozen=True)
class Run:
    poisson: bool
    multiplier: float
    rate: float
    clients: int
    participants: int
    rounds: int
    delta: float
    epsilon: float


def run_of(path: Path) -> Run:
    record = read_result(path)
    facts = record["facts"]
    if facts.get("epsilon") is None:
        raise Refusal(
            f"{path} has no epsilon",
            "its run added no noise, so there is nothing to account",
            "give results of fedfuse train with --noise-multiplier or --epsilon",
        )
    with reading(path, "result of fedfuse train"):
        config = record["config"]
        clients = int(facts["clients"])
        participants = max(1, math.floor(config["fraction"] * clients + 0.5))
        return Run(
            poisson=config["sampling"] == "poisson",
            multiplier=float(facts["noise_multiplier"]),
            rate=float(config["fraction"]),
            clients=clients,
            participants=participants,
            rounds=int(facts["rounds_done"]),
            delta=float(facts["delta"]),
            epsilon=float(facts["epsilon"]),
        )


def by_library(run: Run) -> tuple[float, float | None]:
    """RDP and, where a tighter account is known, PLD. ImportError without the library."""
    import dp_accounting as dp
    from dp_accounting import pld, rdp

    logging.getLogger("absl").setLevel(logging.ERROR)
    neighbours = dp.NeighboringRelation
    relation = neighbours.ADD_OR_REMOVE_ONE if run.poisson else neighbours.REPLACE_ONE
    event: Any = dp.GaussianDpEvent(run.multiplier if run.poisson else run.multiplier / 2)
    if run.poisson and run.rate < 1:
        event = dp.PoissonSampledDpEvent(run.rate, event)
    elif run.participants < run.clients:
        event = dp.SampledWithoutReplacementDpEvent(run.clients, run.participants, event)
    composed = dp.SelfComposedDpEvent(event, run.rounds)
    orders = [1 + x / 10 for x in range(1, 100)] + [*range(11, 64), 128, 256, 512, 1024]
    renyi = rdp.RdpAccountant(orders, relation).compose(composed).get_epsilon(run.delta)
    if not run.poisson:
        return float(renyi), None
    grid = 1e-4 if renyi < 20 else 1e-3
    losses = pld.PLDAccountant(relation, grid).compose(composed)
    return float(renyi), float(losses.get_epsilon(run.delta))


def row(path: Path) -> tuple[list[str], bool]:
    run = run_of(path)
    cells = [str(path), f"{run.delta:.2g}", str(run.rounds), f"{run.epsilon:.4f}"]
    try:
        renyi, losses = by_library(run)
    except ImportError:
        return [*cells, MISSING], True
    # at fractional orders the library's RDP is an upper bound
    honest = losses is None or losses <= run.epsilon * (1 + 1e-3) + 1e-3
    honest = honest and (run.poisson or abs(renyi - run.epsilon) <= 1e-6 * renyi + 1e-9)
    return [*cells, f"{renyi:.4f}", "-" if losses is None else f"{losses:.4f}"], honest


def main() -> int:
    parser = Parser(prog="accountant.py", description=__doc__)
    parser.add_argument("results", nargs="+", type=Path)
    chosen = parser.parse_args()
    rows = [row(path) for path in chosen.results]
    table = [["file", "delta", "rounds", "record", "RDP", "PLD"], *(cells for cells, _ in rows)]
    for cells in table:
        print("  ".join(f"{cell:>10}" for cell in cells))
    return 0 if all(honest for _, honest in rows) else 1


if __name__ == "__main__":
    exit_with(main)
