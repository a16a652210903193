"""The tuned n-gram model with given parameters: its classes by hand, brute force, derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts import ngrams as counting
from lmcompare.counts.ngrams import Counts, nodes_of, with_starts
from lmcompare.counts.table import NOTHING
from lmcompare.model import FloatArray
from lmcompare.models.ngram import kneser_ney, kneser_ney_fast
from lmcompare.models.ngram_tuned.tuning import (
    SPREADS,
    Classes,
    HeldOut,
    Parameters,
    closed_form,
    estimate,
    likelihood,
    with_repeats,
)
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.models.ngram.brute_force import context_at
from tests.models.ngram_tuned.brute_force import PitmanYor

WORDS, LEVELS = 7, 3
SPREAD = len(SPREADS) + 1
KINDS = LEVELS * SPREAD
Documents = list[list[int]]
documents_of_words = st.lists(st.lists(st.integers(0, WORDS - 2), max_size=14), min_size=1, max_size=6)


def text_of(documents: Documents, size: int = WORDS) -> Encoded:
    return Encoded.from_documents(documents, Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, size))]))


def classified(
    train: Documents, valid: Documents, order: int, groups: int, repeats: int
) -> tuple[list[Counts], Classes]:
    counts = with_repeats(list(counting.count(with_starts(text_of(train)), order, WORDS, 1)), repeats)
    return counts, Classes.of(counts, nodes_of(counts, with_starts(text_of(valid))), LEVELS, groups)


def encoded(*sentences: list[int]) -> Encoded:
    return text_of([[w for s in sentences for w in [*s, 1]]], 5)


def keys(level: Counts) -> IntArray:
    return level.contexts * level.width + level.words


def test_a_preceding_word_counts_up_to_the_repeats() -> None:
    # "a b </s>" three times and "c b </s>" once: b follows a three times and c once.
    counts = list(counting.count(with_starts(encoded([2, 3], [2, 3], [2, 3], [4, 3])), 3, 5, 1))
    for repeats, of_b in ((1, 2), (2, 3), (3, 4), (9, 4)):
        changed = with_repeats(counts, repeats)
        assert changed[0].adjusted[3] == of_b
        np.testing.assert_array_equal(changed[2].adjusted, counts[2].adjusted)  # the highest order
    bigrams = {(int(k) // 6, int(k) % 6): int(c) for k, c in zip(keys(counts[1]), changed[1].adjusted, strict=True)}
    assert bigrams[5, 2] == 3  # <s> a: no word comes before it, so it has its frequency
    assert bigrams[3, 1] == 4  # b </s>: after a 3 times, after c once


def test_classes_depend_on_count_and_spread() -> None:
    train = encoded([2, 3], [2, 3], [2, 3], [4, 3], [3])
    counts = list(counting.count(with_starts(train), 2, 5, 1))
    classes = Classes.of(counts, nodes_of(counts, with_starts(train)), levels=2, groups=1)
    unigrams = classes.orders[0].of_gram
    assert unigrams.tolist() == [NOTHING, 0, 0, SPREAD, 0, NOTHING]  # b follows a, c and <s>; </s> follows b only
    bigrams = dict(zip(keys(counts[1]).tolist(), classes.orders[1].of_gram.tolist(), strict=True))
    assert bigrams[2 * 6 + 3] == SPREAD + 1  # a b: 3 of the 5 times of b, which is up to 4 times as often
    assert bigrams[4 * 6 + 3] == 2  # c b: 1 of 5 times, so b is more than 4 times as often
    assert bigrams[5 * 6 + 4] == 0  # <s> c: every occurrence of c


def test_contexts_are_grouped_by_their_mean_count() -> None:
    # After <s>: a 3, c 2 (mean 2.5); after a: b 3, </s> 1 (mean 2); after b: </s> 4; after c: a 1, b 1 (mean 1). The
    # text has c twice, a and b 4 times and <s> 5 times: groups of 6 contexts (c and a), 5 (<s>) and 4 (b).
    train = encoded([2, 3], [2, 3], [2, 3], [4, 3], [4, 2])
    counts = list(counting.count(with_starts(train), 2, 5, 1))
    classes = Classes.of(counts, nodes_of(counts, with_starts(train)), levels=3, groups=3)
    assert classes.orders[1].edges.tolist() == [2, 2.5]
    assert classes.orders[1].groups[[4, 2, 5, 3]].tolist() == [0, 0, 1, 2]
    assert classes.orders[0].edges.shape == (0,)
    assert classes.n_groups == [1, 3]
    assert classes.first_rows.tolist() == [0, 1]
    alike = Classes.of(counts, [np.array([2, 2]), np.array([NOTHING, NOTHING])], levels=3, groups=5)
    assert alike.n_groups == [1, 1]  # equal mean counts are one group


def random_parameters(classes: Classes, seed: int) -> Parameters:
    rng, rows = np.random.default_rng(seed), sum(classes.n_groups)
    counts = np.repeat(np.arange(1, LEVELS + 1), len(SPREADS) + 1)
    discounts = rng.uniform(0.05, 0.95, (rows, KINDS)) * counts
    return Parameters(discounts, rng.uniform(0, 3, rows), float(rng.uniform(0.01, 0.9)))


def truth_of(train: Documents, classes: Classes, p: Parameters, order: int, repeats: int) -> PitmanYor:
    first = [sum(classes.n_groups[:k]) for k in range(order)]

    def discount(k: int, group: int, count: int, spread: int) -> float:
        return float(p.discounts[first[k - 1] + group, (min(count, LEVELS) - 1) * (len(SPREADS) + 1) + spread])

    return PitmanYor(
        train,
        order,
        WORDS,
        repeats=repeats,
        spreads=SPREADS,
        edges=[o.edges.tolist() for o in classes.orders],
        discount=discount,
        strength=lambda k, group: float(p.strengths[first[k - 1] + group]),
        unknown=p.unknown,
    )


@given(
    train=documents_of_words.filter(any),
    valid=st.lists(st.lists(st.integers(0, WORDS - 1), min_size=1, max_size=14), min_size=1, max_size=4),
    order=st.integers(1, 5),
    groups=st.integers(1, 4),
    repeats=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_table_and_likelihood_equal_brute_force(
    train: Documents, valid: Documents, order: int, groups: int, repeats: int, seed: int
) -> None:
    counts, classes = classified(train, valid, order, groups, repeats)
    parameters = random_parameters(classes, seed)
    truth = truth_of(train, classes, parameters, order, repeats)
    contexts = [context_at(d, i, order) for d in valid for i in range(len(d))]
    expected = np.array([[truth.probability(w, h) for w in range(WORDS)] for h in contexts])
    text = text_of(valid)
    table = estimate(counts, classes, parameters, WORDS, 0)
    at = np.arange(len(text))
    found = np.exp(table.distributions(table.contexts_at(text, at)))
    np.testing.assert_allclose(found, expected, rtol=3e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.exp(table.score(text)), expected[at, text.ids], rtol=3e-6)
    held_out = HeldOut.gather(nodes_of(counts, with_starts(text)), counts, classes)
    mean, _ = likelihood(held_out, parameters, WORDS, 0)
    assert mean == pytest.approx(np.log(expected[at, text.ids]).mean(), rel=1e-12)


def random_documents(seed: int) -> Documents:
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, WORDS)
    return [rng.choice(WORDS - 1, rng.integers(1, 30), p=weights / weights.sum()).tolist() for _ in range(15)]


@pytest.mark.parametrize("order", [1, 3])
def test_derivatives_equal_differences(order: int) -> None:
    train, valid = random_documents(1), random_documents(2)
    counts, classes = classified(train, valid, order, 3, 2)
    text = HeldOut.gather(nodes_of(counts, with_starts(text_of(valid))), counts, classes)
    at = random_parameters(classes, 5)
    _, gradient = likelihood(text, at, WORDS, 0)

    def difference(change: Callable[[float], Parameters]) -> float:
        high, low = (likelihood(text, change(step), WORDS, 0)[0] for step in (1e-6, -1e-6))
        return (high - low) / 2e-6

    def moved(values: FloatArray, i: int, step: float) -> FloatArray:
        values = values.copy()
        values.flat[i] += step
        return values

    by_discounts = [
        difference(lambda s, i=i: Parameters(moved(at.discounts, i, s), at.strengths, at.unknown))  # type: ignore[misc]
        for i in range(at.discounts.size)
    ]
    by_strengths = [
        difference(lambda s, i=i: Parameters(at.discounts, moved(at.strengths, i, s), at.unknown))  # type: ignore[misc]
        for i in range(at.strengths.size)
    ]
    np.testing.assert_allclose(gradient.discounts.ravel(), by_discounts, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(gradient.strengths, by_strengths, rtol=1e-5, atol=1e-8)
    by_unknown = difference(lambda s: Parameters(at.discounts, at.strengths, at.unknown + s))
    assert gradient.unknown == pytest.approx(by_unknown, rel=1e-5, abs=1e-8)
    assert np.count_nonzero(gradient.discounts) > 5 * (order > 1)


@pytest.mark.parametrize("order", [1, 3])
def test_closed_form_parameters_make_modified_kneser_ney(order: int) -> None:
    train, valid = random_documents(3), random_documents(4)
    counts, classes = classified(train, valid, order, 2, repeats=1)
    discounts = [kneser_ney.discounts(c.statistics) for c in counts]
    table = estimate(counts, classes, closed_form(discounts, classes, WORDS), WORDS, 0)
    plain, _ = kneser_ney_fast.estimate(counts, WORDS)
    np.testing.assert_allclose(table.score(text_of(valid)), plain.score(text_of(valid)), rtol=3e-6)
    for level, same in zip(table.levels, plain.levels, strict=True):
        np.testing.assert_array_equal(level.words, same.words)
        np.testing.assert_array_equal(level.counts, same.counts)


def test_a_unigram_model_worked_by_hand() -> None:
    # "a a b </s>" over <unk> </s> a b c d e: counts a 2, b 1, </s> 1; sum 4. D(1) = 0.5, D(2) = 1, θ = 1; <unk> has
    # 0.4 below, the other six 0.1 each. Saved: 0.5 + 0.5 + 1 + θ = 3, over 4 + 1: 0.6.
    # p(a) = (2 - 1) / 5 + 0.6 · 0.1 = 0.26; p(b) = p(</s>) = 0.1 + 0.06; p(<unk>) = 0.24; c, d, e 0.06.
    counts, classes = classified([[2, 2, 3, 1]], [[2]], 1, 1, 1)
    amounts = np.repeat([0.5, 1.0, 1.5], len(SPREADS) + 1)[None, :]
    table = estimate(counts, classes, Parameters(amounts, np.array([1.0]), 0.4), WORDS, 0)
    row = np.exp(table.distributions(table.beginning(1))[0])
    np.testing.assert_allclose(row, [0.24, 0.16, 0.26, 0.16, 0.06, 0.06, 0.06], rtol=1e-6)
