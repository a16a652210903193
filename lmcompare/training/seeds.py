"""Random states of torch: seeded for a training, kept in checkpoints, restored for all other code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed torch inside the context, on processor and device, and restore its global random states afterwards."""
    kind = torch.device(device).type
    others = [] if kind == "cpu" else [torch.device(device).index or 0]
    with torch.random.fork_rng(devices=others, device_type="cuda" if kind == "cpu" else kind):
        torch.default_generator.manual_seed(seed)
        if kind != "cpu":
            torch.get_device_module(kind).manual_seed(seed)
        yield


def derived(*numbers: int) -> int:
    """Return a seed of 63 bits that depends on all the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def reseed(seed: int, rank: int, device: str) -> None:
    """Set the random states of one of several processes, which differ from each other."""
    own = derived(seed, rank)
    torch.default_generator.manual_seed(own)
    kind = torch.device(device).type
    if kind != "cpu":
        torch.get_device_module(kind).manual_seed(own)


def random_states(device: str) -> list[Tensor]:
    """Return the random state of the processor and, if it is another one, of the device."""
    states = [torch.get_rng_state()]
    kind = torch.device(device).type
    if kind != "cpu":
        states.append(torch.get_device_module(kind).get_rng_state())
    return states


def set_random_states(device: str, states: list[Tensor]) -> None:
    """Set what ``random_states`` returned."""
    torch.set_rng_state(states[0])
    kind = torch.device(device).type
    if kind != "cpu":
        torch.get_device_module(kind).set_rng_state(states[1])
