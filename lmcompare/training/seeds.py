"""Random states of torch: seeded for a training, kept in checkpoints, restored for all other code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed torch inside the context, on the CPU and the device, and restore its global random states afterwards."""
    before = random_states(device)
    set_seed(seed, device)
    try:
        yield
    finally:
        set_random_states(device, before)


def derived(*numbers: int) -> int:
    """Return a seed of 63 bits that depends on all the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def set_seed(seed: int, device: str) -> None:
    """Seed torch on the CPU and the device."""
    torch.default_generator.manual_seed(seed)
    for other in _device(device):
        other.manual_seed(seed)


def random_states(device: str) -> list[Tensor]:
    """Return the random state of the CPU and, if the device is not the CPU, that of the device."""
    return [torch.get_rng_state(), *(other.get_rng_state() for other in _device(device))]


def set_random_states(device: str, states: list[Tensor]) -> None:
    """Set the random states that ``random_states`` returned."""
    torch.set_rng_state(states[0])
    for other, state in zip(_device(device), states[1:], strict=True):
        other.set_rng_state(state)


def _device(device: str) -> list[Any]:
    """Return a list of torch's module for a device that has its own random state; an empty list for the CPU."""
    kind = torch.device(device).type
    return [] if kind == "cpu" else [torch.get_device_module(kind)]
