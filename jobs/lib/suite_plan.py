"""Memory and seconds of a class by formula, before anything is allocated.

A rank holds the items, and its share of the clients. The formulas count the largest arrays. The
uploads of `distil` and `all` are stored where there is room for them; elsewhere the clients train
twice, and a chunk of them is stored.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.suite_classes import Class, Workload
from lib.suite_run import Shape
from lib.suite_table import aligned
from records.errors import Refusal
from records.load import is_number

GIB = 2.0**30
FLOAT, SUM = 4, 8
DIM, FEATURES = 64, 128  # of the model; text and image of fedfuse generate
INTERACTIONS = 10.5  # of a client, mean
PROGRAM = 190e6  # an MPI process with its libraries, CUDA's too; without CUDA about 40e6
STATE_COPIES = 2  # clients' parameters: now, and of a round's participants, at most all
FUSED_TABLES = 6  # beside a fused view: its operators' moments, activations and gradients
NEGATIVES = 4  # of a positive
STORED_SHARE = 0.15  # of the free memory: a rank stores no more uploads (src/server/uploads.cpp)
REPLAYED = 1024  # clients of a rank whose uploads are stored where they train twice
UPLOAD = 80  # bytes of an upload beside its rows
LANDMARKS = 2048  # clients of the spectral grouping
AFFINITIES = 1.5  # matrices of theirs: the affinities, and each distance once, for the median
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


def dim_of(workload: Workload, of: Class) -> int:
    return of.router_dim if workload.has_router else DIM


def has_groups(workload: Workload) -> bool:
    return "gfmfr" in workload.train.get("fusion", "none")


def upload_bytes(workload: Workload, of: Class) -> float:
    """Of a client's upload: the rows of its items, where its group needs them."""
    if not has_groups(workload):
        return 0
    dim = dim_of(workload, of)
    return UPLOAD + INTERACTIONS * (1 + NEGATIVES) * FLOAT * (dim + 1)


def memory(workload: Workload, of: Class, users: int, room: float = math.inf) -> Memory:
    """room: for uploads, over all ranks."""
    items, fusion = of.items, workload.train.get("fusion", "none")
    a_client = 2 * SUM + FLOAT * (INTERACTIONS + 4)
    file = users * a_client + items * FLOAT * (FEATURES + 20)
    if not workload.needs_data():
        return Memory(PROGRAM + 4 * of.most_bytes, 0, 0)
    dim = dim_of(workload, of)
    views = VIEWS if workload.has_router else 1
    state = dim + 2
    if workload.has_router:
        state += VIEWS * dim * dim + dim + VIEWS * dim + VIEWS
    tables = 2 * views * items * dim * (FLOAT + SUM / 2) + items * SUM
    if fusion.startswith(("mlp", "fedvlr")):
        tables += FUSED_TABLES * views * items * dim * FLOAT
    participants = users * of.fraction
    heads = 0.0  # that are grouped
    if has_groups(workload):
        tables += GROUPS * items * dim * SUM
        tables += AFFINITIES * SUM * min(participants, LANDMARKS) ** 2
        heads = participants * dim * FLOAT
    if "prior" in fusion:
        tables += items * (PRIOR_GROUPS * 2 * SUM + PRIOR_PROJECTION * FLOAT)
        state += PRIOR_GROUPS
    features = items * FLOAT * FEATURES
    copies = STATE_COPIES + workload.evaluates_each_round()  # that keeps the best model, too
    shared = users * (a_client + copies * state * FLOAT) + heads
    upload = upload_bytes(workload, of)
    uploads = participants * upload
    if uploads > room:
        return Memory(PROGRAM + features + tables + REPLAYED * upload, shared, file)
    return Memory(PROGRAM + features + tables, shared + uploads, file)


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


@dataclass(frozen=True)
class Plan:
    workloads: list[Workload]
    of: Class
    users: int
    shape: Shape
    nodes: int
    free: float  # bytes of a node

    def ranks_a_node(self) -> int:
        return math.ceil(self.shape.ranks * self.shape.copies / self.nodes)

    def need(self, workload: Workload) -> Memory:
        """Copies have clients of their own."""
        one = memory(workload, self.of, self.users, STORED_SHARE * self.free * self.shape.ranks)
        return Memory(one.a_rank, one.shared * self.shape.copies, one.file)

    def as_text(self, reference: dict[str, Any]) -> str:
        head = (
            "workload",
            "a rank",
            "all ranks",
            "a node",
            "unit",
            "data file",
            "a round",
            "nodes",
        )
        rows = [list(head)]
        for workload in self.workloads:
            need = self.need(workload)
            nodes = need.nodes(self.ranks_a_node(), self.free)
            took = seconds(workload, self.of, self.users, self.shape.cores(), reference)
            a_node = need.on_a_node(self.ranks_a_node(), self.nodes)
            rows.append(
                [
                    f"{workload.name}.{self.of.name}",
                    *(f"{size / GIB:.2f}" for size in (need.a_rank, need.shared, a_node)),
                    "GiB",
                    f"{need.file / GIB:.2f} GiB",
                    f"{took:.3g} s" if took is not None else "-",
                    str(nodes) if nodes else "none",
                ]
            )
        told = (
            f"{self.users:,} clients, {self.of.items:,} items; {self.ranks_a_node()} ranks a node, "
            f"{self.nodes} of them, each with {self.free / GIB:.1f} GiB free. nodes: how many it "
            "takes. By formula; a round at the reference machine's rate of a core."
        )
        return "\n".join([*aligned(rows), told])

    def check(self) -> None:
        """Refusal when the largest workload does not fit."""
        ranks = self.ranks_a_node()
        sizes = {w.name: self.need(w).on_a_node(ranks, self.nodes) for w in self.workloads}
        name = max(sizes, key=lambda name: sizes[name])
        if sizes[name] <= self.free:
            return
        need = self.need(next(w for w in self.workloads if w.name == name))
        nodes = need.nodes(ranks, self.free)
        take = (
            f"it would take {nodes} nodes of this size"
            if nodes
            else f"no number of nodes will do: {ranks} ranks need "
            f"{ranks * need.a_rank / GIB:.1f} GiB for the items alone"
        )
        told = f"a node needs {sizes[name] / GIB:.1f} GiB, and {self.free / GIB:.1f} GiB are free"
        raise Refusal(
            f"{name}.{self.of.name} does not fit this machine",
            f"{told}; {take}",
            "choose a smaller class, fewer ranks with more threads, or more --nodes (see --plan)",
        )

    def check_disk(self, folder: Path) -> None:
        need = max(self.need(workload).file for workload in self.workloads)
        there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        free = shutil.disk_usage(there).free
        if need > free:
            raise Refusal(
                f"the data of class {self.of.name} do not fit the disk",
                f"they take {need / GIB:.1f} GiB, and {there} has {free / GIB:.1f} GiB",
                "give another --cache",
            )
