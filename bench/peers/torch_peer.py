"""The round in PyTorch, batched: clients of like size train at once, gradients by hand.

Autograd would keep every step of every client; by hand a step of a bucket is four batched products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

import peer_work as work
from torch_views import Views

torch.set_num_threads(1)
torch.set_grad_enabled(False)

MOST_ROWS = 8192  # of a bucket: its rows stay in the second cache
MOST_PADDING = 1.25


@dataclass
class Bucket:
    """Clients with as many steps, padded to the largest."""

    clients: np.ndarray
    which: torch.Tensor  # the same, as a tensor
    samples: torch.Tensor  # of each client
    items: np.ndarray  # clients x samples; the columns of negatives are drawn anew each round
    label: torch.Tensor
    real: torch.Tensor  # 0: padding
    negative: tuple[np.ndarray, np.ndarray]  # rows and columns of the negatives


def make_bucket(data: work.Data, clients: np.ndarray) -> Bucket:
    samples = work.PER_POSITIVE * data.positives[clients]
    shape = len(clients), int(samples.max())
    items = np.zeros(shape, np.int64)
    column = np.arange(shape[1])
    label = column < data.positives[clients][:, None]
    real = column < samples[:, None]
    items[label] = np.concatenate([data.of(client) for client in clients])
    return Bucket(
        clients,
        torch.from_numpy(clients),
        torch.from_numpy(samples).float(),
        items,
        torch.from_numpy(label).float(),
        torch.from_numpy(real).float(),
        np.nonzero(real & ~label),
    )


def make_buckets(data: work.Data) -> list[Bucket]:
    samples = work.PER_POSITIVE * data.positives
    steps = -(-samples // work.BATCH)
    buckets: list[Bucket] = []
    current: list[int] = []

    def fits(client: int) -> bool:
        first = current[0]
        return bool(
            samples[client] <= MOST_PADDING * samples[first] + 4
            and steps[client] == steps[first]
            and len(current) * samples[client] < MOST_ROWS
        )

    for client in np.argsort(samples, kind="stable"):
        if samples[client] == 0:
            continue
        if current and not fits(client):
            buckets.append(make_bucket(data, np.array(current)))
            current = []
        current.append(int(client))
    return [*buckets, make_bucket(data, np.array(current))]


def distinct(items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The slot of each entry, and the item and the reality of each slot. The item of padding is 0
    and may have a slot of its own.
    """
    ordered, order = items.sort(1)
    is_new = torch.ones_like(ordered)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    number = is_new.cumsum(1) - 1
    slot = torch.empty_like(number).scatter_(1, order, number)
    slots = int(number.max()) + 1
    item = torch.zeros(len(items), slots, dtype=torch.long).scatter_(1, number, ordered)
    return slot, item, torch.zeros(len(items), slots)


def batches(bucket: Bucket, slot: torch.Tensor, touched: torch.Tensor) -> list[tuple]:
    """For each step the slots (None: all), how many samples each entry stands for, its labels, and
    the samples of the step. In a full batch an entry is a slot.
    """
    most = bucket.items.shape[1]
    steps = -(-most // work.BATCH)
    count = torch.zeros_like(touched).scatter_add_(1, slot, bucket.real)
    touched.copy_(count > 0)
    if steps == 1:
        label = torch.zeros_like(touched).scatter_add_(1, slot, bucket.label)
        return [(None, count, label, bucket.samples)] * work.EPOCHS
    found = []
    for _ in range(work.EPOCHS):
        order = (torch.rand_like(bucket.real) + 2 * (1 - bucket.real)).argsort(1)
        for first in range(0, most, work.BATCH):
            part = order[:, first : first + work.BATCH]
            real = bucket.real.gather(1, part)
            size = real.sum(1).clamp_min(1)
            found.append((slot.gather(1, part), real, bucket.label.gather(1, part), size))
    return found


class Clients:
    def __init__(self, given: work.Arguments) -> None:
        self.data, self.rng = given.data, np.random.default_rng([2, given.seed])
        self.weight = torch.tensor(given.start.head).repeat(self.data.clients, 1)
        self.bias = torch.zeros(self.data.clients)
        self.rate, self.trains_rows = work.HEAD_RATE[given.workload], given.workload == "linear"
        self.buckets = make_buckets(self.data)

    def train(self, bucket: Bucket, table: torch.Tensor, sums: torch.Tensor) -> torch.Tensor:
        """Adds rows to sums: the update of each row, or its gradient; and 1 in the last column.
        Returns the mean loss of each client.
        """
        bucket.items[bucket.negative] = self.data.negatives(self.rng, bucket.clients)
        slot, item, touched = distinct(torch.from_numpy(bucket.items))
        plan = batches(bucket, slot, touched)
        start = table[item]
        rows = start.clone() if self.trains_rows else start
        weight, bias = self.weight[bucket.which], self.bias[bucket.which]
        gradient = torch.zeros_like(start) if not self.trains_rows else None
        loss = torch.zeros(len(bucket.clients))
        for entries, count, label, size in plan:
            wide = None if entries is None else entries.unsqueeze(2).expand(-1, -1, work.DIM)
            z = rows if wide is None else rows.gather(1, wide)
            score = torch.baddbmm(bias[:, None, None], z, weight.unsqueeze(2)).squeeze(2)
            loss += (torch.nn.functional.softplus(score) * count - label * score).sum(1)
            delta = torch.sigmoid(score) * count - label
            mean = delta / size[:, None]
            to_weight = torch.bmm(mean.unsqueeze(1), z).squeeze(1)
            if gradient is None:
                self._move(rows, wide, -work.ROW_RATE * delta, weight)
            else:
                self._move(gradient, wide, mean, weight)
            weight -= self.rate * to_weight
            bias -= self.rate * mean.sum(1)
        self.weight[bucket.which], self.bias[bucket.which] = weight, bias
        change = rows.sub_(start) if gradient is None else gradient
        flat = item.reshape(-1)
        sums[:, : work.DIM].index_add_(0, flat, change.reshape(-1, work.DIM))
        sums[:, work.DIM].index_add_(0, flat, touched.reshape(-1))
        return loss / (work.EPOCHS * bucket.samples)

    @staticmethod
    def _move(
        rows: torch.Tensor, wide: torch.Tensor | None, by: torch.Tensor, weight: torch.Tensor
    ) -> None:
        """rows += by x weight, at the entries of the batch."""
        if wide is None:
            rows.baddbmm_(by.unsqueeze(2), weight.unsqueeze(1))
        else:
            rows.scatter_add_(1, wide, by.unsqueeze(2) * weight.unsqueeze(1))

    def train_all(self, table: torch.Tensor) -> tuple[torch.Tensor, float]:
        sums = torch.zeros(len(table), work.DIM + 1)
        losses = [self.train(bucket, table, sums) for bucket in self.buckets]
        return sums, float(torch.cat(losses).mean())


def main() -> None:
    given = work.arguments()
    torch.manual_seed(given.seed)
    clients = Clients(given)
    table = torch.tensor(given.start.table)
    views = Views(given.data, given.start) if given.workload == "mlp" else None

    def one_round() -> float:
        if views is not None:
            sums, loss = clients.train_all(views.fixed())
            views.step(sums[:, : work.DIM] / given.data.clients)
            return loss
        sums, loss = clients.train_all(table)
        count = sums[:, work.DIM :].clamp_min(1)
        table.add_(work.SERVER_RATE * sums[:, : work.DIM] / count)
        return loss

    found = work.timed(given.rounds, one_round)
    work.report("torch", given.workload, ("torch",), found)


if __name__ == "__main__":
    main()
