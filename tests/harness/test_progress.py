"""The lines of a log."""

from __future__ import annotations

import io
from dataclasses import asdict

from rich.console import Console

from lmcompare.harness.progress import Plain
from lmcompare.model import Progress


def test_a_line_tells_what_is_known_and_no_more() -> None:
    log = io.StringIO()
    shown = Plain(Console(file=log, width=200), every=0)
    shown.plan(["net"])
    shown.event(0, {"event": "stage", "stage": "training"})
    told = asdict(Progress(step=1)) | {"event": "progress", "seconds": 2.0}
    shown.event(0, told)
    shown.event(0, told | {"steps": 4, "train_loss": 5.25, "tokens": 100})
    shown.event(0, told | {"steps": 4, "step": 2, "train_loss": 5.0, "valid_loss": 4.5})
    assert log.getvalue().splitlines() == [
        "net: training",
        "net: training",
        "net: 25% of training, loss 5.250, 50 tokens/s, 6 s left",
        "net: 50% of training, loss 5.000, valid 4.500, 50 tokens/s, 2 s left",
    ]


def test_what_training_has_to_say_is_said_at_once() -> None:
    log = io.StringIO()
    shown = Plain(Console(file=log, width=200), every=100)
    shown.plan(["net"])
    shown.event(0, {"event": "stage", "stage": "training"})
    shown.event(0, asdict(Progress(step=3, note="goes on from step 3")) | {"event": "progress", "seconds": 2.0})
    assert log.getvalue().splitlines() == ["net: training", "net: goes on from step 3"]
