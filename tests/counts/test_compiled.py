"""The compiled loops give, to the last bit, what the plain numpy forms give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcompare.compiled import share
from lmcompare.counts.counting import compiled as counting_compiled
from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.estimating import kneser_ney
from lmcompare.counts.lookup import compiled as backoff_compiled
from lmcompare.counts.lookup.compiled import CompiledTable
from lmcompare.counts.lookup.table import BackoffTable, with_starts
from lmcompare.model import Setting
from lmcompare.models.ngram.table_model import as_rows, counted
from lmcompare.tokens import Encoded, Vocabulary

FIELDS = ("width", "words", "offsets", "shorter", "raw", "adjusted", "statistics")


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, size))])


def text_of(seed: int, size: int, tokens: int) -> Encoded:
    """A text by Zipf's law, in two documents, in which sentences end now and then; the last one is open."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, size + 1)
    ids = rng.choice(size, tokens, p=weights / weights.sum()).astype(np.int32)
    return Encoded(ids, np.array([0, tokens // 3]), vocabulary(size))


def table_of(
    text: Encoded, order: int, thresholds: tuple[int, ...], compiled: bool, threads: int = 1
) -> BackoffTable:
    start, end = len(text.vocabulary), text.vocabulary.end
    words = with_starts(text)
    interpolation = kneser_ney.Interpolation(start, thresholds, compiled, threads)
    levels = (
        counting_compiled.count(words, order, start, end, threads=threads)
        if compiled
        else counting.count(words, order, start, end)
    )
    for level in levels:
        interpolation.add(level, kneser_ney.discounts(level.statistics))
    return interpolation.table()


@settings(max_examples=60, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=6).filter(any),
    order=st.integers(1, 7),
    threads=st.integers(1, 3),
)
def test_counts_are_those_of_the_plain_form(documents: list[list[int]], order: int, threads: int) -> None:
    text = Encoded.from_documents(documents, vocabulary(7))
    plain = counting.count(with_starts(text), order, 7, 1)
    compiled = counting_compiled.count(with_starts(text), order, 7, 1, threads=threads)
    for expected, found in zip(plain, compiled, strict=True):
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("thresholds", [(), (0, 0, 1, 2)])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_text_gives_the_same_table(thresholds: tuple[int, ...], threads: int) -> None:
    # Spans of more than 48 occurrences are sorted byte by byte; 300 types take two bytes.
    text = text_of(1, 300, 40_000)
    expected = table_of(text, 4, thresholds, False).arrays()
    found = table_of(text, 4, thresholds, True, threads).arrays()
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("block", [7, backoff_compiled.BLOCK])
def test_scores_and_distributions_are_those_of_the_plain_form(
    order: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff_compiled, "BLOCK", block)  # a sentence may be longer than a block
    table = table_of(text_of(2, 90, 6000), order, (), False)
    loops = CompiledTable(table)
    text = text_of(3, 90, 1500)
    for threads in (1, 3):
        np.testing.assert_array_equal(loops.score(text, threads), table.score(text))
    at = np.array([0, 1, 2, 499, 500, 501, 1499, 1500, 3])
    contexts = table.contexts_at(text, at)
    rows = np.full((len(at), 90), np.nan, np.float32)
    loops.distributions(as_rows(contexts, len(at)), rows)
    np.testing.assert_array_equal(rows, table.distributions(contexts, len(at), np.float32))
    words = text.ids[at[:5]]
    for found, expected in zip(
        loops.advance(as_rows(contexts, len(at))[:, :5], words),
        table.advance([c[:5] for c in contexts], words),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("order", [1, 2, 4, 6])
@pytest.mark.parametrize("places", [1, 10, 90])
def test_the_likeliest_words_are_those_of_the_whole_distribution(places: int, order: int) -> None:
    table = table_of(text_of(4, 90, 6000), order, (), False)
    contexts = table.contexts_at(text_of(5, 90, 300), np.arange(300))
    ids, nats = CompiledTable(table).likeliest(as_rows(contexts, 300), places)
    rows = table.distributions(contexts, 300)
    expected = -np.sort(-rows, axis=1)[:, :places]
    np.testing.assert_allclose(nats, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.take_along_axis(rows, ids, axis=1), nats, rtol=0, atol=1e-12)
    assert all(len(set(row)) == places for row in ids.tolist())
    assert all(
        a < b
        for row, heights in zip(ids.tolist(), nats, strict=True)
        for a, b, tied in zip(row, row[1:], heights[:-1] == heights[1:], strict=False)
        if tied
    ), "equal ones by id"


def test_an_empty_text_has_no_scores() -> None:
    loops = CompiledTable(table_of(text_of(2, 20, 500), 3, (), False))
    assert loops.score(Encoded.from_documents([], vocabulary(20))).shape == (0,)
    assert loops.score(Encoded.from_documents([[], []], vocabulary(20)), 2).shape == (0,)


def test_parts_cover_all_ranges_once() -> None:
    begins = np.array([0, 10, 10, 11, 40, 41])
    for threads in (1, 2, 3, 8):
        parts = share(threads, begins, lambda first, last: (first, last))
        assert [i for first, last in parts for i in range(first, last)] == [0, 1, 2, 3, 4]


def test_a_short_text_is_counted_without_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(__import__("sys").modules, "lmcompare.counts.lookup.compiled")
    text = text_of(1, 20, 100)
    levels, loops = counted(with_starts(text), 2, Setting(text.vocabulary))
    assert not loops
    assert sum(len(level) for level in levels) > 20
