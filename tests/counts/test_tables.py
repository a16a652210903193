"""Tables built from n-grams in any order, and brought to another vocabulary, give what backing off is defined to."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmcompare.counts.building import Contexts, Grams, Mapped, joined, lexicographic, mapped
from lmcompare.counts.table import BackoffTable
from lmcompare.tokens import Vocabulary
from tests.counts.random_tables import (
    END,
    UNKNOWN,
    Gram,
    contexts,
    plainly,
    probability,
    table_of,
    tables,
    vocabulary,
)

WORDS = 4


def score(table: BackoffTable, context: Gram, word: int) -> float:
    """A probability by the table's own way: contexts a word further, then the whole row."""
    nodes = table.beginning(1)
    for w in context:
        nodes = table.advance(nodes, np.array([w]))
    return float(np.exp(table.distributions(nodes)[0, word]))


@pytest.mark.slow
@given(tables(WORDS))
def test_probabilities_are_those_of_the_definition(table: BackoffTable) -> None:
    numbers = plainly(table)
    for context in contexts(WORDS, table.order):
        for word in range(WORDS):
            assert score(table, context, word) == pytest.approx(probability(numbers, context, word), rel=1e-5)


@pytest.mark.slow
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


# What is left for unseen words is 1 minus a sum: where the sum is nearly 1, its rounding is multiplied by the weight,
# and once more by that of a longer context.
NEARLY_ALL: list[dict[Gram, tuple[float, float]]] = [
    {(0,): (0, 0), (1,): (0, 0), (2,): (-7, 0), (3,): (0, 0), (4,): (0, 0)},
    {(2, 0): (-5, 0), (2, 1): (-1, 0), (2, 3): (-5, 0), (0, 2): (0, 0)},
    {(0, 2, 1): (-1, 0), (0, 2, 2): (-1, 0)},
]
SMALL: list[dict[Gram, tuple[float, float]]] = [  # log10 -8.125 has an error of 5e-7 in float32
    {(0,): (0, 0), (1,): (0, 0), (2,): (-8.125, 0), (3,): (0, 0), (4,): (0, 0)},
    {(2, 0): (-3, 0), (2, 1): (-2, 0), (2, 3): (-2, 0), (0, 2): (0, 0)},
    {(0, 2, 1): (-1, 0)},
]


@given(tables(WORDS))
@example(table_of(NEARLY_ALL, WORDS + 1))
@example(table_of(SMALL, WORDS + 1))
def test_normalised_sums_are_one(table: BackoffTable) -> None:
    found = Contexts(table)
    again = found.normalised()
    numbers = plainly(again)
    # A probability is a product of at most ``order`` numbers whose logarithms, below 16, are rounded to float32.
    stored = table.order * 2.0**-21 * np.log(10)
    rounding: dict[Gram, float] = {(): 8 * 2.0**-53}  # of a sum of a few numbers below 1
    for k in range(1, table.order):
        for context, (_, backoff) in numbers[k - 1].items():
            rounding[context] = max(1.0, 10**backoff) * rounding[_parent(context, rounding)]
    for context in contexts(WORDS, table.order):
        total = sum(probability(numbers, context, word) for word in range(WORDS))
        assert total == pytest.approx(1, abs=stored + rounding[_parent(context, rounding, 0)])
    bounds = [stored + rounding[tuple(map(int, found.named(i)))] for i in range(len(found))]
    assert (np.abs(Contexts(again).sums() - 1) < bounds).all()


def _parent(context: Gram, known: Container[Gram], shorter: int = 1) -> Gram:
    """The longest suffix that is known, with at least ``shorter`` words fewer."""
    return next(context[i:] for i in range(shorter, len(context) + 1) if context[i:] in known)


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), max_size=20))
def test_lexicographic_order(rows: list[list[int]]) -> None:
    order = lexicographic(np.array(rows, np.int32).reshape(-1, 3))
    assert [rows[i] for i in order] == sorted(rows)


def test_two_lots_of_n_grams_are_joined_in_order() -> None:
    def grams(*rows: tuple[int, int]) -> Grams:
        numbers = np.array([-float(a) for a, _ in rows], np.float32)
        return Grams(np.array(rows, np.int32), numbers, numbers)

    both = joined([grams((0, 1), (3, 2)), grams((2, 2), (0, 0))])
    assert both.rows.tolist() == [[0, 0], [0, 1], [2, 2], [3, 2]]
    assert both.log10_probs.tolist() == [0, 0, -2, -3]


def row(model: Mapped, context: Gram) -> list[float]:
    nodes = model.table.beginning(1)
    for w in context:
        nodes = model.table.advance(nodes, np.array([UNKNOWN if w in model.lacking else w]))
    probs = np.exp(model.table.distributions(nodes)[0])
    probs[model.lacking] = probs[model.lacking[:1]]
    return [float(p) for p in probs]


@given(
    table=tables(5, most=20),
    kept=st.lists(st.integers(2, 4), unique=True),
    new=st.integers(0, 2),
)
def test_in_another_vocabulary_every_probability_is_that_of_the_definition(
    table: BackoffTable, kept: list[int], new: int
) -> None:
    normal = Contexts(table)
    normal = Contexts(normal.normalised())
    numbers, words = plainly(normal.table), vocabulary(5)
    target = Vocabulary(["<unk>", "</s>", *(f"new{i}" for i in range(new)), *(words[w] for w in kept)])
    model = mapped(normal, words, target)
    assert model.left_over == 3 - len(kept)
    assert model.lacking.tolist() == list(range(2, 2 + new))
    known = {END: END, **{2 + new + i: w for i, w in enumerate(kept)}}  # ids of the target to words of the table
    gone = [w for w in range(2, 5) if w not in kept]
    as_context = {i: known.get(i, UNKNOWN) for i in range(len(target))} | {len(target): 5}
    for context in contexts(len(target), min(table.order, 3)):
        given_ = tuple(as_context[i] for i in context)
        p = [probability(numbers, given_, w) for w in range(5)]
        expected = [p[UNKNOWN] / (new + 1)] * len(target)
        for i, word in known.items():
            expected[i] = p[word]
        expected[UNKNOWN] += sum(p[w] for w in gone)
        found = row(model, context)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert sum(found) == pytest.approx(1, abs=4e-6)
