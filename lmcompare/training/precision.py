"""Chooses bfloat16 or float32: on a GPU by what it supports, on a CPU by one measurement before training."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch

GAIN = 1.5  # how much faster bfloat16 must be; it is either emulated (a tenth of the speed) or 3 times as fast


@lru_cache
def measured(device: str, threads: int) -> str:
    """Return "bfloat16" if it multiplies usual matrices ``GAIN`` times as fast as float32, else "float32"."""
    kind = torch.device(device).type
    if kind == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if kind != "cpu":
        return "float32"
    return "bfloat16" if _best_time(torch.float32) >= GAIN * _best_time(torch.bfloat16) else "float32"


def _best_time(kind: torch.dtype) -> float:
    """Return the shortest time in seconds of several (512, 256) by (256, 1024) products; load hardly affects it."""
    a, b = torch.ones(512, 256, dtype=kind), torch.ones(256, 1024, dtype=kind)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Return the context in which a training step computes in a precision; weights stay in float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16)
