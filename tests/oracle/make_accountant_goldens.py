#!/usr/bin/env python3
"""Writes accountant_goldens.json: what dp-accounting says of 194 runs, by RDP and by PLD.

    pip install dp-accounting
    tests/oracle/make_accountant_goldens.py [FILE]   default: accountant_goldens.json beside this

tests/privacy/accountant_test.cpp holds the program's accountant to it, oracle_test.py renyi.py. z
is the standard deviation of the noise over the clipping norm C. Where a client is replaced, the sum
moves by 2C, so the library is given z / 2. At fractional orders the library adds absolute values of
alternating terms: its RDP is an upper bound there, and the points are of whole orders.
"""

from __future__ import annotations

import itertools
import json
import logging
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import dp_accounting as dp
from dp_accounting import pld, rdp

import renyi

FILE = Path(__file__).with_name("accountant_goldens.json")
ADD = dp.NeighboringRelation.ADD_OR_REMOVE_ONE
REPLACE = dp.NeighboringRelation.REPLACE_ONE
CLIENTS = 1_000_000


def event_of(sampling: str, rate: float, noise: float) -> dp.DpEvent:
    gaussian = dp.GaussianDpEvent(noise)
    if sampling == "poisson":
        return dp.PoissonSampledDpEvent(rate, gaussian)
    if sampling == "all":
        return gaussian
    return dp.SampledWithoutReplacementDpEvent(CLIENTS, round(rate * CLIENTS), gaussian)


def point(sampling: str, relation, z: float, q: float, steps: int, delta: float) -> dict:
    noise = z if relation == ADD else z / 2
    run = dp.SelfComposedDpEvent(event_of(sampling, q, noise), steps)
    orders = [float(a) for a in renyi.WHOLE_ORDERS]
    by_rdp = rdp.RdpAccountant(orders, relation).compose(run).get_epsilon(delta)
    found = {
        "sampling": sampling,
        "adjacency": "add-or-remove-one" if relation == ADD else "replace-one",
        "z": z,
        "q": q,
        "steps": steps,
        "delta": delta,
        "epsilon": float(by_rdp),
    }
    if relation == ADD:
        grid = 1e-4 if by_rdp < 20 else 1e-3
        accountant = pld.PLDAccountant(relation, grid)
        found["epsilon_pld"] = float(accountant.compose(run).get_epsilon(delta))
    return found


def points() -> list[dict]:
    found = []
    for z, q, steps, delta in itertools.product(
        [0.5, 0.8, 1.0, 2.0, 5.0], [0.001, 0.01, 0.1], [1, 100, 1000], [1e-5, 1e-7]
    ):
        found.append(point("poisson", ADD, z, q, steps, delta))
    for z, steps, delta in itertools.product([0.8, 1.0, 4.0, 16.0], [1, 100], [1e-5, 1e-7]):
        found += [point("all", relation, z, 1.0, steps, delta) for relation in (ADD, REPLACE)]
    for z, q, steps, delta in itertools.product(
        [1.0, 2.0, 4.0, 8.0], [0.001, 0.01, 0.1], [1, 100, 1000], [1e-5, 1e-7]
    ):
        found.append(point("without_replacement", REPLACE, z, q, steps, delta))
    return found


def one_step() -> list[dict]:
    """RDP of one round, order by order, by a quadrature four times as fine as the program's."""
    return [
        {"z": z, "q": q, "order": a, "rdp": renyi.rdp_poisson(z, q, a, 96)}
        for z, q, a in itertools.product(
            [0.5, 1.0, 5.0],
            [0.001, 0.1, 0.7],
            [1.1, 1.5, 2.0, 2.5, 5.5, 10.0, 64.0, 256.0],
        )
    ]


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    goldens = {
        "versions": {name: version(name) for name in ("dp-accounting", "numpy", "scipy")},
        "orders": renyi.WHOLE_ORDERS,
        "points": points(),
        "one_step": one_step(),
    }
    to.write_text(json.dumps(goldens, indent=1) + "\n")


if __name__ == "__main__":
    main()
