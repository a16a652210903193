"""Tables built from n-grams in any order, against what the definition of backing off gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcompare.counts.files.building import Grams, joined, lexicographic
from lmcompare.counts.lookup.sums import Contexts
from lmcompare.counts.lookup.table import BackoffTable
from tests.counts.random_tables import contexts, plainly, probability, table_of, tables

WORDS = 4


def score(table: BackoffTable, context: tuple[int, ...], word: int) -> float:
    """A probability by the table's own way: contexts a word further, then the whole row."""
    nodes = table.beginning(1)
    for w in context:
        nodes = table.advance(nodes, np.array([w]))
    return float(np.exp(table.distributions(nodes)[0, word]))


@settings(max_examples=60)
@given(tables(WORDS))
def test_probabilities_are_those_of_the_definition(table: BackoffTable) -> None:
    numbers = plainly(table)
    for context in contexts(WORDS, table.order):
        for word in range(WORDS):
            assert score(table, context, word) == pytest.approx(probability(numbers, context, word), rel=1e-5)


@settings(max_examples=60)
@given(tables(WORDS), st.data())
def test_contexts_that_are_put_in_change_no_probability(table: BackoffTable, data: st.DataObject) -> None:
    numbers = plainly(table)
    for k in range(table.order - 1, 1, -1):  # contexts lose their own lines, as after another tool's pruning
        gone = data.draw(st.lists(st.sampled_from(sorted(numbers[k - 1])), unique=True)) if numbers[k - 1] else []
        for gram in gone:
            del numbers[k - 1][gram]
    again = table_of(numbers, WORDS + 1)
    for context in contexts(WORDS, table.order):
        for word in range(WORDS):
            assert score(again, context, word) == pytest.approx(probability(numbers, context, word), rel=1e-5)


@settings(max_examples=60)
@given(tables(WORDS))
def test_sums_are_those_of_the_definition(table: BackoffTable) -> None:
    numbers, found = plainly(table), Contexts(table)
    sums = found.sums()
    assert len(sums) == 1 + sum(len(level) for level in table.levels[:-1])
    for i in range(len(found)):
        context = tuple(map(int, found.named(i)))
        expected = sum(probability(numbers, context, word) for word in range(WORDS))
        if context and WORDS not in context[1:]:
            assert sums[i] == pytest.approx(expected, rel=1e-5)


@settings(max_examples=60)
@given(tables(WORDS))
def test_normalised_sums_are_one(table: BackoffTable) -> None:
    found = Contexts(table)
    again = found.normalised()
    numbers = plainly(again)
    # A large weight, where nearly nothing is left for unseen words, multiplies the rounding of float32.
    weight = max(10**backoff for level in numbers for _, backoff in level.values())
    bound = min(max(2e-6, 1e-7 * weight), 5e-5)
    for context in contexts(WORDS, table.order):
        assert sum(probability(numbers, context, word) for word in range(WORDS)) == pytest.approx(1, abs=bound)
    assert np.abs(Contexts(again).sums() - 1).max() < 2e-6


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), max_size=20))
def test_lexicographic_order(rows: list[list[int]]) -> None:
    order = lexicographic(np.array(rows, np.int32).reshape(-1, 3), 6)
    assert [rows[i] for i in order] == sorted(rows)


def test_two_lots_of_n_grams_are_joined_in_order() -> None:
    def grams(*rows: tuple[int, int]) -> Grams:
        numbers = np.array([-float(a) for a, _ in rows], np.float32)
        return Grams(np.array(rows, np.int32), numbers, numbers)

    both = joined([grams((0, 1), (3, 2)), grams((2, 2), (0, 0))], 4)
    assert both.rows.tolist() == [[0, 0], [0, 1], [2, 2], [3, 2]]
    assert both.log10_probs.tolist() == [0, 0, -2, -3]
