"""A cell's learning curve, cut off and gone on with."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.harness.cells.cell import LearningCurve, Spent
from lmcompare.model import Progress


def _ignore(_: object) -> None:
    return None


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock: what it shows is set by the test. The processor works for half of the time."""
    shown = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: shown[0])
    monkeypatch.setattr(time, "process_time", lambda: 0.25 * shown[0])
    monkeypatch.setattr(os, "times", lambda: os.times_result((0.0, 0.0, 0.125 * shown[0], 0.125 * shown[0], 0.0)))
    return shown


def test_a_curve_goes_on_where_it_was_cut_off(tmp_path: Path, now: list[float]) -> None:
    first = LearningCurve(_ignore, tmp_path)
    first(Progress(10, train_loss=3.0))
    now[0] = 100.0
    first(Progress(20, train_loss=2.5, valid_loss=2.75))
    second = LearningCurve(_ignore, tmp_path)
    assert second.spent.seconds == 100
    second(Progress(20, train_loss=2.25))  # the last checkpoint was before step 20: it is done again
    second(Progress(30, train_loss=2.0))
    rows = [line.split(",") for line in second.csv().splitlines()[1:]]
    assert [(row[0], row[4]) for row in rows] == [("10", "3.0"), ("20", "2.25"), ("30", "2.0")]
    third = LearningCurve(_ignore, tmp_path)  # its checkpoint is lost: it begins anew, and so does the clock
    third(Progress(5, train_loss=4.0))
    assert third.spent.seconds == 0
    assert [line.split(",")[0] for line in third.csv().splitlines()[1:]] == ["5"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (7, "takes an lmcompare.Progress, not an int"),
        (Progress("many"), "'step': 'many'"),  # type: ignore[arg-type]
        (Progress(1, train_loss="low"), "'train_loss': 'low'"),  # type: ignore[arg-type]
        (Progress(1, flops="many"), "'flops': 'many'"),  # type: ignore[arg-type]
        (Progress(1, valid_loss=[2.0]), r"'valid_loss': \[2.0\]"),  # type: ignore[arg-type]
    ],
)
def test_what_no_training_reports_is_refused_where_it_is_reported(told: Progress, said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        LearningCurve(_ignore, None)(told)


def test_numbers_of_numpy_are_numbers_and_infinite_losses_are_left_out() -> None:
    events: list[dict[str, object]] = []
    curve = LearningCurve(events.append, None)
    curve(Progress(np.int64(3), train_loss=np.float32(2.5), valid_loss=float("inf"), tokens=np.int32(7)))  # type: ignore[arg-type]
    assert curve.csv().splitlines()[1].split(",")[3:] == ["7", "2.5", ""]
    assert type(events[0]["train_loss"]) is float


def test_milestones_are_kept_and_their_time_is_not_counted(tmp_path: Path, now: list[float]) -> None:
    first = LearningCurve(_ignore, tmp_path)
    first.pass_milestone(Progress(5, tokens=500, flops=1e6), 2.5, Spent())
    first.pass_milestone(Progress(9), float("inf"), Spent())
    first(Progress(10, valid_loss=2.0))
    now[0] = 0.5
    first.pass_milestone(Progress(20), 2.0, Spent(0.25, 0.125))
    second = LearningCurve(_ignore, tmp_path)  # step 20 was not stored
    second.pass_milestone(Progress(9), 2.25, Spent())  # the checkpoint was before it: it is passed again
    assert [(row["step"], row["bits_per_byte"]) for row in second.milestones] == [(5, 2.5), (9, 2.25)]
    assert second.milestones[0].items() >= {"tokens": 500, "flops": 1e6}.items()
    assert [row["bits_per_byte"] for row in first.milestones] == [2.5, None, 2.0]
    assert first.spent == Spent(0.25, 0.125)


def test_steps_done_again_take_the_place_of_the_first_ones(tmp_path: Path) -> None:
    curve = LearningCurve(_ignore, tmp_path)
    curve(Progress(10, train_loss=3.0))
    curve(Progress(10, train_loss=3.1, valid_loss=2.75))
    for step in (11, 12, 13):
        curve(Progress(step, train_loss=9.0))
    curve(Progress(13, note="the loss was not a number: back to step 10 with half the learning rate"))
    for step in (11, 12, 13, 14):
        curve(Progress(step, train_loss=2.0))
    rows = [line.split(",") for line in curve.csv().splitlines()[1:]]
    assert [(int(row[0]), row[4]) for row in rows] == [
        *((10, "3.0"), (10, "3.1"), (11, "2.0"), (12, "2.0"), (13, "2.0"), (14, "2.0"))
    ]


def test_the_preparation_is_counted_once_and_the_operations_are_kept(tmp_path: Path, now: list[float]) -> None:

    def report(curve: LearningCurve, *reports: tuple[float, Progress]) -> None:
        for now[0], progress in reports:
            curve(progress)

    first = LearningCurve(_ignore, tmp_path)  # 7 seconds of preparation, and one for each step
    report(first, (17.0, Progress(10, valid_loss=3.0, flops=1e6)), (20.0, Progress(15, train_loss=2.5)))
    now[0] = 100.0
    second = LearningCurve(_ignore, tmp_path)
    assert second.flops == 1e6
    report(second, (107.0, Progress(10, note="continues")), (117.0, Progress(20, valid_loss=2.0)))
    assert second.spent.seconds == 27.0
    now[0] = 200.0
    third = LearningCurve(_ignore, tmp_path)
    report(third, (203.0, Progress(23, note="no step of the curve")), (207.0, Progress(27, valid_loss=1.5)))
    assert third.spent == third.spent_on_training == Spent(34.0, 17.0)
    now[0] = 300.0
    fourth = LearningCurve(_ignore, tmp_path)
    now[0] = 305.0
    assert fourth.spent_on_training == Spent(34.0, 17.0)  # no step was left to do


def test_the_clock_of_a_model_without_losses_goes_on_where_it_can(tmp_path: Path, now: list[float]) -> None:
    first = LearningCurve(_ignore, tmp_path)
    for second in (0.5, 30.0, 30.5):
        now[0] = second
        first(Progress(1))
    now[0] = 1000.0
    assert LearningCurve(_ignore, tmp_path).spent.seconds == 0.0, (
        "it left nothing to go on from: it is trained from the beginning"
    )
    (tmp_path / "own.npy").touch()
    assert LearningCurve(_ignore, tmp_path).spent.seconds == 30.0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seconds": "x", "rows": 3}', '{"seconds": 1, "rows": [[1]]}'])
def test_a_curve_that_cannot_be_read_counts_for_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "curve.json"
    path.write_text(text)
    curve = LearningCurve(_ignore, tmp_path)
    assert curve.spent.seconds < 5
    assert len(curve.csv().splitlines()) == 1


def test_a_model_that_reads_no_training_text_has_no_training_seconds() -> None:
    curve = LearningCurve(lambda event: None, None)
    curve(Progress(step=1, steps=1, tokens=0))
    assert curve.spent_on_training is None
    curve(Progress(step=1, steps=1, tokens=5))
    assert curve.spent_on_training is not None
