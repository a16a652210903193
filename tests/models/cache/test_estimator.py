"""Decaying counts against sums written out, and distributions against single scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.models.cache import estimator as caches
from lmcompare.models.cache.estimator import STRENGTH, Cache, Chain, Past
from lmcompare.models.common.gates import Gate
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary.build([["a", "b", "c"]])
CACHES = (Cache(1, 20.0), Cache(1, 2.0), Cache(2, 5.0), Cache(3, 1.5))
DOCUMENTS = st.lists(st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=25), min_size=1, max_size=4)


def written_out(text: Encoded, cache: Cache, at: int, *, carried: bool) -> np.ndarray:
    """Return the counts of a cache at a position, (V,), straight from their definition."""
    begin = 0 if carried else int(text.context_starts(np.array([at]))[0])
    counts = np.zeros(len(text.vocabulary))
    back = cache.order - 1
    for earlier in range(begin + back, at):
        if at - back >= begin and (text.ids[earlier - back : earlier] == text.ids[at - back : at]).all():
            counts[text.ids[earlier]] += 0.5 ** ((at - 1 - earlier) / cache.half_life)
    return counts


def test_counts_by_hand() -> None:
    # a b a b: at the last token the pair (a, b) was seen once, b two tokens back and a one token back
    a, b = VOCABULARY.ids(["a", "b"]).tolist()
    past = Past(Encoded.from_documents([[a, b, a, b]], VOCABULARY), 2, carried=False)
    assert past.counts(Cache(1, 1.0)).tolist() == [0, 0, 0.5, 0.5]
    assert past.masses(Cache(1, 1.0), np.arange(5)).tolist() == pytest.approx([0, 1, 1.5, 1.75, 1.875])
    assert past.counts(Cache(2, 1.0)).tolist() == [0, 0, 0, 0.25 * 2]
    assert past.masses(Cache(2, 1.0), np.arange(5)).tolist() == [0, 0, 0, 0.5, 0.5]


@given(DOCUMENTS, st.booleans())
def test_counts_and_masses_equal_their_definition(documents: list[list[int]], carried: bool) -> None:
    text = Encoded.from_documents(documents, VOCABULARY)
    past = Past(text, 3, carried=carried)
    for cache in CACHES:
        expected = [written_out(text, cache, at, carried=carried) for at in range(len(text) + 1)]
        masses = past.masses(cache, np.arange(len(text) + 1))
        np.testing.assert_allclose(masses, [e.sum() for e in expected], atol=1e-12)
        own = [e[word] for e, word in zip(expected, text.ids, strict=False)]
        np.testing.assert_allclose(past.counts(cache), own, atol=1e-12)


@given(DOCUMENTS, st.booleans(), st.integers(0, 2**31))
def test_the_prediction_is_the_mixture_of_all_levels(documents: list[list[int]], carried: bool, seed: int) -> None:
    text = Encoded.from_documents(documents, VOCABULARY)
    rng = np.random.default_rng(seed)
    gate = Gate(
        rng.normal(size=(len(CACHES), len(CACHES) + 1)).astype(np.float32),
        rng.normal(size=len(CACHES) + 1).astype(np.float32),
    )
    chain, past = Chain(CACHES, gate, carried), Past(text, 3, carried=carried)
    at = rng.permutation(len(text) + 1)
    below = rng.dirichlet(np.ones(len(VOCABULARY)), len(at))
    rows = below.copy()
    chain.add(past, at, rows)
    for row, level, position in zip(rows, below, at, strict=True):
        levels, masses = [level], []
        for cache in CACHES:
            counts = written_out(text, cache, int(position), carried=carried)
            masses.append(counts.sum())
            levels.append((counts + STRENGTH * levels[-1]) / (masses[-1] + STRENGTH))
        weights = np.exp(gate.weights.T.astype(float) @ np.log1p(masses) + gate.bias)
        np.testing.assert_allclose(row, weights / weights.sum() @ np.stack(levels), atol=1e-9)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-9)
    here = np.argsort(at)[: len(text)]
    scored = chain.score(past, below[here, text.ids])
    np.testing.assert_allclose(scored, rows[here, text.ids], atol=1e-9)


def test_a_count_far_back_is_neither_lost_nor_infinite() -> None:
    # The half-lives are much shorter than the text: scales are reset, and tiny counts are ignored
    rng = np.random.default_rng(0)
    text = Encoded.from_documents([rng.integers(0, len(VOCABULARY), 3000)], VOCABULARY)
    past, at = Past(text, 2, carried=False), np.array([1, 2500, 3000])
    both = (Cache(1, 0.7), Cache(2, 0.7))
    chain = Chain(both, Gate(np.zeros((2, 3), np.float32), np.zeros(3, np.float32)), carried=False)
    rows = np.full((3, len(VOCABULARY)), 1 / len(VOCABULARY))
    chain.add(past, at, rows)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-12)
    factors = chain.factors(past, at)
    for row, position, factor in zip(rows, at, factors.T, strict=True):
        counts = [written_out(text, cache, int(position), carried=False) for cache in both]
        np.testing.assert_allclose(row, factor[0] / len(VOCABULARY) + factor[1:] @ np.stack(counts), atol=1e-12)


def test_without_a_text_the_caches_share_a_tenth() -> None:
    nothing = Encoded.from_documents([], VOCABULARY)
    chain = caches.fit(CACHES, nothing, np.zeros(0), carried=False, seed=0)
    shares = chain.gate.shares(np.array([[0.0], [3.0], [1.0], [2.0]]))
    assert shares[:, 0].tolist() == pytest.approx([0.9, *[0.1 / len(CACHES)] * len(CACHES)])
