"""Tables are looked up as backing off is defined, to the same bits by bisection, with hash tables and in threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare import memory
from lmcompare.counts import ngrams as counting
from lmcompare.counts import scoring
from lmcompare.counts import table as table_module
from lmcompare.counts.level import NATS, NOTHING, Level, find
from lmcompare.counts.table import BackoffTable, score, with_starts
from lmcompare.errors import LmcompareError
from lmcompare.models.ngram import kneser_ney
from lmcompare.tokens import Encoded, Vocabulary
from tests.counts.random_tables import END, Gram, plainly, probability, table_of, tables


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, size))])


def text_of(seed: int, size: int, tokens: int) -> Encoded:
    """A text by Zipf's law, in two documents, in which sentences end now and then; the last one is open."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, size + 1)
    ids = rng.choice(size, tokens, p=weights / weights.sum()).astype(np.int32)
    return Encoded(ids, np.array([0, tokens // 3]), vocabulary(size))


def estimated(text: Encoded, order: int, thresholds: tuple[int, ...] = (0,), threads: int = 1) -> BackoffTable:
    counts = counting.count(with_starts(text), order, len(text.vocabulary), text.vocabulary.end, threads=threads)
    return kneser_ney.estimate(counts, len(text.vocabulary), thresholds, threads)[0]


def histories(text: Encoded) -> list[tuple[int, ...]]:
    """The words of the sentence before each token, from ``<s>`` on."""
    found = []
    for document in text.documents():
        words: tuple[int, ...] = ()
        for word in document.tolist():
            found.append((len(text.vocabulary), *words))
            words = () if word == END else (*words, word)
    return found


def is_as_defined(table: BackoffTable, text: Encoded) -> None:
    """By bisection and with hash tables, token by token and in whole distributions."""
    numbers, before = plainly(table), histories(text)
    scores = score(table.levels, text)
    for threads in (1, 3):
        np.testing.assert_array_equal(scoring.Scorer(table.levels).score(text, threads), scores)
    expected = [probability(numbers, h, w) for h, w in zip(before, text.ids.tolist(), strict=True)]
    np.testing.assert_allclose(np.exp(scores), expected, rtol=1e-6)
    contexts = table.contexts_at(text, np.arange(len(text)))
    np.testing.assert_allclose(table.score_after(contexts, text.ids), scores, rtol=0, atol=1e-12)
    rows = [[probability(numbers, h, w) for w in range(table.start)] for h in before[:40]]
    for dtype, precise in ((np.float32, 1e-5), (np.float64, 1e-6)):
        found = table.distributions(contexts, dtype)
        assert found.dtype == dtype
        np.testing.assert_allclose(np.exp(found[:40]), np.array(rows).reshape(-1, table.start), rtol=precise)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_estimated_tables(order: int) -> None:
    # several blocks, whose edges are within sentences
    is_as_defined(estimated(text_of(2, 90, 6000), order), text_of(3, 90, 1500))


@given(tables(), st.lists(st.lists(st.integers(0, 4), max_size=40), min_size=1, max_size=5))
def test_any_table(table: BackoffTable, documents: list[list[int]]) -> None:
    """Weights after n-grams that nothing follows, contexts whose own context lacks them, probabilities of 1."""
    is_as_defined(table, Encoded.from_documents(documents, vocabulary(5)))


@pytest.mark.parametrize("thresholds", [(0,), (0, 0, 1, 2)])
def test_threads_do_not_change_a_table(thresholds: tuple[int, ...]) -> None:
    # Spans of more than 48 occurrences are sorted byte by byte; 300 types take two bytes.
    text = text_of(1, 300, 20_000)
    expected, found = (estimated(text, 4, thresholds, threads).arrays() for threads in (1, 3))
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_a_full_bucket_spills_into_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "FULL", 0.99)  # entries that are used; the last ones wrap
    is_as_defined(estimated(text_of(2, 90, 6000), 4), text_of(3, 90, 1500))


def test_a_sentence_may_be_longer_than_a_block() -> None:
    ids = text_of(3, 90, 5 * scoring.BLOCK).ids
    endless = Encoded(np.where(ids == 1, 2, ids), np.array([0]), vocabulary(90))
    is_as_defined(estimated(text_of(2, 90, 6000), 5), endless)


def test_blocks_of_a_search_join(monkeypatch: pytest.MonkeyPatch) -> None:
    table, text = estimated(text_of(2, 90, 6000), 5), text_of(3, 90, 600)
    expected = score(table.levels, text)
    for size in (1, 7, 199, 200):  # the second document begins at 200
        monkeypatch.setattr(table_module, "BLOCK", size)
        np.testing.assert_array_equal(score(table.levels, text), expected)


def test_hash_tables_are_made_when_they_pay_and_memory_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Counted(scoring.Scorer):
        def __init__(self, levels: Sequence[Level]) -> None:
            super().__init__(levels)
            made.append(len(levels))

    monkeypatch.setattr(table_module, "Scorer", Counted)
    table, text = estimated(text_of(2, 20, 300), 2), text_of(3, 20, 150)
    assert 150 < len(table) < 300
    table.score(text)
    assert not made  # it is shorter than the table
    with memory.limited(1000):
        table.score(text)
    assert not made  # there is no room for them
    table.score(text)
    assert made == [2]
    with memory.limited(1000):
        table.score(text)
    assert made == [2]  # they are there


def level_of(size: int) -> Level:
    """A level of this many n-grams, which take no memory."""
    words, log10 = np.broadcast_to(np.int32(0), size), np.broadcast_to(np.float32(0), size)
    return Level(10, words, np.zeros(0, np.int64), np.zeros(0, np.int64), log10, log10)


def test_hash_tables_have_no_more_entries_than_32_bits_tell_apart() -> None:
    # Of the entries 0.6 are used at most: 2^32 of them are for 2.576 … billion n-grams.
    assert scoring.Scorer.fits([level_of(10), level_of(1_500_000_000), level_of(1_076_000_000)], None)
    assert not scoring.Scorer.fits([level_of(10), level_of(1_500_000_000), level_of(1_077_000_000)], None)
    # 6 n-grams: 10 entries, three buckets of 64 bytes, and 8 bytes for each of 10 unigrams
    assert scoring.Scorer.fits([level_of(10), level_of(6)], 3 * 64 + 80)
    assert not scoring.Scorer.fits([level_of(10), level_of(6)], 3 * 64 + 79)


def test_nodes_beyond_31_bits_are_refused() -> None:
    nothing = np.zeros(0, np.int64)
    assert find(np.array([0, 2**31 - 1]), np.arange(3), np.array([0, 0]), np.array([1, 5])).tolist() == [1, -1]
    with pytest.raises(LmcompareError, match="2,147,483,647 n-grams"):
        find(np.array([0, 2**31]), np.arange(3), nothing, nothing)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_the_most_likely_words_are_those_of_the_whole_distribution(order: int) -> None:
    table = estimated(text_of(4, 90, 6000), order)
    contexts = table.contexts_at(text_of(5, 90, 300), np.arange(300))
    rows = table.distributions(contexts)
    for k in (1, 10, 90):
        ids, nats = table.top_k(contexts, k)
        np.testing.assert_allclose(nats, -np.sort(-rows, axis=1)[:, :k], rtol=0, atol=1e-12)
        np.testing.assert_allclose(np.take_along_axis(rows, ids, axis=1), nats, rtol=0, atol=1e-12)
        assert all(len(set(row)) == k for row in ids.tolist())
        tied = nats[:, :-1] == nats[:, 1:]
        assert (ids[:, :-1] < ids[:, 1:])[tied].all()  # equal ones by id


def test_words_of_probability_0_are_among_the_most_likely_if_there_are_too_few_others() -> None:
    # After 2 only 1 is possible, and 0 never is; 5 is <s>.
    no = float("-inf")
    unigrams: dict[Gram, tuple[float, float]] = {
        (0,): (no, 0),
        (1,): (-1, 0),
        (2,): (-2, no),
        (3,): (-0.25, 0),
        (4,): (-3, 0),
        (5,): (0, 0),
    }
    table = table_of([unigrams, {(2, 1): (-0.5, -0.125), (4, 0): (no, 0)}, {(2, 1, 3): (-1, 0)}], 6)
    contexts = np.array([[2, 1, 4], [NOTHING, 0, NOTHING]], np.int32)
    rows = table.distributions(contexts)
    assert rows[0].tolist() == pytest.approx([no, -0.5 * NATS, no, no, no])
    for k in (1, 3, 5):
        ids, nats = table.top_k(contexts, k)
        np.testing.assert_array_equal(ids, np.argsort(-rows, axis=1, kind="stable")[:, :k])
        np.testing.assert_allclose(nats, -np.sort(-rows, axis=1)[:, :k])
    assert table.top_k(contexts, 5)[0].tolist() == [[1, 0, 2, 3, 4], [3, 1, 2, 4, 0], [3, 1, 2, 4, 0]]


def test_an_empty_text_has_no_scores() -> None:
    table = estimated(text_of(2, 20, 500), 3)
    assert table.score(Encoded.from_documents([], vocabulary(20))).shape == (0,)
    assert table.score(Encoded.from_documents([[], []], vocabulary(20)), 2).shape == (0,)
