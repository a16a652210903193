"""Several processes that train one network: each reads its share of a batch's rows; gradients are averaged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from lmcompare.training.checkpoint import Snapshot
from lmcompare.training.lanes import Batch
from lmcompare.training.network import Memory, Network, detach, select
from lmcompare.training.softmax import IGNORED

T = TypeVar("T")


class Team:
    """The processes of one training run; ``rank`` 0, the first, measures on valid, reports and writes checkpoints.

    Made by itself it stands for a single process, for which everything below changes nothing.
    """

    def __init__(self, size: int = 1, rank: int = 0, device: str = "cpu") -> None:
        self.size, self.rank, self.device = size, rank, device

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module with the first process's weights in all, and with gradients that are averaged."""
        if self.size == 1:
            return module
        ids = None if torch.device(self.device).type == "cpu" else [torch.device(self.device)]
        # a third party's network may have weights that some batches do not touch
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=True)

    def share(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch; where there are too few for all, a row of which nothing counts."""
        if self.size == 1:
            return batch
        rows = self._rows(len(batch.inputs))
        if rows.start == rows.stop:
            nothing = np.full_like(batch.targets[:1], IGNORED)
            return replace(batch, inputs=batch.inputs[:1], targets=nothing, begins=batch.begins[:1])
        return replace(batch, inputs=batch.inputs[rows], targets=batch.targets[rows], begins=batch.begins[rows])

    def total(self, value: float) -> float:
        """Return the sum of all processes' values."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return float(tensor)

    def led(self, value: T) -> T:
        """Return the first process's value."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device(self.device))
        return box[0]

    def joined(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with what all processes keep of their rows and of their random states."""
        if self.size == 1:
            return snapshot
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, (snapshot.generators, snapshot.memory))
        memory = None
        if snapshot.memory is not None:
            memory = {name: torch.cat([part[1][name] for part in parts]) for name in snapshot.memory}
        return replace(snapshot, generators=[state for part in parts for state in part[0]], memory=memory)

    def own(self, snapshot: Snapshot | None) -> Snapshot | None:
        """Return this process's part of what ``joined`` made, which the first process has read."""
        if self.size == 1:
            return snapshot
        found = self.led(snapshot)
        if found is None:
            return None
        each = len(found.generators) // self.size
        memory = found.memory
        if memory is not None:
            memory = select(memory, self._rows(len(next(iter(memory.values())))))
        states = found.generators[self.rank * each : (self.rank + 1) * each]
        return replace(found, generators=states, memory=memory)

    def _rows(self, count: int) -> slice:
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)


class Objective(nn.Module):
    """A network with its loss, so that what is wrapped is what gradients flow through."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, inputs: Tensor, targets: Tensor, memory: Memory | None, sample: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Memory]:
        """Return the mean -log p of the targets (B, T) in nats and the memory, without its gradient.

        ``sample``: words and log q of a sampled softmax, or None for the full one. Without targets the loss is 0.
        """
        features, after = self.network(inputs, memory)
        features, targets = features.flatten(0, 1), targets.flatten()
        kept = targets != IGNORED
        if not bool(kept.all()):
            features, targets = features[kept], targets[kept]
        if not len(targets):  # the head's gradient is a dense zero, as other processes send it: theirs are averaged
            head = self.network.head
            loss = 0.0 * (features.sum() + head.table.sum() + head.bias.sum())
        elif sample is not None:
            loss = self.network.head.sampled_loss(features, targets, *sample)
        else:
            loss = self.network.head.full_loss(features, targets)
        return loss, detach(after)
