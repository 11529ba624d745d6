"""What every peer computes, and how it reports: src/models.md, sections 1, 2 and 4.

A peer is a program of one thread: PEER.py DATA START WORKLOAD ROUNDS SEED. START is a
checkpoint of `fedfuse train` from which nothing has moved yet. The last line that a peer prints is
JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

DIM, EPOCHS, BATCH, NEGATIVES = 64, 5, 256, 4
PER_POSITIVE = 1 + NEGATIVES
BRANCHES = "dtv"  # ID, text, image
ROW_RATE, SERVER_RATE = 0.1, 8.0  # of item rows, on the client and on the server
ADAM_RATE, ADAM_BETAS, ADAM_EPSILON = 0.003, (0.9, 0.999), 1e-8  # of the operators, by `mlp`
NORM_EPSILON = 1e-5
HEAD_RATE = {"linear": 0.3, "mlp": 0.01}


class Data:
    """A data set of `fedfuse generate`."""

    def __init__(self, path: Path) -> None:
        with h5py.File(path) as file:
            self.items = file["interactions/items"][:].astype(np.int64)
            self.offsets = file["interactions/offsets"][:]
            self.clients, self.item_count = int(file.attrs["clients"]), int(file.attrs["items"])
            self.text, self.image = file["items/text"][:], file["items/image"][:]
        self.positives = np.diff(self.offsets)
        self.owner = np.repeat(np.arange(self.clients), self.positives)
        self.is_positive = np.zeros((self.clients, self.item_count), bool)
        self.is_positive[self.owner, self.items] = True

    def of(self, client: int) -> np.ndarray:
        return self.items[self.offsets[client] : self.offsets[client + 1]]

    def negatives(self, rng: np.random.Generator, clients: np.ndarray) -> np.ndarray:
        """For each client in turn, NEGATIVES items a positive, uniform over all but its own."""
        owner = np.repeat(clients, NEGATIVES * self.positives[clients])
        drawn = rng.integers(0, self.item_count, owner.size)
        again = np.flatnonzero(self.is_positive[owner, drawn])
        while again.size:
            drawn[again] = rng.integers(0, self.item_count, again.size)
            again = again[self.is_positive[owner[again], drawn[again]]]
        return drawn


@dataclass(frozen=True)
class Start:
    """Every program starts where fedfuse starts: only the draws of negatives are its own."""

    head: np.ndarray  # DIM weights; the bias starts at 0
    table: np.ndarray  # items x DIM: the shared rows, or by `mlp` the ID table D
    operators: dict[str, np.ndarray]  # of the fused view; {} without one

    @staticmethod
    def of(data: Data, checkpoint: Path) -> Start:
        shape = data.item_count, DIM
        with h5py.File(checkpoint) as file:
            server = file["state/server"]
            head = server["global/theta"][:DIM]
            if "views" not in server:
                return Start(head, server["global/view_0"][:].reshape(shape), {})
            stored = {name: server[f"views/{name}"][:] for name in operator_names()}
            table = server["views/D"][:].reshape(shape)
        rows = {"W1": 2 * DIM, "W2": DIM, **{f"A_{branch}": DIM for branch in BRANCHES}}
        for name, count in rows.items():
            stored[name] = stored[name].reshape(count, -1)
        return Start(head, table, stored)


def operator_names() -> list[str]:
    """As in src/models.md, section 4: matrices, biases, and gains and shifts of the layer norms."""
    of_branches = [f"{name}_{branch}" for branch in BRANCHES for name in ("A", "a", "ln_w", "ln_b")]
    return [*of_branches, "W1", "b1", "W2", "b2"]


@dataclass(frozen=True)
class Arguments:
    data: Data
    start: Start
    workload: str
    rounds: int
    seed: int


def arguments() -> Arguments:
    file, checkpoint, workload, rounds, word = sys.argv[1:]
    data, seed = Data(Path(file)), int(word)
    return Arguments(data, Start.of(data, Path(checkpoint)), workload, int(rounds), seed)


def timed(rounds: int, one_round: Callable[[], float]) -> dict[str, list[float]]:
    """CPU and wall seconds of every round, and its loss."""
    found: dict[str, list[float]] = {"losses": [], "cpu_seconds": [], "wall_seconds": []}
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        found["losses"].append(float(one_round()))
        found["cpu_seconds"].append(time.process_time() - cpu)
        found["wall_seconds"].append(time.perf_counter() - wall)
    return found


def report(peer: str, workload: str, packages: tuple[str, ...], found: dict[str, Any]) -> None:
    versions = {name: version(name) for name in ("numpy", "h5py", *packages)}
    versions["python"] = sys.version.split()[0]
    document = {"format": "fedfuse-peer", "peer": peer, "workload": workload}
    print(json.dumps({**document, "versions": versions, **found}))
