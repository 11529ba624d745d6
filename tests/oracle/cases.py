"""The cases of goldens.h5: inputs drawn by draws.py, expected values by the models' modules.

A function returns a Group: attributes, and arrays by their path below the group (in/..., out/...).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

import aggregation
import clients
import group_prior
import grouping
import item_views
import ranking
import teacher
from draws import Draws
from heads import HEADS
from layers import Array, Named, Optimizer

D = 8
RAP = {"personal": True, "alpha": 0.25, "beta": 0.125}
DISTILL = {"distill_lambda": 0.5, "weight_decay": 0.0625}
FIXED = {"rows_trained": False}


@dataclass
class Group:
    arrays: Named = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def put(self, folder: str, arrays: Named) -> None:
        for name, values in arrays.items():
            self.arrays[f"{folder}/{name}"] = np.asarray(values)


def client_rules() -> dict[str, clients.Rules]:
    linear, mlp, neumf = (clients.Rules(head=head, d=D) for head in ("linear", "mlp", "neumf"))
    return {
        "linear": linear,
        "linear_distill_decay": replace(linear, **DISTILL),
        "linear_personal": replace(linear, **RAP, weight_decay=0.0625),
        "linear_personal_view1_decay": replace(linear, **FIXED, **RAP, **DISTILL),
        "linear_personal_views3": replace(linear, views=3, **FIXED, **RAP),
        "linear_views2": replace(linear, views=2, **FIXED),
        "mlp": mlp,
        "mlp_negatives_only": replace(mlp, distill_lambda=0.5, soft_negatives_only=True),
        "mlp_personal_distill": replace(mlp, **RAP, distill_lambda=0.5),
        "mlp_personal_views3": replace(mlp, views=3, **FIXED, **RAP),
        "mlp_views3_distill_decay": replace(mlp, views=3, **FIXED, **DISTILL),
        "neumf": neumf,
        "neumf_distill_decay": replace(neumf, **DISTILL),
        "neumf_view1": replace(neumf, **FIXED),
        "neumf_views3": replace(neumf, views=3, **FIXED),
    }


def client_inputs(name: str, rules: clients.Rules) -> tuple[Named, Array, Array, Array]:
    """Parameters, soft labels, and the steps' items and labels. Two epochs of 10 samples in another
    order, batches of 4, 4 and 2 (padded with -1); samples repeat items, items 8 and 9 occur in no
    sample."""
    draws = Draws(f"client/{name}")
    items = 10
    p = {n: draws.grid(shape, 0.5) for n, shape in HEADS[rules.head].shapes(rules.d).items()}
    p["table"] = draws.grid((rules.views, items, rules.width), 0.5)
    if rules.views > 1:
        for n, shape in clients.router_shapes(rules.views, rules.d).items():
            p[n] = draws.grid(shape, 0.5)
    if rules.personal:
        p["P"] = draws.grid((items, rules.width), 0.5)
    soft = 0.5 + draws.grid(items, 0.5)
    sample = draws.below(8, (10,))
    label = (draws.below(3, (10,)) == 0).astype(np.float64)
    step_items = np.full((6, 4), -1, dtype=np.int64)
    step_labels = np.zeros((6, 4))
    for epoch in range(2):
        order = np.argsort(draws.grid(10, 0.5))
        for batch in range(3):
            part = order[4 * batch : 4 * batch + 4]
            step_items[3 * epoch + batch, : len(part)] = sample[part]
            step_labels[3 * epoch + batch, : len(part)] = label[part]
    return p, soft, step_items, step_labels


def batches_of(step_items: Array, step_labels: Array) -> list[tuple[Array, Array]]:
    return [(i[i >= 0], y[i >= 0]) for i, y in zip(step_items, step_labels)]


def client(name: str, rules: clients.Rules) -> Group:
    p, soft, step_items, step_labels = client_inputs(name, rules)
    trained, view_grad, loss = clients.train(rules, p, soft, batches_of(step_items, step_labels))
    numbers = {n: int(v) if isinstance(v, bool) else v for n, v in asdict(rules).items()}
    group = Group(attributes=numbers)
    group.put("in", p)
    group.put("in", {"soft_label": soft, "step_items": step_items, "step_labels": step_labels})
    group.put("out", {n: v for n, v in trained.items() if n != "table"})
    group.put("out", {"loss": loss})
    if rules.rows_trained:
        group.put("out", {"table": trained["table"]})
    else:
        group.put("out", {"view_grad": view_grad})
    if rules.views > 1:
        seen = np.unique(step_items[step_items >= 0])
        group.put("out", {"router_weights_at_start": clients.router_weights(p, seen)})
    return group


def aggregated() -> Group:
    draws = Draws("aggregate")
    members = np.array([0, 1, 2, 0, 1, 0, 1])
    n_u = np.array([9, 4, 17, 12, 6, 11, 5])  # sum 64: alpha is exact
    inputs = {
        "C": draws.grid((11, 4), 0.5),
        "alpha": n_u / n_u.sum(),
        "rho": 1 - (draws.below(8, (7,)) + 1) / 64,
        "rows": draws.grid((7, 11, 4), 0.5),
        "touched": (draws.below(3, (7, 11)) > 0).astype(np.uint8),
        "group": members,
    }
    inputs["touched"][:, 10] = 0
    tables = aggregation.client_tables(
        inputs["C"], inputs["rho"], inputs["rows"], inputs["touched"]
    )
    group = Group()
    group.put("in", inputs)
    group.put(
        "out",
        {
            "C": aggregation.aggregate(tables, inputs["alpha"]),
            "group_mean": aggregation.group_means(tables, members, 3),
        },
    )
    return group


def features(draws: Draws, items: int, width: dict[str, int]) -> teacher.Features:
    """About a quarter of the items lacks a modality; its features are there, and the mask hides
    them."""
    return {
        m: (draws.grid((items, n), 0.5), (draws.below(4, (items,)) > 0).astype(np.float64))
        for m, n in width.items()
    }


def put_features(group: Group, given: teacher.Features) -> None:
    for m, (values, mask) in given.items():
        group.put("in", {f"E_{m}": values, f"mask_{m}": mask})


def group_fusion(optimizer: str, lr: float) -> Group:
    draws = Draws(f"group_fusion_{optimizer}")
    groups, items, width = 3, 8, {"t": 9, "v": 7}
    given = features(draws, items, width)
    p = {n: draws.grid(s, 0.5) for n, s in teacher.shapes(D, 6, width, groups).items()}
    target = draws.grid((groups, items, D), 1.0)
    w_bar, b_bar = draws.grid((groups, D), 0.5), draws.grid(groups, 0.5)
    pairs = np.stack([draws.below(groups, (4, 7)), draws.below(items, (4, 7))], axis=2)
    trained, loss = teacher.train(p, given, target, pairs, optimizer, lr)
    q = teacher.fused_table(trained, given, groups, items)
    group = Group(attributes={"optimizer": optimizer, "lr": lr})
    group.put("in", p)
    put_features(group, given)
    group.put("in", {"C": target, "w_bar": w_bar, "b_bar": b_bar, "step_pairs": pairs})
    group.put("out", trained)
    group.put("out", {"loss": loss, "Q": q, "pref": teacher.preference(q, w_bar, b_bar)})
    return group


def views_inputs() -> tuple[Named, teacher.Features, Array]:
    draws = Draws("views")
    items, width = 9, {"t": 7, "v": 6}
    given = features(draws, items, width)
    p = {n: draws.grid(s, 0.5) for n, s in item_views.shapes(D, {"d": D} | width, items).items()}
    for m in item_views.BRANCHES:
        p[f"ln_w_{m}"] = 1 + p[f"ln_w_{m}"]
        # A row that lacks the modality has a variance near the layer norm's epsilon.
        p[f"a_{m}"] = draws.grid(D, 2.0**-7)
    return p, given, draws.grid((3, items, D), 0.5)


def views() -> Group:
    p, given, up = views_inputs()
    made, cache = item_views.forward(p, given)
    gradient = item_views.backward(p, cache, up)
    stepped = dict(p)
    Optimizer("adam", 0.01).step(stepped, gradient)
    group = Group()
    group.put("in", p)
    put_features(group, given)
    group.put("in", {"view_grad": up})
    group.put("out", {"views": made})
    group.put("out", {f"grad_{n}": g for n, g in gradient.items()})
    group.put("out", {f"stepped_{n}": v for n, v in stepped.items()})
    return group


PRIORS = {"group_prior": (26, 5), "group_prior_wide": (11, 6), "group_prior_whole": (15, 16)}


def prior_inputs(name: str) -> tuple[Named, Named, dict[str, float]]:
    """PRIORS: items and the width of the projection of 16 features. Parameters, data and rules; the
    last group is below the least mass."""
    items, width = PRIORS[name]
    draws = Draws(name)
    groups, hidden = 3, 10
    given = features(draws, items, {"t": 9, "v": 7})
    data = {f"E_{m}": given[m][0] for m in given} | {f"mask_{m}": given[m][1] for m in given}
    data["S"] = (draws.below(6, (items, groups)) * (draws.below(2, (items, groups)) > 0)) / 8
    data["mass"] = np.array([7.5, 5.0, 4.5])
    x = np.hstack([group_prior.modality(*given[m]) for m in ("t", "v")])
    data["Z"] = group_prior.projected(x, width)
    p = {
        n: draws.grid(shape, 0.5)
        for n, shape in group_prior.shapes(data["Z"].shape[1], hidden, groups).items()
    }
    rules = {"steps": 4, "lr": 0.0625, "decay": 0.125, "least_mass": 5.0, "negatives": 4}
    return p, data, rules | {"projection": width}


def prior(name: str) -> Group:
    p, data, rules = prior_inputs(name)
    trained, losses = group_prior.train(p, data["Z"], data["S"], data["mass"], rules)
    group = Group(attributes=rules)
    group.put("in", p)
    group.put("in", {n: values for n, values in data.items() if n != "Z"})
    group.put("out", trained)
    group.put("out", {"loss": losses, "Z": data["Z"]})
    group.put("out", {"L": group_prior.logits(trained, data["Z"])})
    return group


def grouping_inputs() -> tuple[Array, Array]:
    """Planted vectors and their labels: four centres, columns of unlike scale, a constant one."""
    draws = Draws("grouping")
    label = np.repeat(np.arange(4), (14, 9, 11, 13))[np.argsort(draws.grid(47, 0.5))]
    centre = draws.grid((4, 17), 1.0)
    vectors = centre[label] + draws.grid((47, 17), 0.25)
    vectors = vectors * 2.0 ** (np.arange(17) % 5 - 2)
    vectors[:, 5] = 0.75
    return vectors, label


def grouped() -> Group:
    vectors, _ = grouping_inputs()
    points, mean, inverse_sd = grouping.standardise(vectors)
    label, eigenvalues, median = grouping.spectral(points, 4)
    group = Group()
    group.put("in", {"vectors": vectors})
    group.put(
        "out",
        {
            "label": grouping.in_order_of_appearance(label),
            "mean": mean,
            "inverse_sd": inverse_sd,
            "median_distance": median,
            "eigenvalues": eigenvalues,
        },
    )
    return group


def ranks() -> Group:
    """Scores on a coarse grid: many ties. Client 0 scores all items alike."""
    draws = Draws("ranks")
    scores = (draws.below(41, (24, 60)) - 20) / 8
    scores[0] = 0.5
    held_out = draws.below(60, (24,))
    dropped = (draws.below(6, (24, 60)) == 0).astype(np.uint8)
    dropped[np.arange(24), held_out] = 0
    found = np.array([ranking.rank(*client) for client in zip(scores, dropped, held_out)])
    group = Group()
    group.put("in", {"scores": scores, "dropped": dropped, "held_out": held_out})
    group.put("out", {"rank": found})
    group.put("out", ranking.metrics(found))
    return group


def all_groups() -> dict[str, Group]:
    groups = {f"client/{name}": client(name, rules) for name, rules in client_rules().items()}
    groups["aggregate"] = aggregated()
    groups["group_fusion_sgd"] = group_fusion("sgd", 0.0625)
    groups["group_fusion_adam"] = group_fusion("adam", 0.01)
    groups["views"] = views()
    groups |= {name: prior(name) for name in PRIORS}
    groups["grouping"] = grouped()
    groups["ranks"] = ranks()
    return groups
