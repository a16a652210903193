"""Tables are looked up as backing off is defined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts import ngrams as counting
from lmcompare.counts import table as table_module
from lmcompare.counts.ngrams import with_starts
from lmcompare.counts.table import BackoffTable, find
from lmcompare.errors import LmcompareError
from lmcompare.models.ngram import kneser_ney_fast
from lmcompare.tokens import Encoded, Vocabulary
from tests.counts.random_tables import END, plainly, probability, tables


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
    return kneser_ney_fast.estimate(counts, len(text.vocabulary), thresholds, threads)[0]


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
    """Token by token and in whole distributions."""
    numbers, before = plainly(table), histories(text)
    scores = table.score(text)
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


def test_a_sentence_may_be_longer_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "BLOCK", 256)
    ids = text_of(3, 90, 1280).ids
    endless = Encoded(np.where(ids == 1, 2, ids), np.array([0]), vocabulary(90))
    is_as_defined(estimated(text_of(2, 90, 6000), 5), endless)


def test_blocks_of_a_search_join(monkeypatch: pytest.MonkeyPatch) -> None:
    table, text = estimated(text_of(2, 90, 6000), 5), text_of(3, 90, 600)
    expected = table.score(text)
    for size in (1, 7, 199, 200):  # the second document begins at 200
        monkeypatch.setattr(table_module, "BLOCK", size)
        np.testing.assert_array_equal(table.score(text), expected)


def test_nodes_beyond_31_bits_are_refused() -> None:
    nothing = np.zeros(0, np.int64)
    assert find(np.array([0, 2**31 - 1]), np.arange(3), np.array([0, 0]), np.array([1, 5])).tolist() == [1, -1]
    with pytest.raises(LmcompareError, match="2,147,483,647 n-grams"):
        find(np.array([0, 2**31]), np.arange(3), nothing, nothing)


def test_an_empty_text_has_no_scores() -> None:
    table = estimated(text_of(2, 20, 500), 3)
    assert table.score(Encoded.from_documents([], vocabulary(20))).shape == (0,)
    assert table.score(Encoded.from_documents([[], []], vocabulary(20))).shape == (0,)
