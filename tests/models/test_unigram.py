"""The unigram model by hand: add-one frequencies, at every position alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.exhibits import Bars, WorkedEquation
from lmcompare.exhibits.equation import typeset
from lmcompare.model import Setting
from lmcompare.models import unigram as plugin
from lmcompare.models.unigram import Unigram
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.agreement import comes_back

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
    # α = 1/2: N + α V = 7 + 5/2 = 19/2
    expected = np.array([0.5, 2.5, 3.5, 2.5, 0.5]) / 9.5
    np.testing.assert_allclose(np.exp(trained(0.5).next_log_probs(TRAIN, np.array([1]))[0]), expected, rtol=1e-14)
    assert trained(0.5).in_page(TRAIN).table == {"kind": "frequencies", "alpha": 0.5}


def test_a_long_text_is_counted_and_streamed_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "BLOCK", 3)
    np.testing.assert_allclose(np.exp(trained().next_log_probs(TRAIN, np.array([0]))), [BY_HAND], rtol=1e-14)
    monkeypatch.setattr(plugin, "BLOCK_BYTES", 2 * 5 * 4)
    model, blocks = trained(), list(trained().stream(TRAIN))
    assert [at.tolist() for at, _ in blocks] == [[0, 1], [2, 3], [4, 5], [6]]
    for at, rows in blocks:
        np.testing.assert_allclose(np.exp(rows), [BY_HAND] * len(at), rtol=1e-6)
    words = Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(5_000))])
    many = Encoded.from_documents([np.arange(5_002)], words)
    _, rows = next(iter(model.fit(many, many, Setting(words)).stream(many)))
    assert abs(np.exp(rows[0].astype(np.float64)).sum() - 1) < 1e-6


def test_a_stepper_returns_a_copy_and_refuses_what_is_no_token() -> None:
    stepper = trained().stepper(np.array([2]), VOCABULARY)
    stepper.log_probs()[:] = 0
    stepper.push(2)
    np.testing.assert_allclose(np.exp(stepper.log_probs()), BY_HAND, rtol=1e-14)
    with pytest.raises(LmcompareError, match="0 and 4"):
        stepper.push(5)
    with pytest.raises(LmcompareError, match="0 and 4"):
        trained().stepper(np.array([5]), VOCABULARY)


def test_restoring_the_state_gives_the_same_model() -> None:
    model = trained(0.3)
    comes_back(model, Unigram(alpha=0.3), TRAIN)
    assert model.size().parameters == 5


def test_exhibits_show_the_models_numbers() -> None:
    equation, bars = trained().exhibits(TRAIN)
    assert isinstance(equation, WorkedEquation)
    assert isinstance(bars, Bars)
    assert [value for _, value in equation.lines] == pytest.approx([3, 1, 7, 5, 4 / 12])
    assert typeset(equation.equation) is not None
    assert bars.labels == ("a", "</s>", "b", "<unk>", "c")
    assert bars.values == pytest.approx([100 * p for p in (4 / 12, 3 / 12, 3 / 12, 1 / 12, 1 / 12)])


@pytest.mark.parametrize("alpha", [0, 1e-323, 1e308, math.nan, 10**400, "1", True])
def test_an_invalid_alpha_is_refused(alpha: object) -> None:
    with pytest.raises(PluginError, match="alpha must be a number from"):
        Unigram(alpha=alpha)  # type: ignore[arg-type]


def test_what_a_model_may_not_be_asked() -> None:
    empty = Encoded.from_documents([[]], VOCABULARY)
    with pytest.raises(LmcompareError, match="no tokens"):
        Unigram().fit(empty, empty, Setting(VOCABULARY))
    with pytest.raises(PluginError, match="5 types, not of 4"):
        trained().log_probs(Encoded.from_documents([[2]], Vocabulary(["<unk>", "</s>", "a", "b"])))
    with pytest.raises(NotFittedError):
        Unigram().log_probs(TRAIN)
