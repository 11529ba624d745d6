"""The server of `mlp` in PyTorch: the fused view of every item, and its step."""

from __future__ import annotations

import torch
from torch.nn.functional import layer_norm, linear

import peer_work as work


class Views:
    def __init__(self, data: work.Data, first: work.Start) -> None:
        start = {"D": first.table, **first.operators}
        self.own = {name: torch.tensor(value, requires_grad=True) for name, value in start.items()}
        self.features = {"t": torch.from_numpy(data.text), "v": torch.from_numpy(data.image)}
        self.adam = torch.optim.Adam(
            self.own.values(), work.ADAM_RATE, work.ADAM_BETAS, work.ADAM_EPSILON
        )
        self.view = self._forward()

    @torch.enable_grad()
    def _forward(self) -> torch.Tensor:
        own, parts = self.own, []
        for name in work.BRANCHES:
            rows = own["D"] if name == "d" else self.features[name]
            mapped = linear(rows, own[f"A_{name}"], own[f"a_{name}"])
            gain, shift = own[f"ln_w_{name}"], own[f"ln_b_{name}"]
            parts.append(layer_norm(mapped, (work.DIM,), gain, shift, work.NORM_EPSILON))
        hidden = linear(torch.cat(parts, 1), own["W1"], own["b1"]).relu()
        return linear(hidden, own["W2"], own["b2"])

    def fixed(self) -> torch.Tensor:
        return self.view.detach()

    def step(self, gradient: torch.Tensor) -> None:
        """gradient: of the loss in the view, items x DIM."""
        self.adam.zero_grad()
        self.view.backward(gradient)
        self.adam.step()
        self.view = self._forward()
