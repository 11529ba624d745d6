"""Memory and seconds of a class by formula, before anything is allocated.

A rank holds the items, and its share of the clients. The formulas count the largest
arrays.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.suite_classes import Class, Workload
from lib.suite_table import aligned
from records.errors import Refusal
from records.load import is_number

GIB = 2.0**30
FLOAT, SUM = 4, 8
DIM, FEATURES = 64, 128  # of the model; text and image of fedfuse generate
INTERACTIONS = 10.5  # of a client, mean
PROGRAM = 190e6  # an MPI process with its libraries
STATE_COPIES = 3  # clients' parameters: now, of the best round, on their way to the file
VIEWS, GROUPS, PRIOR_GROUPS, PRIOR_PROJECTION = 3, 5, 20, 512


@dataclass(frozen=True)
class Memory:
    a_rank: float  # bytes on every rank
    shared: float  # bytes over all ranks together
    file: float  # bytes of the data set

    def on_a_node(self, ranks: int, nodes: int = 1) -> float:
        return ranks * self.a_rank + self.shared / nodes

    def nodes(self, ranks: int, free: float) -> int | None:
        """How many nodes with so much free memory it takes; None: the items alone do not fit."""
        left = free - ranks * self.a_rank
        return max(1, math.ceil(self.shared / left)) if left > 0 else None


def memory(workload: Workload, of: Class, users: int) -> Memory:
    items, fusion = of.items, workload.train.get("fusion", "none")
    a_client = 2 * SUM + FLOAT * (INTERACTIONS + 4)
    file = users * a_client + items * FLOAT * (FEATURES + 20)
    if not workload.needs_data():
        return Memory(PROGRAM + 4 * of.most_bytes, 0, 0)
    dim = of.router_dim if workload.has_router else DIM
    views = VIEWS if workload.has_router else 1
    state = dim + 2
    if workload.has_router:
        state += VIEWS * dim * dim + dim + VIEWS * dim + VIEWS
    tables = 2 * views * items * dim * (FLOAT + SUM / 2) + items * SUM
    if "gfmfr" in fusion:
        tables += GROUPS * items * dim * SUM
    if "prior" in fusion:
        tables += items * (PRIOR_GROUPS * 2 * SUM + PRIOR_PROJECTION * FLOAT)
        state += PRIOR_GROUPS
    features = items * FLOAT * FEATURES
    shared = users * (a_client + STATE_COPIES * state * FLOAT)
    return Memory(PROGRAM + features + tables, shared, file)


def seconds(
    workload: Workload, of: Class, users: int, cores: int, reference: dict[str, Any]
) -> float | None:
    """Of a round, at the rate that the reference machine had in its largest class."""
    rows = reference.get("rows", {})
    known = [rows[f"{workload.name}.{c}"] for c in "WAB" if f"{workload.name}.{c}" in rows]
    if not workload.trains() or not known or not is_number(known[-1].get("fom")):
        return None
    row = known[-1]
    rate = row["fom"] / (row["ranks"] * row["threads"]) * cores
    if workload.evaluates_each_round():
        return (of.eval_clients or users) / rate * of.items / row.get("items", of.items)
    return users * of.fraction / rate


def as_text(
    workloads: list[Workload],
    of: Class,
    users: int,
    ranks: int,
    cores: int,
    free: float,
    reference: dict[str, Any],
) -> str:
    rows = [["workload", "a rank", "all ranks", "a node", "unit", "data file", "a round", "nodes"]]
    for workload in workloads:
        need = memory(workload, of, users)
        nodes, took = need.nodes(ranks, free), seconds(workload, of, users, cores, reference)
        rows.append(
            [
                f"{workload.name}.{of.name}",
                *(f"{b / GIB:.2f}" for b in (need.a_rank, need.shared, need.on_a_node(ranks))),
                "GiB",
                f"{need.file / GIB:.2f} GiB",
                f"{took:.3g} s" if took is not None else "-",
                str(nodes) if nodes else "none",
            ]
        )
    told = (
        f"{users:,} clients, {of.items:,} items; {ranks} ranks a node with {free / GIB:.1f} GiB "
        "free. By formula; a round at the rate of the reference machine for each core."
    )
    return "\n".join([*aligned(rows), told])


def check(workloads: list[Workload], of: Class, users: int, ranks: int, free: float) -> None:
    """Refusal when the largest workload does not fit this machine."""
    needs = {workload.name: memory(workload, of, users) for workload in workloads}
    name = max(needs, key=lambda name: needs[name].on_a_node(ranks))
    need = needs[name]
    if need.on_a_node(ranks) <= free:
        return
    nodes = need.nodes(ranks, free)
    take = (
        f"it would take {nodes} nodes of this size"
        if nodes
        else f"no number of nodes will do: {ranks} ranks need {ranks * need.a_rank / GIB:.1f} GiB "
        "for the items alone"
    )
    raise Refusal(
        f"{name}.{of.name} does not fit this machine",
        f"it needs {need.on_a_node(ranks) / GIB:.1f} GiB, and {free / GIB:.1f} are free; {take}",
        "choose a smaller class, fewer ranks with more threads, or more nodes (--plan shows all)",
    )


def check_disk(workloads: list[Workload], of: Class, users: int, folder: Path) -> None:
    need = max(memory(workload, of, users).file for workload in workloads)
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if need > free:
        raise Refusal(
            f"the data of class {of.name} do not fit the disk",
            f"they take {need / GIB:.1f} GiB, and {there} has {free / GIB:.1f} GiB",
            "give another --cache",
        )
