"""The words of figures: the field's terms with units, never a column's or an option's raw name."""

from __future__ import annotations

import re

from records.plural import count

SPLITS = {"valid": "validation", "test": "test"}
QUALITIES = {"hr": "HR", "ndcg": "NDCG"}
SUBSETS = {"": "", "warm": ", warm items", "cold": ", cold items"}
BACKBONES = {
    "fedavg": "FedAvg",
    "fcf": "FCF",
    "fedncf": "FedNCF",
    "pfedrec": "PFedRec",
    "fedrap": "FedRAP",
}
FUSIONS = {"none": "no fusion", "mlp": "MLP", "gfmfr": "GFMFR", "fedvlr": "FedVLR"}
PHASES = {
    "sampling": "sampling of clients",
    "training": "local training",
    "aggregation": "aggregation",
    "grouping": "grouping of clients",
    "views": "item views",
    "teacher": "teacher",
    "evaluation": "evaluation",
    "commit": "commit of the round",
    "output": "output",
}
# A benchmark's family, and what each of its arguments counts; "" where its label says it.
KERNELS = {
    "local_train_clients": ("local training", ("", "")),
    "aggregate_updates": ("aggregation of updates", ("", "items")),
    "aggregate_clients": ("aggregation of clients", ("", "items")),
    "preference_map": ("preference map", ("items", "groups")),
    "rank_count": ("ranking", ("", "items")),
    "kmeans/nearest": ("k-means, nearest centre", ()),
    "kmeans/step": ("k-means, step", ()),
    "teacher_steps": ("teacher, steps", ("",)),
    "teacher_epoch": ("teacher, epoch", ("items", "feature columns")),
    "group_heads": ("grouping of heads", ("clients",)),
    "sample/draw": ("sampling", ()),
    "views/forward": ("item views, forward", ("items",)),
    "views/backward": ("item views, backward", ("items",)),
    "group_prior/gradient": ("group prior, gradient", ("items", "feature columns")),
    "group_prior/logits": ("group prior, logits", ("items", "feature columns")),
    "group_prior/round": ("group prior, round", ("items", "feature columns")),
}


def metric(column: str) -> str:
    """valid_ndcg_50_cold -> validation NDCG@50, cold items (%)."""
    found = re.fullmatch(r"([a-z]+)_(hr|ndcg)_(\d+)(?:_(warm|cold))?", column)
    if found and found[1] in SPLITS:
        subset = SUBSETS[found[4] or ""]
        return f"{SPLITS[found[1]]} {QUALITIES[found[2]]}@{found[3]}{subset} (%)"
    found = re.fullmatch(r"([a-z]+)_clients(?:_(warm|cold))?", column)
    if found and found[1] in SPLITS:
        return f"clients evaluated, {SPLITS[found[1]]}{SUBSETS[found[2] or '']}"
    return plain(column)


def is_share(column: str) -> bool:
    """Is the column a rate from 0 to 1, which figures show in percent?"""
    return metric(column).endswith("(%)")


def method(backbone: str, fusion: str) -> str:
    parts = " + ".join(FUSIONS.get(part, plain(part)) for part in fusion.split("+"))
    return f"{BACKBONES.get(backbone, plain(backbone))}, {parts}"


def shape(ranks: int | None, threads: int | None) -> str:
    known = [
        count(number, noun)
        for number, noun in ((ranks, "rank"), (threads, "thread"))
        if number is not None
    ]
    return " × ".join(known)


def phase(name: str) -> str:
    return PHASES.get(name, plain(name))


def kernel(name: str, label: str) -> tuple[str, str]:
    """rank_count/0/560 with the label linear -> (ranking, linear, 560 items)."""
    family = next((known for known in KERNELS if f"{name}/".startswith(f"{known}/")), "")
    family = family or name.split("/")[0]
    title, nouns = KERNELS.get(family, (plain(family), ()))
    arguments = name[len(family) :].strip("/").split("/")
    sizes = [plain(label)] if label else []
    for number, argument in enumerate(word for word in arguments if word):
        noun = nouns[number] if number < len(nouns) else None
        if noun and argument.isdigit():
            sizes.append(count(int(argument), noun.removesuffix("s")))
        elif noun is None or not label:
            sizes.append(plain(argument))
    return title, ", ".join(sizes)


def plain(name: str) -> str:
    return name.replace("_", " ")
