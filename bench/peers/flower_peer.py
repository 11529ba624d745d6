"""The round in Flower's simulation (Ray): a ClientApp with PyTorch's own optimizer, a ServerApp
whose strategy averages the uploads. Heads stay in the clients' contexts.

CPU seconds are those of the whole tree of processes; Ray gets one core.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ.update(
    FLWR_TELEMETRY_ENABLED="0",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    RAY_USAGE_STATS_ENABLED="0",
    CUDA_VISIBLE_DEVICES="",
    PYTHONPATH=str(Path(__file__).resolve().parent),  # for the processes of the clients
)

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

import peer_work as work
from flower_client import FILES, client_app, given
from torch_views import Views

server_app = ServerApp()
found: dict[str, list[float]] = {"losses": [], "cpu_seconds": [], "wall_seconds": []}


class Strategy(FedAvg):
    """Means over the clients of what they upload, then the server's step."""

    def __init__(self) -> None:
        own = given()
        everybody = own.data.clients
        super().__init__(1.0, 0.0, min_train_nodes=everybody, min_available_nodes=everybody)
        self.table = own.start.table.copy()
        self.views = Views(own.data, own.start) if own.workload == "mlp" else None
        self.since = 0.0, 0.0

    def rows(self) -> ArrayRecord:
        rows = self.views.fixed().numpy() if self.views is not None else self.table
        return ArrayRecord([rows])

    def configure_train(self, *words: Any) -> Iterable[Message]:
        self.since = tree_seconds(), time.perf_counter()
        return super().configure_train(*words)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        arrived = list(replies)
        failed = [one.error.reason for one in arrived if one.has_error()]
        if failed or len(arrived) < given().data.clients:
            raise RuntimeError(f"{len(arrived)} clients answered; {failed[:1]}")
        means, metrics = super().aggregate_train(server_round, arrived)
        change, touched = means.to_numpy_ndarrays()
        if self.views is not None:
            self.views.step(torch.from_numpy(change))
        else:
            seen = touched > 0
            self.table[seen] += work.SERVER_RATE * change[seen] / touched[seen, None]
        rows = self.rows()
        found["losses"].append(metrics["loss"])
        found["cpu_seconds"].append(tree_seconds() - self.since[0])
        found["wall_seconds"].append(time.perf_counter() - self.since[1])
        return rows, metrics


@server_app.main()
def serve(grid: Grid, context: Context) -> None:  # noqa: ARG001  (Flower passes it by name)
    strategy = Strategy()
    strategy.start(grid, strategy.rows(), num_rounds=given().rounds)


def tree_seconds() -> float:
    """User and system seconds of this process and all that descend from it."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for process, parent, ticks in processes():
        children.setdefault(parent, []).append(process)
        seconds[process] = ticks / os.sysconf("SC_CLK_TCK")
    todo, total = [os.getpid()], 0.0
    while todo:
        process = todo.pop()
        total += seconds.get(process, 0.0)
        todo += children.get(process, [])
    return total


def processes() -> Iterator[tuple[int, int, int]]:
    """Number, parent, and ticks with those of its ended children."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                yield int(folder.name), int(fields[1]), sum(map(int, fields[11:15]))


def main() -> None:
    os.environ[FILES] = "\n".join(sys.argv[1:])
    logging.disable(logging.INFO)
    one_core = {"num_cpus": 1, "include_dashboard": False, "log_to_driver": False}
    run_simulation(
        server_app,
        client_app,
        given().data.clients,
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": one_core,
        },
    )
    work.report("flower", given().workload, ("flwr", "ray", "torch"), found)


if __name__ == "__main__":
    main()
