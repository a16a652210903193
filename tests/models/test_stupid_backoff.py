"""Stupid back-off by hand, against brute force, and as a model that is not normalised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.checks.sampled import Scored, run_sampled_checks
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import BackoffTrace, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models import stupid_backoff as plugin
from lmcompare.models.stupid_backoff import StupidBackoff
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.agreement import comes_back, steps_agree
from tests.models.ngram import brute_force as brute
from tests.models.ngram.cases import RTOL, agrees, random_documents, vocabulary

WORDS = Vocabulary(["<unk>", "</s>", "a", "b", "c"])
TRAIN = [[2, 3, 1], [2, 4, 1]]  # a b </s>, a c </s>


def trained(documents: list[list[int]], words: Vocabulary, order: int, alpha: float = 0.4) -> StupidBackoff:
    text = Encoded.from_documents(documents, words)
    return StupidBackoff(order, alpha).fit(text, text, Setting(words))


def test_by_hand() -> None:
    # Unigrams: a and </s> 2/6, b and c 1/6; <unk>, unseen, 0.4 / 5.
    # After a: b and c 1/2, the others 0.4 of their unigrams.
    model = trained(TRAIN, WORDS, 3)
    text = Encoded.from_documents([[2, 3, 2]], WORDS)
    found = np.exp(model.next_log_probs(text, np.arange(4)))
    unigrams = np.array([0.08, 2 / 6, 2 / 6, 1 / 6, 1 / 6])
    at_start = 0.4 * unigrams
    at_start[2] = 1  # only a was seen after <s>
    np.testing.assert_allclose(found[0], at_start, rtol=RTOL)
    # "<s> a": b and c 1/2; the others drop two words.
    np.testing.assert_allclose(found[1], [*0.16 * unigrams[:3], 0.5, 0.5], rtol=RTOL)
    # "b a" was never seen, and dropping it costs 0.4 too: 0.4 · 1/2 for b and c, 0.16 of the unigrams.
    np.testing.assert_allclose(found[3], [*0.16 * unigrams[:3], 0.2, 0.2], rtol=RTOL)
    assert found.sum(axis=1).max() > 1


@given(
    train=st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=6).filter(any),
    test=st.lists(st.lists(st.integers(0, 5), max_size=10), min_size=1, max_size=4),
    order=st.integers(1, 5),
)
def test_equals_brute_force(train: list[list[int]], test: list[list[int]], order: int) -> None:
    model, truth = trained(train, vocabulary(6), order), brute.StupidBackoff(train, order, 6)
    agrees(model, truth, train)
    agrees(model, truth, test)


def test_a_longer_text_equals_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "BLOCK_TOKENS", 7)
    train, test = random_documents(1, 20), random_documents(2, 20, documents=4)
    agrees(trained(train, vocabulary(20), 4), brute.StupidBackoff(train, 4, 20), test)


@pytest.mark.parametrize("order", [1, 4])
def test_the_stepper_and_the_stream_agree_with_the_whole_text(order: int) -> None:
    model = trained(random_documents(7, 20), vocabulary(20), order)
    text = Encoded.from_documents([[4, 0, 6, 1, 3, 19, 2, 2, 1, 5]], vocabulary(20))
    steps_agree(model, text)
    rows = model.next_log_probs(text, np.arange(len(text) + 1))
    _, streamed = next(iter(model.stream(text)))
    np.testing.assert_allclose(streamed, rows[:-1], atol=1e-5)


def test_restoring_the_state_gives_the_same_model() -> None:
    text = Encoded.from_documents(random_documents(8, 20), vocabulary(20))
    model = trained(random_documents(9, 20), vocabulary(20), 3, alpha=0.25)
    comes_back(model, StupidBackoff(), text)
    assert model.hyperparameters() == {"order": 3, "alpha": 0.25}


def test_its_exhibits_call_them_scores() -> None:
    model = trained(TRAIN, WORDS, 3)
    text = Encoded.from_documents([[3, 2, 3, 1]], WORDS)
    equation, _, trace = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    assert isinstance(trace, BackoffTrace)
    assert "not probabilities" in equation.saying
    assert "not probabilities" in trace.note
    assert equation.lines[-1][0].startswith("S(")
    last = [step.probabilities[-1] for step in trace.steps]
    np.testing.assert_allclose(last, np.exp(model.log_probs(text)), rtol=1e-12)
    assert trace.steps[2].probabilities == pytest.approx((1 / 6, 0.5, 0.2), rel=RTOL)


def test_the_equation_of_an_unseen_word() -> None:
    model = trained(TRAIN, WORDS, 1)
    equation, *_ = model.exhibits(Encoded.from_documents([[0]], WORDS))
    assert isinstance(equation, WorkedEquation)
    assert [value for _, value in equation.lines] == pytest.approx([0, 0.4, 0.2, 0.08])
    assert [note.split()[0] for note in model.notes] == ["<unk>"]


def test_it_passes_the_validity_checks_of_a_model_that_is_not_normalised() -> None:
    model = trained(random_documents(3, 20), vocabulary(20), 3)
    text = Encoded.from_documents(random_documents(4, 20), vocabulary(20))
    results = run_sampled_checks(model, Scored(text, model.log_probs(text), np.full(len(text), -3.0)))
    assert all(result.passed for result in results)
    assert "probabilities sum to one" not in [result.name for result in results]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order must be a whole number"),
        ({"order": True}, "order must be a whole number"),
        ({"alpha": 0}, "alpha must be a number greater than 0"),
        ({"alpha": 1.5}, "alpha must be a number greater than 0"),
    ],
)
def test_invalid_hyperparameters_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        StupidBackoff(**options)  # type: ignore[arg-type]


def test_an_empty_text_and_another_vocabulary_are_refused() -> None:
    with pytest.raises(LmcompareError, match="no tokens"):
        trained([[], []], WORDS, 2)
    with pytest.raises(PluginError, match="vocabulary of 5 types, not of 20"):
        trained(TRAIN, WORDS, 2).log_probs(Encoded.from_documents([[2]], vocabulary(20)))
