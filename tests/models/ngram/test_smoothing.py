"""Every smoothing method gives the probabilities of its formula, sums to one, and shows what it computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts import ngrams as counting
from lmcompare.counts.ngrams import IN_MEMORY, with_starts
from lmcompare.exhibits import BackoffTrace, WorkedEquation
from lmcompare.exhibits.equation import typeset
from lmcompare.models.ngram import kneser_ney, kneser_ney_fast, methods
from lmcompare.models.ngram.plugin import METHODS, NGram
from tests.models.agreement import comes_back
from tests.models.ngram import brute_force as brute
from tests.models.ngram.cases import (
    RTOL,
    Documents,
    agrees,
    is_a_distribution,
    random_documents,
    text_of,
    trained,
    vocabulary,
)

WORDS = 6
BRUTE: dict[str, Callable[[Documents, int, int, Documents], brute.RawCounts]] = {
    "kneser-ney": lambda train, order, size, valid: brute.KneserNey(train, order, size),
    "absolute": lambda train, order, size, valid: brute.Absolute(train, order, size),
    "witten-bell": lambda train, order, size, valid: brute.WittenBell(train, order, size),
    "jelinek-mercer": lambda train, order, size, valid: brute.JelinekMercer(train, order, size, valid),
    "katz": lambda train, order, size, valid: brute.Katz(train, order, size),
    "add-k": lambda train, order, size, valid: brute.AddK(train, order, size, 0.003),
}
TRAIN = st.lists(st.lists(st.integers(0, WORDS - 2), max_size=12), min_size=1, max_size=6).filter(any)
TEST = st.lists(st.lists(st.integers(0, WORDS - 1), max_size=10), min_size=1, max_size=4)
PRUNED: dict[str, Any] = {"smoothing": "kneser-ney", "prune": (0, 0, 1, 2)}
EVERY = [*({"smoothing": name} for name in METHODS), PRUNED]
every = pytest.mark.parametrize("options", EVERY, ids=[*METHODS, "pruned"])


@pytest.mark.parametrize("smoothing", METHODS)
@given(train=TRAIN, test=TEST, order=st.integers(1, 5))
def test_equals_brute_force(smoothing: str, train: Documents, test: Documents, order: int) -> None:
    # The last type does not occur in the training text; documents may be empty or end without </s>.
    model = trained(order, train, WORDS, test, smoothing=smoothing)
    truth = BRUTE[smoothing](train, order, WORDS, test)
    agrees(model, truth, train)
    agrees(model, truth, test)


@given(train=TRAIN, test=TEST, order=st.integers(1, 7), rises=st.lists(st.integers(0, 1), max_size=6))
def test_pruned_kneser_ney_equals_brute_force(
    train: Documents, test: Documents, order: int, rises: list[int]
) -> None:
    prune = tuple(np.cumsum([0, *rises]).tolist())[:order]
    model, truth = trained(order, train, WORDS, prune=prune), brute.KneserNey(train, order, WORDS, prune)
    agrees(model, truth, train)
    agrees(model, truth, test)


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", METHODS)
def test_equals_brute_force_on_longer_texts(smoothing: str) -> None:
    # Of 60 types: long enough for estimated discounts and Good-Turing ratios. Of 3: every word follows some contexts.
    for order, size in ((1, 60), (3, 60), (5, 60), (2, 3)):
        train = random_documents(order, size, documents=100 if size == 60 else 5)
        test = random_documents(100 + order, size, documents=4)
        model = trained(order, train, size, test, threads=2, smoothing=smoothing)
        agrees(model, BRUTE[smoothing](train, order, size, test), [*train[:2], *test[:2]])
        assert size == 3 or not any(note.startswith("The 2-grams") for note in model.notes)


@every
def test_sums_to_one_after_every_kind_of_context(options: dict[str, Any]) -> None:
    size, odd = 40, [[], [0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1], [39, 0, 38, 37, 1, 36, 35, 34, 33], []]
    for order, with_unknown in ((1, True), (2, False), (5, True), (5, False)):
        documents = random_documents(order, size)
        documents = [[w or 2 * (not with_unknown) for w in d] for d in documents]
        model = trained(order, documents, size, **{**options, "prune": options.get("prune", (0,))[:order]})
        is_a_distribution(model, text_of([*documents, *random_documents(99, size), *odd], size))
        assert any("<unk>" in note for note in model.notes) != with_unknown


@every
def test_restoring_the_state_gives_the_same_model(options: dict[str, Any]) -> None:
    model, again = trained(4, random_documents(8, 20), 20, **options), NGram()
    comes_back(model, again, text_of(random_documents(9, 20), 20))
    assert again.idea == model.idea
    assert again.title() == model.title()
    assert again.keeps_to_memory == (model.smoothing == "kneser-ney")


@every
def test_the_worked_numbers_make_the_probability(options: dict[str, Any]) -> None:
    # The word 19 does not occur in the training text.
    sentences = [[2, 3, 0, 4, 1], [19, 19, 1], [2, 1], [3, 2, 2, 2, 5, 2, 1]]
    for order in (1, 2, 4):
        train = random_documents(8, 19)
        model = trained(order, train, 20, **{**options, "prune": options.get("prune", (0,))[:order]})
        for sentence in sentences:
            text = text_of([sentence], 20)
            equation, _, trace = model.exhibits(text)
            assert isinstance(equation, WorkedEquation)
            label, p = equation.lines[-1]
            token, _, context = label.removeprefix("P(").removesuffix(")").partition(" | ")
            found = [
                np.exp(score)
                for at, score in enumerate(model.log_probs(text))
                if text.vocabulary[int(text.ids[at])] == token
                and " ".join(["<s>", *(text.vocabulary[i] for i in sentence[:at])]).endswith(context)
            ]
            assert any(p == pytest.approx(f, rel=1e-5) for f in found)
            assert isinstance(trace, BackoffTrace)
            last = [step.probabilities[-1] for step in trace.steps]
            np.testing.assert_allclose(last, np.exp(model.log_probs(text)), rtol=1e-12)


def test_each_method_has_an_equation_and_a_title_of_its_own() -> None:
    assert all(typeset(method.equation) is not None for method in METHODS.values())
    for of_method in ("equation", "title", "saying", "idea"):
        assert len({getattr(method, of_method) for method in METHODS.values()}) == len(METHODS)


@pytest.mark.parametrize("smoothing", ["kneser-ney", "absolute", "katz"])
def test_missing_constants_are_noted(smoothing: str) -> None:
    documents = [[2, 3, 1], [2, 4, 1]] * 3  # b and c occur 3 times, a and </s> 6 times
    note = trained(1, documents, 5, smoothing=smoothing).notes[0]
    assert note.startswith("The 1-grams take the discount")
    assert "has the count 1" in note


def test_a_discount_of_zero_is_noted() -> None:
    # As unigrams: a, b, c and </s> once, d twice, e three times: 4, 1 and 1 of the counts 1, 2 and 3. Y = 4 / 6 and
    # D2 = 2 - 3 Y = 0.
    assert trained(1, [[2, 3, 4, 5, 5, 6, 6, 6, 1]], 7).notes[0].startswith("A discount of the 1-grams is 0")


def test_the_extremes_of_k_by_hand() -> None:
    # After "a" b and c came once each. All words are equally likely with so great a k, and with so small a one
    # k / 2 is left for the others.
    text, at = text_of([[2, 3]], 5), np.array([1])
    great, small = (trained(2, [[2, 3, 1], [2, 4, 1]], 5, smoothing="add-k", k=k) for k in (1e100, 1e-100))
    np.testing.assert_allclose(np.exp(great.next_log_probs(text, at)), [[0.2] * 5], rtol=RTOL)
    rest = np.log(1e-100) - np.log(2)
    expected = [[rest, rest, rest, np.log(0.5), np.log(0.5)]]
    np.testing.assert_allclose(small.next_log_probs(text, at), expected, rtol=RTOL)


def test_a_cutoff_above_all_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of(random_documents(1, 60, documents=100), 60)
    monkeypatch.setattr(methods, "CUTOFF", 10**9)
    for level in counting.count(with_starts(text), 3, len(vocabulary(60)), 1):
        greatest = int(level.raw.max())
        n = np.bincount(level.raw, minlength=2 * greatest + 2)
        found = [methods.ratios(n, most) for most in range(2 * greatest, 0, -1)]
        kept, reason = methods.order_ratios(level)
        assert reason == found[0][1] != ""
        np.testing.assert_array_equal(kept[1:], next((ratios for ratios, problem in found if not problem), []))
        assert kept[0] == 0


def test_a_validation_text_without_tokens_is_noted() -> None:
    model = trained(2, [[2, 3, 1]], 5, [], smoothing="jelinek-mercer")
    assert "no tokens" in model.notes[0]
    assert model.state().values["constants"] == [[0.5, 0.5], [0.5]]


@given(train=TRAIN, order=st.integers(1, 5), threshold=st.integers(0, 2), threads=st.integers(1, 3))
def test_the_loops_of_kneser_ney_equal_its_equations(
    train: Documents, order: int, threshold: int, threads: int
) -> None:
    counts = list(counting.count(with_starts(text_of(train, WORDS)), order, WORDS, 1))
    for level, adjusted in zip(counts, kneser_ney.adjusted_counts(counts), strict=True):
        assert np.array_equal(level.adjusted, adjusted)
    prune = (0, threshold)[:order]
    lower = np.full(WORDS + 1, 1 / WORDS, np.float32)
    slow = kneser_ney.estimate(counts, WORDS, prune)
    table, of_orders = kneser_ney_fast.estimate(counts, WORDS, prune, threads)
    for k, (probabilities, gammas, discounts) in enumerate(slow):
        level, kept = counts[k], counts[k].raw > threshold if k and threshold else None
        amounts = discounts.of_counts
        fast = kneser_ney_fast.interpolate(level, kept, amounts, lower, threads, IN_MEMORY)
        lower = probabilities
        if k:  # that of <s> is set later
            assert np.array_equal(probabilities, fast[0])
        assert probabilities.dtype == gammas.dtype == np.float32
        assert np.array_equal(gammas, fast[1])
        assert of_orders[k] == discounts
        log10 = np.minimum(np.log10(probabilities if kept is None else probabilities[kept], dtype=np.float64), 0)
        assert np.array_equal(table.levels[k].log10_probs, log10.astype(np.float32))
