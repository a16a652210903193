"""Tests of the unigram model against hand-worked arithmetic."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.exhibits import Bars, WorkedEquation, from_json, to_json
from lmcompare.model import Setting, State
from lmcompare.models.unigram.plugin import Unigram
from lmcompare.report.kinds.mathml import typeset
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b", "c"])
# "a b </s>", "a a </s>" and "b" without </s>: a 3, b 2, </s> 2, <unk> and c 0; N = 7, V = 5, α = 1: N + α V = 12.
TRAIN = Encoded.from_documents([[2, 3, 1, 2, 2, 1], [], [3]], VOCABULARY)
BY_HAND = np.array([1, 3, 4, 3, 1]) / 12


def trained(alpha: float = 1.0) -> Unigram:
    return Unigram(alpha=alpha).fit(TRAIN, TRAIN, Setting(VOCABULARY))


def test_add_one_by_hand() -> None:
    model = trained()
    text = Encoded.from_documents([[0, 4, 1], [2]], VOCABULARY)
    rows = np.exp(model.next_log_probs(text, np.array([0, 2, 4])))
    np.testing.assert_allclose(rows, [BY_HAND] * 3, rtol=1e-14)
    np.testing.assert_allclose(model.log_probs(text), np.log([1 / 12, 1 / 12, 3 / 12, 4 / 12]), rtol=1e-14)
    np.testing.assert_allclose(np.exp(model.stepper(np.array([2]), VOCABULARY).log_probs()), BY_HAND, rtol=1e-14)


def test_another_alpha_by_hand() -> None:
    # α = 1/2: N + α V = 7 + 5/2 = 19/2
    expected = np.array([0.5, 2.5, 3.5, 2.5, 0.5]) / 9.5
    np.testing.assert_allclose(np.exp(trained(0.5).next_log_probs(TRAIN, np.array([1]))[0]), expected, rtol=1e-14)


def test_the_stream_covers_the_text_and_sums_to_one() -> None:
    rng = np.random.default_rng(0)
    words = Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(50_000))])
    text = Encoded.from_documents([rng.integers(0, 50_002, 200)] * 2, words)
    model = Unigram().fit(text, text, Setting(words))
    at, rows = (np.concatenate(parts) for parts in zip(*model.stream(text), strict=True))
    np.testing.assert_array_equal(at, np.arange(400))
    assert abs(np.exp(rows[0].astype(np.float64)).sum() - 1) < 1e-6
    np.testing.assert_allclose(rows[at, text.ids], model.log_probs(text), atol=1e-5)
    np.testing.assert_allclose(rows[::50], model.next_log_probs(text, np.arange(0, 400, 50)), atol=1e-5)


def test_a_stepper_returns_a_copy() -> None:
    model = trained()
    stepper = model.stepper(np.zeros(0, np.int64), VOCABULARY)
    stepper.log_probs()[:] = 0
    stepper.push(2)
    np.testing.assert_allclose(np.exp(stepper.log_probs()), BY_HAND, rtol=1e-14)


def test_restoring_the_state_gives_the_same_model() -> None:
    model = trained(0.3)
    state = model.state()
    again = Unigram(alpha=0.3).restore(State(dict(state.arrays), json.loads(json.dumps(dict(state.values)))))
    np.testing.assert_array_equal(again.log_probs(TRAIN), model.log_probs(TRAIN))
    assert list(again.exhibits(TRAIN)) == list(model.exhibits(TRAIN))
    assert model.size().parameters == 5


def test_exhibits_show_the_models_numbers() -> None:
    equation, bars = trained().exhibits(TRAIN)
    assert isinstance(equation, WorkedEquation)
    assert isinstance(bars, Bars)
    assert [value for _, value in equation.lines] == pytest.approx([3, 1, 7, 5, 4 / 12])
    assert typeset(equation.equation) is not None
    assert bars.labels == ("a", "</s>", "b", "<unk>", "c")
    assert bars.values == pytest.approx([100 * p for p in (4 / 12, 3 / 12, 3 / 12, 1 / 12, 1 / 12)])
    for exhibit in (equation, bars):
        assert from_json(json.loads(json.dumps(to_json(exhibit)))) == exhibit


@pytest.mark.parametrize("alpha", [0, -1, 1e-323, 1e308, math.inf, math.nan, 10**400, "1", True])
def test_an_invalid_alpha_is_refused(alpha: object) -> None:
    with pytest.raises(PluginError, match="alpha must be a number from"):
        Unigram(alpha=alpha)  # type: ignore[arg-type]


def test_an_empty_text_another_vocabulary_and_an_untrained_model_are_refused() -> None:
    empty = Encoded.from_documents([[]], VOCABULARY)
    with pytest.raises(LmcompareError, match="no tokens"):
        Unigram().fit(empty, empty, Setting(VOCABULARY))
    with pytest.raises(PluginError, match="5 types, not of 4"):
        trained().log_probs(Encoded.from_documents([[2]], Vocabulary(["<unk>", "</s>", "a", "b"])))
    with pytest.raises(NotFittedError):
        Unigram().log_probs(TRAIN)
