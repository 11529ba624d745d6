"""The server of `mlp` in NumPy: the fused view of every item, its gradient by hand, and Adam."""

from __future__ import annotations

import numpy as np

import peer_work as work

Arrays = dict[str, np.ndarray]


class Views:
    def __init__(self, data: work.Data, first: work.Start) -> None:
        self.own: Arrays = {"D": first.table.copy(), **first.operators}
        self.features = {"t": data.text, "v": data.image}
        self.first = {name: np.zeros_like(value) for name, value in self.own.items()}
        self.second = {name: np.zeros_like(value) for name, value in self.own.items()}
        self.steps = 0
        self.kept: Arrays = {}  # of the forward pass
        self.view = self._forward()

    def _rows(self, name: str) -> np.ndarray:
        return self.own["D"] if name == "d" else self.features[name]

    def _forward(self) -> np.ndarray:
        own, kept, parts = self.own, self.kept, []
        for name in work.BRANCHES:
            mapped = self._rows(name) @ own[f"A_{name}"].T + own[f"a_{name}"]
            mapped -= mapped.mean(1, keepdims=True)
            scale = 1 / np.sqrt((mapped**2).mean(1, keepdims=True) + np.float32(work.NORM_EPSILON))
            kept[f"unit_{name}"], kept[f"scale_{name}"] = mapped * scale, scale
            parts.append(kept[f"unit_{name}"] * own[f"ln_w_{name}"] + own[f"ln_b_{name}"])
        kept["parts"] = np.concatenate(parts, 1)
        kept["hidden"] = np.maximum(kept["parts"] @ own["W1"].T + own["b1"], 0)
        return kept["hidden"] @ own["W2"].T + own["b2"]

    def _backward(self, gradient: np.ndarray) -> Arrays:
        own, kept = self.own, self.kept
        found: Arrays = {"W2": gradient.T @ kept["hidden"], "b2": gradient.sum(0)}
        hidden = (gradient @ own["W2"]) * (kept["hidden"] > 0)
        found["W1"], found["b1"] = hidden.T @ kept["parts"], hidden.sum(0)
        of_parts = np.split(hidden @ own["W1"], 3, axis=1)
        for name, of_part in zip(work.BRANCHES, of_parts):
            unit = kept[f"unit_{name}"]
            found[f"ln_w_{name}"], found[f"ln_b_{name}"] = (of_part * unit).sum(0), of_part.sum(0)
            of_unit = of_part * own[f"ln_w_{name}"]
            of_unit -= of_unit.mean(1, keepdims=True) + unit * (of_unit * unit).mean(
                1, keepdims=True
            )
            of_unit *= kept[f"scale_{name}"]
            found[f"A_{name}"], found[f"a_{name}"] = of_unit.T @ self._rows(name), of_unit.sum(0)
            if name == "d":
                found["D"] = of_unit @ own["A_d"]
        return found

    def step(self, gradient: np.ndarray) -> None:
        """gradient: of the loss in the view, items x DIM."""
        self.steps += 1
        slow, fast = (np.float32(1 - beta) for beta in work.ADAM_BETAS)
        bias, root = (1 - beta**self.steps for beta in work.ADAM_BETAS)
        for name, of_it in self._backward(gradient).items():
            first, second = self.first[name], self.second[name]
            first += slow * (of_it - first)
            second += fast * (of_it * of_it - second)
            size = np.sqrt(second / np.float32(root)) + np.float32(work.ADAM_EPSILON)
            self.own[name] -= np.float32(work.ADAM_RATE / bias) * first / size
        self.view = self._forward()
