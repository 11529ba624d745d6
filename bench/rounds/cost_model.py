"""The cost model of bench/rounds/model.py: rates from records, work of a round, seconds."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from records.errors import Refusal

# Of fedfuse train.
DEFAULTS = {
    "dim": 64,
    "local_epochs": 5,
    "negatives_per_positive": 4,
    "eval_clients": 0,
    "fraction": 1.0,
    "fusion": "none",
    "uploads": "auto",
    "teacher_epochs": 50,
    "groups": 5,
    "groups_max": 0,
    "teacher_batch": 256,
    "teacher_batches": "items",
    "teacher_optimizer": "adam",
    "group_dim": 512,
    "landmarks": 2048,
    "cluster": "spectral",
    "group_by": "prediction",
    "pca_variance": 1.0,
    "regroup_every": 1,
}
OF_THE_BENCHMARK = (
    "dim",
    "groups",
    "groups_max",
    "teacher_batch",
    "teacher_batches",
    "teacher_optimizer",
    "group_dim",
    "landmarks",
    "cluster",
    "group_by",
    "pca_variance",
    "regroup_every",
)
FEATURE_WIDTH = 64  # of fedfuse generate


def counter(document: dict[str, Any], benchmark: str, name: str) -> float:
    """Median of a counter over the repetitions."""
    entries = [
        e for e in document["benchmarks"] if e.get("run_name", e["name"]) == benchmark and name in e
    ]
    values = [e[name] for e in entries if e.get("run_type") != "aggregate"] or [
        e[name] for e in entries if e.get("aggregate_name") == "median"
    ]
    if not values:
        raise Refusal(
            f"the kernel record has no {benchmark}",
            f"no entry of that name has {name}",
            "run bench_kernels without a filter, or with it",
        )
    return statistics.median(values)


def rates(kernels: dict[str, Any], settings: dict[str, Any], items: int) -> dict[str, float]:
    rate = {
        "training_flop_per_s": counter(kernels, "local_train_clients/0/1", "FLOP/s"),
        "accumulated_rows_per_s": accumulation(kernels, items),
        "ranking_flop_per_s": counter(kernels, "rank_count/0/20000", "FLOP/s"),
    }
    if settings["fusion"] == "gfmfr":
        landmarks, beyond = settings["landmarks"], 20000
        few, many = (
            clients / counter(kernels, f"group_heads/{clients}", "clients/s")
            for clients in (landmarks, beyond)
        )
        rate |= {
            "accumulated_rows_of_groups_per_s": accumulation(kernels, items * settings["groups"]),
            "grouping_s": few,
            "grouping_s_per_client": max(0.0, many - few) / (beyond - landmarks),
            "taught_items_per_s": counter(
                kernels,
                f"teacher_epoch/{2000 if settings['width'] == 32 else 560}/{settings['width']}",
                "items/s",
            ),
        }
    return rate


def accumulation(kernels: dict[str, Any], rows: int) -> float:
    """Rows/s into sums of about this many rows; sums that fit in a cache are faster."""
    touched = 85  # rows of a client in that benchmark
    sizes = {
        int(e.get("run_name", e["name"]).split("/")[2])
        for e in kernels["benchmarks"]
        if e["name"].startswith("aggregate_updates/0/")
    }
    nearest = min(sizes, key=lambda size: abs(math.log(size / rows)), default=1000)
    return touched * counter(kernels, f"aggregate_updates/0/{nearest}", "clients/s")


def transport(collectives: dict[str, Any], size: float) -> dict[str, float]:
    p = collectives["ranks"]
    rows = [row for row in collectives["rows"] if row["collective"] == "mpi"]
    if p < 2 or not rows or any(row["wrong_words"] for row in rows):
        raise Refusal(
            "the collectives cannot be used",
            "they are of one rank, empty, or a check failed",
            "mpirun -n 2 bench_collectives --out FILE",
        )
    alpha = min(rows, key=lambda row: row["bytes"])["seconds_median"] / (2 * math.log2(p))
    nearest = min(rows, key=lambda row: abs(math.log(row["bytes"] / size)))
    travel = max(1e-12, nearest["seconds_median"] - 2 * math.log2(p) * alpha)
    return {
        "alpha_s": alpha,
        "bus_bytes_per_s": 2 * (p - 1) / p * nearest["bytes"] / travel,
        "at_bytes": nearest["bytes"],
        "measured_on_ranks": p,
    }


def settings_of(table: dict[str, Any]) -> dict[str, Any]:
    """The options of the study's runs. Refusal when the model does not cover them."""
    settings = {
        **DEFAULTS,
        **{name.replace("-", "_"): value for name, value in table["train"].items()},
    }
    generate = {name.replace("-", "_"): value for name, value in table.get("generate", {}).items()}
    settings["width"] = generate.get("dim_text", FEATURE_WIDTH)
    if settings["backbone"] not in ("fedavg", "fcf") or settings["fusion"] not in ("none", "gfmfr"):
        raise Refusal(
            f"no model for {settings['backbone']} + {settings['fusion']}",
            "only the linear head is modelled, with fusion none or gfmfr",
            "see --help",
        )
    if settings["fusion"] == "gfmfr":
        other = [name for name in OF_THE_BENCHMARK if settings[name] != DEFAULTS[name]]
        if (
            other
            or settings["width"] not in (32, 512)
            or generate.get("dim_image", FEATURE_WIDTH) != settings["width"]
        ):
            raise Refusal(
                "no model for this teacher",
                "the benchmarks are of other settings: "
                f"{', '.join(other) or 'features of 32 + 32 or 512 + 512 columns'}",
                "leave them at their defaults",
            )
        if settings["uploads"] not in ("store", "replay"):
            raise Refusal(
                "no model for this study",
                "whether uploads are stored or replayed is left to the program",
                'say "uploads": "store" or "replay" in "train"',
            )
        if (
            table["rows"]
            and min(row["users"] for row in table["rows"]) * settings["fraction"]
            < settings["landmarks"]
        ):
            raise Refusal(
                "no model for so few clients",
                f"the benchmark of grouping begins with {settings['landmarks']}",
                "give a larger study",
            )
    return settings


