"""The round with numba: one client after another in compiled loops, its rows in the cache; BLAS for
the scores of a batch and for the server's products.
"""

from __future__ import annotations

import numpy as np
from numba import njit

import peer_work as work
from numpy_views import Views

FAST = {"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}
DIM, EPOCHS, BATCH, PER_POSITIVE = work.DIM, work.EPOCHS, work.BATCH, work.PER_POSITIVE
ONE = np.float32(1)


@njit(cache=False)
def seed(value):
    np.random.seed(value)


@njit(cache=False)
def draw(own, item_count, slot_of, entry, item_of):
    """Own positives, then negatives; returns the entries and the distinct items."""
    slots = 0
    for item in own:
        slot_of[item] = slots
        item_of[slots] = item
        entry[slots] = slots
        slots += 1
    entries = slots
    while entries < PER_POSITIVE * own.size:
        item = np.random.randint(0, item_count)
        slot = slot_of[item]
        if 0 <= slot < own.size:
            continue
        if slot < 0:
            slot = slots
            slot_of[item] = slot
            item_of[slot] = item
            slots += 1
        entry[entries] = slot
        entries += 1
    for slot in range(slots):
        slot_of[item_of[slot]] = -1
    return entries, slots


@njit(cache=False, fastmath=FAST)
def shuffle(order, entries):
    for i in range(entries):
        order[i] = i
    if entries <= BATCH:
        return
    for i in range(entries - 1, 0, -1):
        j = np.random.randint(0, i + 1)
        order[i], order[j] = order[j], order[i]


@njit(cache=False, fastmath=FAST)
def slopes(rows, weight, bias, entry, order, positives, delta):
    """delta of each slot, summed over the batch; returns the loss, and the sum of the deltas."""
    score = np.dot(rows, weight)
    delta[: rows.shape[0]] = 0
    loss, total = np.float32(0), np.float32(0)
    for i in order:
        slot = entry[i]
        x = score[slot] + bias
        magnitude = np.exp(-abs(x))
        p = (ONE if x > 0 else magnitude) / (ONE + magnitude)
        loss += max(x, np.float32(0)) + np.log(ONE + magnitude)
        change = p
        if i < positives:
            loss -= x
            change -= ONE
        delta[slot] += change
        total += change
    return loss, total


@njit(cache=False, fastmath=FAST)
def client_round(rows, update, weight, bias, place, entries, positives, rate, fixed):
    """Trains rows in place; with fixed rows it adds their gradient to update instead. Returns the
    loss and the bias.
    """
    entry, order, delta = place
    loss = np.float32(0)
    for _ in range(EPOCHS):
        shuffle(order, entries)
        first = 0
        while first < entries:
            size = min(BATCH, entries - first)
            part = order[first : first + size]
            of_batch, total = slopes(rows, weight, bias, entry, part, positives, delta)
            loss += of_batch
            share = ONE / np.float32(size)
            own = delta[: rows.shape[0]]
            to_weight = np.dot(own, rows)
            by = share if fixed else np.float32(-work.ROW_RATE)
            into = update if fixed else rows
            for slot in range(rows.shape[0]):
                change = by * own[slot]
                for k in range(DIM):
                    into[slot, k] += change * weight[k]
            for k in range(DIM):
                weight[k] -= rate * share * to_weight[k]
            bias -= rate * share * total
            first += size
    return loss / np.float32(EPOCHS * entries), bias


@njit(cache=False, fastmath=FAST)
def all_clients(items, offsets, table, weights, biases, rate, fixed, sums, count, loss):
    item_count = table.shape[0]
    most = PER_POSITIVE * np.max(np.diff(offsets))
    slot_of = np.full(item_count, -1, np.int32)
    entry, item_of = np.empty(most, np.int32), np.empty(most, np.int32)
    order = np.empty(most, np.int32)
    delta = np.empty(most, np.float32)
    space, gradient = np.empty((most, DIM), np.float32), np.empty((most, DIM), np.float32)
    for client in range(offsets.size - 1):
        own = items[offsets[client] : offsets[client + 1]]
        entries, slots = draw(own, item_count, slot_of, entry, item_of)
        rows, update = space[:slots], gradient[:slots]
        for slot in range(slots):
            rows[slot] = table[item_of[slot]]
            update[slot] = 0
        place = (entry, order, delta)
        loss[client], biases[client] = client_round(
            rows, update, weights[client], biases[client], place, entries, own.size, rate, fixed
        )
        for slot in range(slots):
            item = item_of[slot]
            count[item] += ONE
            for k in range(DIM):
                sums[item, k] += update[slot, k] if fixed else rows[slot, k] - table[item, k]


def main() -> None:
    given = work.arguments()
    data, fixed = given.data, given.workload == "mlp"
    table = given.start.table.copy()
    views = Views(data, given.start) if fixed else None
    weights = np.tile(given.start.head, (data.clients, 1))
    biases, loss = (np.zeros(data.clients, np.float32) for _ in range(2))
    rate = np.float32(work.HEAD_RATE[given.workload])
    seed(given.seed)

    def one_round() -> float:
        sums, count = np.zeros_like(table), np.zeros(data.item_count, np.float32)
        rows = table if views is None else views.view
        private = (weights, biases, rate, fixed)
        all_clients(data.items, data.offsets, rows, *private, sums, count, loss)
        if views is not None:
            views.step(sums / np.float32(data.clients))
        else:
            table[:] += np.float32(work.SERVER_RATE) * sums / np.maximum(count, 1)[:, None]
        return loss.mean()

    found = work.timed(given.rounds, one_round)
    work.report("numba", given.workload, ("numba", "scipy"), found)


if __name__ == "__main__":
    main()
