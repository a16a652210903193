"""A team of processes that train one network: each reads a share of a batch's rows, and gradients are averaged."""

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
    """The processes of one training run. The first, of ``rank`` 0, evaluates, reports and writes checkpoints.

    The default is a single process, for which all methods return their arguments.

    Parameters
    ----------
    size : int, default=1
        The number of processes.
    rank : int, default=0
        Which of them this is.
    device : str, default="cpu"
        The device of this process.
    """

    def __init__(self, size: int = 1, rank: int = 0, device: str = "cpu") -> None:
        self.size, self.rank, self.device = size, rank, device

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module with the weights of the first process and with averaged gradients."""
        if self.size == 1:
            return module
        ids = None if torch.device(self.device).type == "cpu" else [torch.device(self.device)]
        # A plug-in's network may have weights that some batches do not use.
        return DistributedDataParallel(module, device_ids=ids, find_unused_parameters=True)

    def share(self, batch: Batch) -> Batch:
        """Return this process's rows of a batch; if there are too few rows, a row whose targets are ignored."""
        if self.size == 1:
            return batch
        rows = self._rows(len(batch.inputs))
        if rows.start == rows.stop:
            nothing = np.full_like(batch.targets[:1], IGNORED)
            return replace(batch, inputs=batch.inputs[:1], targets=nothing, begins=batch.begins[:1])
        return replace(batch, inputs=batch.inputs[rows], targets=batch.targets[rows], begins=batch.begins[rows])

    def total(self, value: float) -> float:
        """Return the sum of the values of all processes."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return float(tensor)

    def led(self, value: T) -> T:
        """Return the value of the first process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device(self.device))
        return box[0]

    def joined(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the memories and random states of all processes."""
        if self.size == 1:
            return snapshot
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, (snapshot.generators, snapshot.memory))
        memory = None
        if snapshot.memory is not None:
            memory = {name: torch.cat([part[1][name] for part in parts]) for name in snapshot.memory}
        return replace(snapshot, generators=[state for part in parts for state in part[0]], memory=memory)

    def own(self, snapshot: Snapshot | None) -> Snapshot | None:
        """Return this process's part of a snapshot that ``joined`` made and the first process has read."""
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
    """A network with its loss, so that the gradients flow through one module that can be wrapped."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, inputs: Tensor, targets: Tensor, memory: Memory | None, sample: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Memory]:
        """Return the mean -log p of the targets in nats, and the memory without its gradient.

        Parameters
        ----------
        inputs, targets : (B, T) Tensor of int64
            As in ``Batch``. Without targets the loss is 0.
        memory : Memory or None
            The memory of the rows.
        sample : (words, log q) or None
            The sample of a sampled softmax; None for the full softmax.
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
