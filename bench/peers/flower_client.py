"""A client of flower_peer.py: its head stays in its context, its rows go up as a change."""

from __future__ import annotations

import functools
import os
import sys

import numpy as np
import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

import peer_work as work

FILES = "FEDFUSE_PEER"  # the arguments of flower_peer.py, for the processes of the clients
client_app = ClientApp()


@functools.lru_cache(maxsize=1)
def given() -> work.Arguments:
    sys.argv[1:] = os.environ[FILES].split("\n")
    torch.set_num_threads(1)
    return work.arguments()


def head_of(state: RecordDict) -> torch.nn.Linear:
    head = torch.nn.Linear(work.DIM, 1)
    if "head" in state:
        head.load_state_dict(state["head"].to_torch_state_dict())
    else:
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(given().start.head)[None])
            head.bias.zero_()
    return head


def samples_of(client: int, turn: int) -> tuple[torch.Tensor, torch.Tensor]:
    data, rng = given().data, np.random.default_rng([2, given().seed, client, turn])
    own = data.of(client)
    items = np.concatenate([own, data.negatives(rng, np.array([client]))])
    label = torch.zeros(len(items))
    label[: len(own)] = 1
    return torch.from_numpy(items), label


@client_app.train()
def train(message: Message, context: Context) -> Message:
    workload = given().workload
    client, turn = context.node_config["partition-id"], message.content["config"]["server-round"]
    items, label = samples_of(int(client), int(turn))
    rows = torch.from_numpy(message.content["arrays"].to_numpy_ndarrays()[0].copy())
    start, touched = rows.clone(), torch.zeros(len(rows))
    touched[items] = 1
    head = head_of(context.state)
    optimizer = torch.optim.SGD(head.parameters(), lr=work.HEAD_RATE[workload])
    rows.requires_grad_(True)
    total = 0.0
    for _ in range(work.EPOCHS):
        for part in torch.randperm(len(items)).split(work.BATCH):
            score = head(torch.nn.functional.embedding(items[part], rows)).squeeze(1)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(score, label[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss) * len(part)
            if workload == "linear":  # a row steps by the sum over the batch
                with torch.no_grad():
                    rows -= work.ROW_RATE * len(part) * rows.grad
                    rows.grad = None
    context.state["head"] = ArrayRecord(head.state_dict())
    change = rows.grad if workload == "mlp" else rows.detach() - start
    metrics = {"num-examples": 1, "loss": total / (work.EPOCHS * len(items))}
    upload = ArrayRecord([change.numpy(), touched.numpy()])
    return Message(
        RecordDict({"arrays": upload, "metrics": MetricRecord(metrics)}), reply_to=message
    )
