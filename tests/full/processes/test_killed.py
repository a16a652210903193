"""SIGKILL at random instants: the same command goes on and ends with the same bits."""

from __future__ import annotations

import pytest

from tests.full.processes.killed import trial


@pytest.mark.parametrize(("model", "kills"), [("ngram", 4), ("rnn", 3)])
def test_a_killed_run_ends_as_one_that_was_left_alone(model: str, kills: int) -> None:
    assert trial(model, kills) == kills
