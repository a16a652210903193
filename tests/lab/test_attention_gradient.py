"""The gradient through attention: worked by hand, and compared with torch and with differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.lab.experiments import gradient
from lmcompare.lab.experiments.gradient import by_autograd, by_hand, learning
from lmcompare.lab.film import FilmedTransformer
from tests.lab.test_changes import SMALL
from tests.training.texts import VOCABULARY, fitted


def test_two_tokens_by_hand() -> None:
    # one number a vector: q = 1, k = (0, ln 3), so the weights are 1/4 and 3/4; v = (1, -1), so o = -1/2
    steps = by_hand(
        np.ones(1), np.array([[0.0], [math.log(3)]]), np.array([[1.0], [-1.0]]), np.array([[1.0], [0.0]]), 0
    )
    assert steps.weights == pytest.approx([0.25, 0.75])
    assert steps.output == pytest.approx([-0.5])
    chance = 1 / (1 + math.exp(0.5))  # of the first word, whose logit is -1/2 against 0
    assert steps.loss == pytest.approx(-math.log(chance))
    assert steps.g == pytest.approx([chance - 1])
    # the average pull is 1/4 - 3/4 = -1/2 of g, so the pulls differ from it by 3/2 and -1/2 of g
    assert steps.by_score == pytest.approx([0.25 * 1.5 * (chance - 1), 0.75 * -0.5 * (chance - 1)])
    assert steps.by_query == pytest.approx([steps.by_score[1] * math.log(3)])
    assert steps.by_keys[:, 0] == pytest.approx(steps.by_score)
    assert steps.by_values[:, 0] == pytest.approx([0.25 * (chance - 1), 0.75 * (chance - 1)])


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 7), st.integers(2, 4))
def test_the_formula_is_what_torch_computes(seed: int, size: int, tokens: int, words: int) -> None:
    random = np.random.default_rng(seed)
    given = (
        *(random.normal(size=size), random.normal(size=(tokens, size)), random.normal(size=(tokens, size))),
        random.normal(size=(words, size)),
        int(random.integers(words)),
    )
    steps = by_hand(*given)
    found = steps.by_score, steps.by_query, steps.by_keys, steps.by_values
    for own, truth in zip(found, by_autograd(*given), strict=True):
        assert np.abs(own - truth).max() < 1e-10
    assert steps.by_score.sum() == pytest.approx(0.0, abs=1e-12)


def test_a_trained_model() -> None:
    model = fitted(FilmedTransformer(**SMALL))
    found = learning(model, np.array([2, 5, 3, 9]), VOCABULARY.tokens)
    assert found.words == ("<s>", "a", "d", "b")
    assert found.target == "h"
    assert found.by_score.shape == (4, 4)
    assert found.by_score.sum(axis=1) == pytest.approx(0.0, abs=1e-12)
    assert 0 <= found.deviation < 1e-10
    assert np.abs(found.by_score).max() > 1e-8


def test_a_step_on_the_scores_of_the_worked_example() -> None:
    lines = dict(gradient._one_step(by_hand(*gradient.EXAMPLE)).lines)
    weights = [value for said, value in lines.items() if said.startswith("weight of")]
    assert weights == pytest.approx([0.108, 0.250, 0.541, 0.101], abs=5e-4)
    assert list(lines.values())[-1] == pytest.approx(0.2703, abs=5e-5)
