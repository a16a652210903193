"""What is asked, and how answers are counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmcompare.lab.diffusion.prompts import single, training_prompts
from lmcompare.lab.diffusion.questions import (
    NEW_NOTS,
    NEW_PAIRS,
    QUESTIONS,
    SINGLES,
    STRENGTHS,
    THREE_FIVE,
    Answer,
    spread,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_of_newcombe(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)


def test_the_spread_by_hand() -> None:
    pictures = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 1.0], [5.0, 5.0], [9.0, 9.0]])
    # variances with n - 1: 2 + 0 and 0 + 8; the group of one picture is left out
    assert spread(pictures, [0, 0, 1, 1, 2]) == pytest.approx(math.sqrt((2 + 8) / 2))
    assert math.isnan(spread(pictures[:1], [0]))


def test_a_picture_is_right_if_the_prompt_is_true_of_what_is_seen() -> None:
    answer = Answer((single(3), single(3)), np.zeros((2, 4)), np.array([3, 5]), np.zeros(2), np.zeros(2))
    assert answer.right.tolist() == [True, False]


def test_chance_is_that_of_a_random_digit() -> None:
    assert QUESTIONS[SINGLES].chance == pytest.approx(0.1)
    assert QUESTIONS[THREE_FIVE].chance == pytest.approx(0.2)
    assert QUESTIONS[NEW_NOTS].chance == pytest.approx(0.9)
    assert {0.0, 1.0} < set(STRENGTHS)


def test_new_combinations_are_in_no_prompt_of_training() -> None:
    seen = {(p.kind, p.digits) for p in training_prompts()}
    new = [p for name in (NEW_PAIRS, NEW_NOTS) for p in QUESTIONS[name].prompts]
    assert len(new) == 6
    assert not any((p.kind, p.digits) in seen for p in new)
    assert ("either", QUESTIONS[THREE_FIVE].prompts[0].digits) in seen
