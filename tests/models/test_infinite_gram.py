"""The n-gram model without a limit against brute force, by hand, and of what it shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts.suffixes import REPEATS
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Bars, Sources, WorkedEquation
from lmcompare.model import Setting
from lmcompare.models.common.discounts import LEAST, class_of, own_and_rest
from lmcompare.models.infinite_gram import InfiniteGram
from lmcompare.tokens import Encoded, FloatArray, Vocabulary
from tests.counts.brute_force_contexts import BruteForce
from tests.models.agreement import comes_back, steps_agree

WORDS = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])
TOKENS = st.integers(0, 5)
DOCUMENTS = st.lists(st.lists(TOKENS, max_size=25), min_size=1, max_size=5)


def encoded(documents: list[list[int]]) -> Encoded:
    return Encoded.from_documents(documents, WORDS)


def trained(train: list[list[int]], valid: list[list[int]] | None = None) -> InfiniteGram:
    return InfiniteGram().fit(encoded(train), encoded(valid or []), Setting(WORDS))


def defined(model: InfiniteGram, truth: BruteForce, past: list[int]) -> FloatArray:
    """Return the distribution after the past of a document, by the definition of the model."""
    discounts = model._discounts
    assert discounts is not None
    p = np.full(6, 1 / 6)
    for length, final, counts in truth.levels(past):
        of_each = np.array([counts[w] for w in range(6)])
        sums = np.array([of_each.sum(), *((np.minimum(of_each, 4) == j).sum() for j in range(1, 5))])
        values = discounts.values[class_of(length, final, len(counts))]
        parts = [own_and_rest(int(n), sums, values) for n in of_each]
        p = np.array([own + rest * below for (own, rest), below in zip(parts, p, strict=True)])
    p *= 1 - discounts.unknown
    p[0] += discounts.unknown
    return p


@given(train=DOCUMENTS.filter(any), test=DOCUMENTS)
def test_distributions_equal_the_definition(train: list[list[int]], test: list[list[int]]) -> None:
    model, truth, text = trained(train), BruteForce(train, REPEATS), encoded(test)
    found = np.exp(model.next_log_probs(text, np.arange(len(text) + 1)))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    expected = [defined(model, truth, document[:n]) for document in test for n in range(len(document))]
    np.testing.assert_allclose(found, [*expected, defined(model, truth, test[-1])], rtol=1e-12)
    scores = model.log_probs(text)
    np.testing.assert_allclose(scores, np.log(found[np.arange(len(text)), text.ids]), rtol=1e-12)


@given(train=DOCUMENTS.filter(any), seed=st.integers(0, 99))
def test_sums_to_one_with_fitted_discounts(train: list[list[int]], seed: int) -> None:
    valid = [np.random.default_rng(seed).integers(0, 6, LEAST).tolist()]
    model = trained(train, valid)
    found = np.exp(model.next_log_probs(encoded(valid), np.arange(LEAST + 1)))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert (found > 0).all()
    np.testing.assert_allclose(found[50], defined(model, BruteForce(train, REPEATS), valid[0][:50]), rtol=1e-12)


def test_a_long_context_is_found() -> None:
    """What followed a passage of 40 tokens is expected again, and not what mostly followed its last ten."""
    generator = np.random.default_rng(0)
    passage = generator.integers(2, 6, 40).tolist()
    others = [[*generator.integers(2, 6, 5).tolist(), *passage[-10:], 3] for _ in range(5)]
    model = trained([[*passage, 4], *others])
    distribution = np.exp(model.next_log_probs(encoded([passage]), np.array([40])))[0]
    assert distribution.argmax() == 4
    shorter = np.exp(model.next_log_probs(encoded([passage[-10:]]), np.array([10])))[0]
    assert shorter.argmax() == 3


def test_agrees_with_itself() -> None:
    generator = np.random.default_rng(0)
    train = [generator.integers(0, 5, n).tolist() for n in (80, 3, 200)]
    valid = [generator.integers(0, 6, 300).tolist()]
    model = trained(train, valid)
    steps_agree(model, encoded([generator.integers(0, 6, 12).tolist()]))
    comes_back(model, InfiniteGram(), encoded([[2, 3, 4, 5, 1], [2, 2, 3, 1]]))


def test_notes() -> None:
    few = trained([[2, 3, 1]], [[2, 3, 1]])
    assert any("3 tokens" in note and str(LEAST) in note for note in few.notes)
    assert any("<unk>" in note for note in few.notes)
    fitted = trained([[0, 2, 3, 1] * 20], [[0, 2, 3, 1] * 100])
    assert any("400 tokens" in note for note in fitted.notes)
    assert not any("<unk>" in note for note in fitted.notes)


def test_no_text_is_an_error() -> None:
    with pytest.raises(LmcompareError, match="no tokens"):
        trained([[]])


def test_exhibits_by_hand() -> None:
    train = [[2, 3, 4, 1, 2, 3, 5, 1], [5, 3, 4, 1, 3, 3, 1]]
    model = trained(train)
    text = encoded([[2, 3, 4, 3]])
    equation, lengths, sources = model.exhibits(text)
    assert isinstance(equation, WorkedEquation)
    assert isinstance(lengths, Bars)
    # the contexts found: <s>; <s> a; <s> a b; <s> a b c
    assert lengths.values == (0, 1, 1, 1, 1, 0, 0, 0, 0, 0)
    assert isinstance(sources, Sources)
    assert [guess.token for guess in sources.guesses] == ["a", "b", "c", "b"]
    third = sources.guesses[2]
    rows = np.exp(model.next_log_probs(text, np.array([2])))[0]
    assert third.guess == "c"
    assert third.probability == pytest.approx(rows[4])
    # "<s> a b" occurs once, before c
    assert (third.followed, third.occurs) == (1, 1)
    assert third.passages[0].context == "<s> a b"
    assert third.passages[0].after == "</s> a b d </s>"
    assert third.passages[0].before == ""
    # the worked equation ends with the probability of the model
    at = [i for i in range(4) if equation.lines[-1][1] == pytest.approx(np.exp(model.log_probs(text)[i]))]
    assert at
    assert list(model.exhibits(encoded([]))) == []


def test_a_passage_stays_in_its_document() -> None:
    model = trained([[2, 3, 4, 1], [5, 2, 3, 1]])
    *_, sources = model.exhibits(encoded([[2, 3, 1, 1]]))
    assert isinstance(sources, Sources)
    for guess in sources.guesses:
        for passage in guess.passages:
            words = f"{passage.before} {passage.context} {passage.next} {passage.after}".split()
            assert "<s>" not in words[1:]
            assert len(words) <= 5
