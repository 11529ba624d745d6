"""The suite's workloads and classes: what is run, on how much data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from records.errors import Refusal, meant

WARM_UP = 2  # rounds
LAST = 1  # the last round alone is evaluated, and is not measured
SEED = 0
# Of the last loss, relative. Another compiler or instruction set rounds in another way; where
# clients are grouped by their heads, the groups follow the last bits.
TOLERANCE, GROUPED_TOLERANCE = 1e-3, 2e-2
RATE = "client-rounds/s"
# The benchmarks of bench_kernels that count: every head, the sums, the teacher's map, the ranks.
KERNELS = (
    *(f"local_train_clients/{head}/1" for head in range(5)),
    *(f"aggregate_updates/{variant}/1000" for variant in range(2)),
    "preference_map/560/5",
    *(f"rank_count/{head}/560" for head in range(5)),
)


@dataclass(frozen=True)
class Workload:
    name: str
    what: str
    unit: str
    program: str = "fedfuse"
    train: dict[str, Any] = field(default_factory=dict)  # options of fedfuse train
    has_router: bool = False
    phase: str = "round_s"  # the seconds that are measured: a column of /time
    tolerance: float = TOLERANCE

    def trains(self) -> bool:
        return self.program == "fedfuse"

    def needs_data(self) -> bool:
        return self.trains() or self.name == "io"

    def evaluates_each_round(self) -> bool:
        return self.phase == "evaluation_max"


@dataclass(frozen=True)
class Class:
    name: str
    what: str
    users: int
    items: int
    measured: int = 6  # rounds of a run
    repeats: int = 3  # runs
    fraction: float = 1.0
    eval_clients: int = 2000
    router_dim: int = 64  # a router has 3 d^2 weights and more a client
    verifies: bool = False  # every run is repeated on other ranks or threads
    only_planned: bool = False
    kernel_seconds: float = 0.1  # of a benchmark, at least
    most_bytes: int = 1 << 25  # of an all-reduce

    def rounds(self) -> int:
        return WARM_UP + self.measured + LAST


def _trained(name: str, what: str, fusion: str, has_router: bool = False) -> Workload:
    tolerance = GROUPED_TOLERANCE if "gfmfr" in fusion else TOLERANCE
    options = {"fusion": fusion}
    return Workload(name, what, RATE, train=options, has_router=has_router, tolerance=tolerance)


WORKLOADS = {
    one.name: one
    for one in (
        Workload("kernels", "the hot loops alone", "GFLOP/s", "bench_kernels"),
        Workload("collectives", "all-reduce of 64-bit sums, checked", "GB/s", "bench_collectives"),
        _trained("linear", "fcf: private linear heads, one shared table", "none"),
        _trained("mlp", "fcf + mlp: one fused view of every item", "mlp"),
        _trained("router", "fcf + fedvlr: three views, a private router", "fedvlr", True),
        _trained("distil", "fcf + gfmfr: groups and their teacher", "gfmfr"),
        _trained("prior", "fcf + group-prior", "group-prior"),
        _trained("all", "fcf + fedvlr + gfmfr", "fedvlr+gfmfr", True),
        Workload(
            "rank",
            "evaluation alone: held-out items among all items",
            "clients/s",
            train={"fusion": "none"},
            phase="evaluation_max",
        ),
        Workload("io", "a checkpoint written, read back and compared", "GB/s", "bench_io"),
    )
}
CLASSES = {
    one.name: one
    for one in (
        Class(
            "S",
            "seconds; for tests",
            users=500,
            items=200,
            repeats=1,
            eval_clients=0,
            verifies=True,
            kernel_seconds=0.002,
            most_bytes=1 << 17,
        ),
        Class("W", "a laptop core: a minute for the slowest workload", 10_000, 2_000),
        Class("A", "a node", 200_000, 20_000, repeats=1, router_dim=32),
        Class("B", "several nodes", 1_000_000, 100_000, repeats=1, fraction=0.1, router_dim=16),
        Class("C", "a cluster", 10_000_000, 1_000_000, repeats=1, fraction=0.1, router_dim=16),
        Class(
            "D",
            "planned only",
            users=100_000_000,
            items=1_000_000,
            repeats=1,
            fraction=0.1,
            router_dim=16,
            only_planned=True,
        ),
    )
}


def find_class(name: str) -> Class:
    if name not in CLASSES:
        raise Refusal(
            f'there is no class "{name}"{meant(name.upper(), CLASSES)}',
            f"the classes are {', '.join(CLASSES)}",
            "see jobs/suite.py --list",
        )
    return CLASSES[name]


def find_workloads(names: Sequence[str]) -> list[Workload]:
    """In the order of the table, each once: the ceilings are measured first. No name: all."""
    for name in names:
        if name not in WORKLOADS:
            raise Refusal(
                f'there is no workload "{name}"{meant(name, WORKLOADS)}',
                f"the workloads are {', '.join(WORKLOADS)}",
                "see jobs/suite.py --list",
            )
    return [one for one in WORKLOADS.values() if not names or one.name in names]


def generate_options(of: Class, users: int) -> dict[str, Any]:
    return {"users": users, "items": of.items, "seed": SEED}


def train_options(workload: Workload, of: Class, device: str, seed: int = SEED) -> dict[str, Any]:
    """Every option that the suite fixes; all others have their defaults."""
    rounds = of.rounds()
    return {
        "backbone": "fcf",
        **workload.train,
        "dim": of.router_dim if workload.has_router else 64,
        "rounds": rounds,
        "fraction": of.fraction,
        "seed": seed,
        "eval-every": 1 if workload.evaluates_each_round() else rounds,
        "eval-clients": of.eval_clients,
        "device": device,
    }


def as_text() -> str:
    lines = ["workloads:"]
    lines += [f"  {one.name:<12} {one.unit:<16} {one.what}" for one in WORKLOADS.values()]
    lines.append("classes (clients x items, measured rounds x runs, clients a round):")
    for one in CLASSES.values():
        size = f"{one.users:,} x {one.items:,}"
        runs = f"{one.measured} x {one.repeats}"
        lines.append(f"  {one.name:<3} {size:<24} {runs:<7} {one.fraction:<5g} {one.what}")
    return "\n".join(lines)