def work(settings: dict[str, Any], row: dict[str, Any]) -> dict[str, float]:
    """FLOP, rows and bytes of a round, by formula from the data set and the settings."""
    samples = (
        row["train_interactions"] * (1 + settings["negatives_per_positive"]) * settings["fraction"]
    )
    evaluated = min(settings["eval_clients"] or row["users"], row["users"])
    return {
        "training_flop": 2 * 3 * settings["dim"] * samples * settings["local_epochs"],
        "rows": samples,
        "clients": row["users"] * settings["fraction"],
        "items": row["items"],
        "ranking_flop": 2 * settings["dim"] * row["items"] * evaluated,
        "bytes": row["items"] * (8 * settings["dim"] + 1),
    }


def reduction(link: dict[str, float], size: float, ranks: int) -> float:
    return (
        2 * math.log2(ranks) * link["alpha_s"]
        + 2 * (ranks - 1) / ranks * size / link["bus_bytes_per_s"]
        if ranks > 1
        else 0.0
    )


@dataclass(frozen=True)
class Model:
    settings: dict[str, Any]
    rate: dict[str, float]
    link: dict[str, float]
    group_link: dict[str, float]

    def predict(self, amount: dict[str, float], ranks: int) -> dict[str, float]:
        rate, settings = self.rate, self.settings
        training = amount["training_flop"] / rate["training_flop_per_s"] / ranks
        parts = {
            "training_s": training,
            "accumulation_s": amount["rows"] / rate["accumulated_rows_per_s"] / ranks,
            "evaluation_s": amount["ranking_flop"] / rate["ranking_flop_per_s"] / ranks,
            "all_reduce_s": reduction(self.link, amount["bytes"], ranks),
        }
        if settings["fusion"] == "gfmfr":
            again = training if settings["uploads"] == "replay" else 0.0
            parts["all_reduce_s"] += reduction(
                self.group_link, settings["groups"] * amount["bytes"], ranks
            )
            parts |= {
                "second_pass_s": again
                + amount["rows"] / rate["accumulated_rows_of_groups_per_s"] / ranks,
                "grouping_s": rate["grouping_s"]
                + (amount["clients"] - settings["landmarks"])
                * rate["grouping_s_per_client"]
                / ranks,
                "teacher_s": settings["teacher_epochs"]
                * amount["items"]
                / rate["taught_items_per_s"],
            }
        return {"predicted_s": sum(parts.values()), **parts}
