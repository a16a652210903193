"""Trainings by two processes: of every kind of network, killed, out of time, and with a process that is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, Progress, Setting
from lmcompare.models.rnn.network import Rnn
from lmcompare.processes import Child, start
from lmcompare.training import team
from tests.training.test_spelling import SMALL, WORDS, suffixes
from tests.training.together import trained, two_train_what_one_trains, weights


@pytest.mark.parametrize("name", ["transformer", "bag"])
def test_two_processes_train_what_one_trains(name: str) -> None:
    two_train_what_one_trains(name)


def test_two_processes_train_spelled_vectors() -> None:
    def arrays(processes: int) -> dict[str, np.ndarray]:
        model = Rnn(**SMALL, width=8, hidden=8, dropout=0.0, spelling=True)
        setting = Setting(WORDS, threads=2, processes=processes)
        return dict(model.fit(suffixes(1, 300), suffixes(2, 50), setting).state().arrays)

    one, two = arrays(1), arrays(2)
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=2e-4, err_msg=name)


def test_a_budget_of_seconds_ends_them_at_the_same_step() -> None:
    steps: list[int] = []
    trained("recurrent", 2, budget=Budget(seconds=0.4), progress=lambda p: steps.append(p.step))
    assert steps[-1] > 0


def test_killed_processes_end_with_the_same_bits(tmp_path: Path) -> None:
    changes = {"dropout": 0.3}  # each process has random states of its own
    whole = weights(trained("recurrent", 2, changes))

    class Killed(BaseException):
        """As if the power went."""

    def kill(progress: Progress) -> None:
        if progress.step == 13:
            raise Killed

    with pytest.raises(Killed):
        trained("recurrent", 2, changes, checkpoints=tmp_path, progress=kill)
    steps: list[int] = []
    resumed = weights(trained("recurrent", 2, changes, checkpoints=tmp_path, progress=lambda p: steps.append(p.step)))
    assert min(steps) == 10, "it says from where it goes on"
    for key, value in whole.items():
        np.testing.assert_array_equal(resumed[key], value)


def test_a_lost_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[int] = []

    @contextmanager
    def watched(*given: Any, **named: Any) -> Iterator[Child]:
        with start(*given, **named) as child:
            others.append(child.process.pid)
            yield child

    monkeypatch.setattr(team, "start", watched)

    def kill(progress: Progress) -> None:
        if progress.step == 40:
            os.kill(others[0], signal.SIGKILL)

    with pytest.raises(LmcompareError, match=r"process 2 of the 2 .* was ended by signal 9"):
        trained("recurrent", 2, {"steps": 4000}, progress=kill)
