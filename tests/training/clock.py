"""A clock for tests of budgets in seconds: it goes on only by the steps of a training, and by hand."""

from __future__ import annotations

import time
from typing import Any

import pytest

from lmcompare.training.loop import Training


def stepping_clock(monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0) -> list[float]:
    """Make each training step take so many seconds; the one number returned is the time, to be moved at will."""
    now = [0.0]
    step = Training._train_step

    def timed(self: Training, batch: Any, done: float) -> float:
        now[0] += seconds
        return step(self, batch, done)

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Training, "_train_step", timed)
    return now
