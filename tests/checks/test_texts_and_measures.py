"""The kit's texts and measures, against what they claim."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.checks.asked import (
    AGREEMENT,
    BEYOND,
    SUM_FLOAT32,
    SUM_FLOAT64,
    as_sentence_number,
    differences,
    largest,
    place,
    probability_sums,
    state_difference,
    sum_tolerance,
)
from lmcompare.checks.probe import MarkovTexts
from lmcompare.model import State
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b", "c"])


def test_markov_text_is_what_it_says() -> None:
    """Transitions sum to one, and the chain's own score is its entropy rate within the sample's error."""
    texts = MarkovTexts(3)
    V = len(texts.vocabulary)
    long = texts.text("long", tokens=20_000)
    chain = np.zeros((V, V))
    np.add.at(chain, (np.append(1, long.ids[:-1]), long.ids), 1)
    visits = chain.sum(axis=1)
    each = [texts.encoded([before, token]) for before in range(V - 1) for token in range(V - 1)]
    rows = np.array([np.exp(texts.log_probs(t)[1]) for t in each]).reshape(V - 1, V - 1)
    np.testing.assert_allclose(rows.sum(axis=1), 1)  # the last type never comes
    assert visits[-1] == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        entropies = -np.nansum(rows * np.log(rows), axis=1)
    rate = float(visits[:-1] @ entropies / visits.sum())
    assert -np.mean(texts.log_probs(long)) == pytest.approx(rate, abs=0.02)
    assert -np.mean(texts.floor(long)) > rate + 1


def test_markov_texts_repeat_by_seed_and_key() -> None:
    one, same, other = MarkovTexts(1), MarkovTexts(1), MarkovTexts(2)
    assert np.array_equal(one.text("k").ids, same.text("k").ids)
    assert not np.array_equal(one.text("k").ids[:40], one.text("l").ids[:40])
    assert not np.array_equal(one.text("k").ids[:40], other.text("k").ids[:40])
    assert one.vocabulary.counts.sum() == len(one.train)


def test_contexts_hold_every_kind() -> None:
    texts = MarkovTexts(0)
    documents = [d.tolist() for d in texts.contexts("x").documents()]
    assert [] in documents
    assert documents[-1] == []
    assert [1] in documents
    assert any(len(d) == 1 and d != [1] for d in documents)
    assert any(d and set(d[:-1]) == {0} for d in documents)
    assert any(len(texts.vocabulary) - 1 in d for d in documents)
    assert any(d and d[-1] != 1 for d in documents)


def test_no_text_holds_the_type_that_never_comes() -> None:
    texts = MarkovTexts(0)
    never = len(texts.vocabulary) - 1
    assert texts.vocabulary[never] == "never"
    for text in (texts.train, texts.valid, texts.test):
        assert never not in text.ids
        assert 0 in text.ids


# Measures


def test_tolerance_goes_by_the_precision_of_the_figures() -> None:
    values = np.log(np.random.default_rng(0).random((3, 4)))
    assert sum_tolerance(values) == SUM_FLOAT64
    assert sum_tolerance(values.astype(np.float32)) == SUM_FLOAT32
    assert sum_tolerance(values.astype(np.float32).astype(np.float64)) == SUM_FLOAT32  # copied into a wider array
    assert SUM_FLOAT64 < SUM_FLOAT32 == AGREEMENT == 1e-4


def test_sums_are_added_up_in_float64() -> None:
    rows = np.log(np.array([[0.25, 0.75], [0.5, 0.6]]))
    np.testing.assert_allclose(probability_sums(rows), [1.0, 1.1])
    many = np.full((1, 200_000), -np.log(200_000), np.float32)
    assert abs(probability_sums(many)[0] - 1) < 1e-5


def test_differences_of_what_is_no_number() -> None:
    one = np.array([0.0, -np.inf, -np.inf, np.nan, -1.0, -1.0])
    other = np.array([-1.0, -np.inf, -2.0, np.nan, np.nan, -1.0])
    assert differences(one, other).tolist() == [1.0, 0.0, BEYOND, BEYOND, BEYOND, 0.0]


def test_largest_of_rows() -> None:
    assert largest(np.array([1.0, 3.0, 2.0])) == (3.0, 1)
    assert largest(np.array([[1.0, 0.0], [0.0, 5.0]])) == (5.0, 1)
    assert largest(np.zeros(0)) == (0.0, 0)
    assert largest(np.zeros((0, 4))) == (0.0, 0)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (0, "at the beginning of document first"),
        (1, "after 'a' (document first, token 1)"),
        (4, "after '… b c </s>' (document first, token 4)"),
        (5, "at the beginning of document third"),
        (7, "after 'b </s>' (document third, token 2)"),
    ],
)
def test_place_says_where(at: int, said: str) -> None:
    text = Encoded(
        np.array([2, 3, 4, 1, 2, 3, 1]), np.array([0, 5, 5]), VOCABULARY, names=("first", "second", "third")
    )
    assert place(text, at) == said


def test_place_in_nothing() -> None:
    assert place(Encoded.from_documents([], VOCABULARY), 0) == "at the beginning of document 0"


def test_numbers_in_sentences() -> None:
    assert as_sentence_number(0.123456) == "0.1235"
    assert as_sentence_number(1e-6) == "1e-06"
    assert as_sentence_number(BEYOND) == "no finite number"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (State({"w": np.zeros(3)}, {"n": 1}), ""),
        (State({"v": np.zeros(3)}, {"n": 1}), "one has the arrays w, the other v"),
        (
            State({"w": np.zeros(3, np.float32)}, {"n": 1}),
            "array 'w' is float64[3] in one and float32[3] in the other",
        ),
        (State({"w": np.array([0, 1e-300, 0])}, {"n": 1}), "array 'w' differs at 1 of 3 places"),
        (State({"w": np.array([0, -0.0, 0])}, {"n": 1}), "array 'w' differs at 0 of 3 places"),  # bits, not values
        (State({"w": np.zeros(3)}, {"n": 2}), "the value 'n' differs"),
        (State({"w": np.zeros(3)}, {"n": 1, "m": 1}), "the value 'm' differs"),
    ],
)
def test_states_differ_bit_by_bit(other: State, said: str) -> None:
    assert state_difference(State({"w": np.zeros(3)}, {"n": 1}), other) == said
