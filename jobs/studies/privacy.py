#!/usr/bin/env python3
"""What privacy costs, what uploads tell, what attackers reach, what late clients and few clients
cost, on planted data.

  privacy.py --work DIR [--program build/release/fedfuse] [--parallel 2] [--seeds 0-2]
        [--only epsilon upload-noise attack devices async size]

epsilon: the noise multiplier against HR@50 at 204 to 200,000 clients, which takes most of the time.
upload-noise: the papers' noise against HR@50 and what the probe sees. attack: the share of
attackers against ER@50 of an item that nearly nobody knows, without a defence, with a bound on
uploads and with row medians. devices: simulated seconds and HR@50 of 2,000 clients, a fifth of them
a round, by what the server does about slow and absent ones. async: HR@50 by simulated seconds, and
after 8,000 turns of clients, of buffered asynchronous steps and of servers that wait; one of these
takes as few clients a round as a step has uploads, so that more steps are not taken for asynchrony.
size: HR@50 by round of 10 to 1,000 clients, of which the smaller sets are the first clients of the
largest. Numbers are of the last round (async, size: of some rounds), so no round is chosen by data.
All rates are the defaults but "lower rate" of async; none was searched. Writes DIR/table.json, the
mean and the extremes over the seeds of each point, which bench/plot.py privacy draws. A finished
run in DIR is not repeated.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib import buffered_study, generated  # noqa: E402  (the path comes first)
from lib.seeds import seed_list  # noqa: E402
from lib.study_runs import Runner  # noqa: E402
from records import outputs  # noqa: E402
from records.arguments import Parser, filled, whole  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402
from records.program import default_program  # noqa: E402

PARTS = ("epsilon", "upload-noise", "attack", "devices", "async", "size")
SIZES = (10, 30, 100, 300, 1000)
ITEMS = {204: 560, 2000: 1000, 20000: 2000, 200000: 4000, **dict.fromkeys(SIZES, 560)}
ROUNDS = 20
MORE_ROUNDS = {"size": 100}
EVERY = {"size": 10}  # rounds between evaluations; else the last alone is evaluated
MULTIPLIERS = (0.3, 1, 3, 10)
CLIP = 0.2
NOISES = (0, 0.001, 0.003, 0.01, 0.03, 0.1)
SHARES = (0.001, 0.01, 0.05, 0.1, 0.2)
MODEL = {"backbone": "fcf", "fusion": "mlp"}
# an item that nobody knows; the factor of the first measurement
PUSH = {"attack": "boost-item", "attack-boost": 30}

Settings = dict[str, Any]
Quantity = Any  # (table, column, row) of the record, or a function of the record


def epsilon_points() -> list[Settings]:
    """Each client by itself with probability 1: neighbours differ by one client."""
    private = {**MODEL, "sampling": "poisson", "clip": CLIP}
    return [
        {"label": "no clip", **MODEL},
        {"label": "clip", **private},
        *(
            {"label": f"z = {z}", **private, "noise-multiplier": z, "delta": 1e-5}
            for z in MULTIPLIERS
        ),
    ]


def noise_points() -> list[Settings]:
    points = []
    for fusion in ("none", "mlp"):
        for scale in NOISES:
            noise = {"upload-noise": "laplace", "upload-noise-scale": scale} if scale else {}
            points.append(
                {
                    "label": f"{fusion}, b = {scale}",
                    "backbone": "fcf",
                    "fusion": fusion,
                    "probe-clients": 200,
                    **noise,
                }
            )
    return points


def attack_points() -> list[Settings]:
    defences: list[tuple[str, Settings]] = [
        ("no defence", {}),
        ("clip 0.3", {"clip": 0.3}),
        ("row median", {"defence": "row-median"}),
    ]
    points = []
    for name, defence in defences:
        # without an attack the item is watched all the same
        points.append({"label": f"{name}, q = 0", **MODEL, **defence, "attack-item": 0})
        points += [
            {"label": f"{name}, q = {q}", **MODEL, **defence, **PUSH, "attack-share": q}
            for q in SHARES
        ]
    return points


def device_points() -> list[Settings]:
    """Seconds of a turn: the median client has 20 interactions, so 5 x 0.005 x 5 x 20 = 2.5 s."""
    base = {**MODEL, "fraction": 0.2, "client-devices": "lognormal"}
    return [
        {"label": label, **base, **settings}
        for label, settings in (
            ("wait for all", {}),
            ("over-select 1.3", {"over-select": 1.3}),
            ("deadline 5 s", {"deadline": 5}),
            ("deadline 10 s", {"deadline": 10}),
            ("both, 10 s", {"over-select": 1.3, "deadline": 10}),
            ("dropout 30 %", {"dropout": 0.3}),
            ("diurnal", {"availability": "diurnal", "deadline": 10}),
        )
    ]


def size_points() -> list[Settings]:
    return [{"label": fusion, "backbone": "fcf", "fusion": fusion} for fusion in ("none", "mlp")]


def plan(part: str) -> list[tuple[int, list[Settings]]]:
    if part == "epsilon":
        return [(clients, epsilon_points()) for clients in (204, 2000, 20000, 200000)]
    if part == "size":
        return [(clients, size_points()) for clients in SIZES]
    points = {
        "upload-noise": noise_points,
        "attack": attack_points,
        "devices": device_points,
        "async": buffered_study.points,
    }
    return [(2000, points[part]())]


def quantities(part: str) -> dict[str, Quantity]:
    """Name in the table -> table and column of the record, and its row (of facts 0), or how it is
    read."""
    if part == "async":
        return buffered_study.quantities()
    last: dict[str, Quantity] = {"hr_50": ("metrics", "test_hr_50", -1)}
    if part == "epsilon":
        return last | {
            "epsilon": ("privacy", "epsilon", -1),
            "clipped_share": ("privacy", "clipped_share", -1),
            "popularity_hr_50": ("baselines", "test_hr_50", 0),
        }
    if part == "upload-noise":
        return last | {
            "auc_first": ("privacy", "probe_auc_rows", 0),
            "auc_last": ("privacy", "probe_auc_rows", -1),
            "precision_first": ("privacy", "probe_precision_rows", 0),
            "popularity_hr_50": ("baselines", "test_hr_50", 0),
        }
    if part == "devices":
        return last | {
            "simulated_s": ("facts", "simulated_seconds", 0),
            "wasted_share": ("facts", "wasted_share", 0),
            "fastest_hr_50": ("classes", "class_test_hr_50", 0),
            "slowest_hr_50": ("classes", "class_test_hr_50", -1),
            "slowest_turns": ("classes", "class_deliveries", -1),
        }
    if part == "size":
        rounds: dict[str, Quantity] = {
            f"hr_50_round_{n}": ("metrics", "test_hr_50", n - 1) for n in (10, 20, 50, 100)
        }
        return rounds | {"popularity_hr_50": ("baselines", "test_hr_50", 0)}
    return last | {"er_50": ("metrics", "er_50", -1)}


def value(record: dict[str, Any], where: Quantity) -> float | None:
    if callable(where):
        return where(record)
    table, column, row = where
    numbers = record.get(table, {}).get(column)
    if isinstance(numbers, float | int):
        return float(numbers)
    return numbers[row] if numbers else None


def over_seeds(values: list[float | None]) -> dict[str, float] | None:
    known = [v for v in values if v is not None]
    if not known:
        return None
    return {"mean": sum(known) / len(known), "least": min(known), "most": max(known)}


def rarest_item(data: Path) -> int:
    """The item that boost-item takes by itself, for runs without an attack."""
    try:
        import h5py
        import numpy as np
    except ImportError as error:
        raise Refusal(
            "the attack cannot be studied",
            "this Python has no h5py",
            "apt-get install python3-h5py, or leave attack out with --only",
        ) from error
    with h5py.File(data) as file:
        count = np.bincount(file["interactions/items"][:], minlength=int(file.attrs["items"]))
    count = np.where(count == 0, count.max() + 1, count)
    return int(count.argmin())


def generate(program: str, work: Path, clients: int) -> Path:
    data = work / f"planted_{clients}.h5"
    if data.exists():
        return data
    generated.make(program, {"users": clients, "items": ITEMS[clients], "seed": 0}, data)
    return data


def measure(part: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for clients, planned in plan(part):
        data = generate(given.program, given.work, clients)
        rounds = MORE_ROUNDS.get(part, ROUNDS)
        common = {"rounds": rounds, "eval-every": EVERY.get(part, rounds)}
        runner = Runner(given.program, str(data), given.work, common, given.parallel)
        more = {"attack-item": rarest_item(data)} if part == "attack" else {}
        points = [{**point, **more} for point in planned]
        jobs = [
            {**{k: v for k, v in point.items() if k != "label"}, "seed": seed}
            for point in points
            for seed in given.seeds
        ]
        records = runner.run_all(jobs)
        for number, point in enumerate(points):
            of_point = records[number * len(given.seeds) :][: len(given.seeds)]
            row: dict[str, Any] = {"part": part, "clients": clients, "label": point["label"]}
            row["settings"] = {k: v for k, v in point.items() if k != "label"}
            row["seeds"] = [s for s, r in zip(given.seeds, of_point) if r is not None]
            for name, where in quantities(part).items():
                row[name] = over_seeds([value(r, where) for r in of_point if r is not None])
            rows.append(row)
            print(line_of(row), flush=True)
    return rows


def line_of(row: dict[str, Any]) -> str:
    cells = [f"{row['part']:>12}  {row['clients']:>6}  {row['label']:<20}"]
    for name, found in row.items():
        if isinstance(found, dict) and "mean" in found:
            cells.append(f"{name} {found['mean']:.4f}")
    return "  ".join(cells)


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--program", default=str(default_program()), type=filled)
    parser.add_argument("--parallel", type=whole(1), default=2)
    parser.add_argument("--seeds", default="0-2", type=filled)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    given.seeds = seed_list(given.seeds)
    outputs.make_folder(given.work)
    rows = [row for part in given.only for row in measure(part, given)]
    table = {"format": "fedfuse-privacy", "schema_version": 1, "rounds": ROUNDS, "rows": rows}
    outputs.write_text(given.work / "table.json", json.dumps(table, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    exit_with(main)
