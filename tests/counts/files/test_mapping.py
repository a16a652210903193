"""A table brought to another vocabulary, against the sums over the words that become <unk>."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcompare.counts.files.mapping import Mapped, mapped
from lmcompare.counts.lookup.sums import Contexts
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import Vocabulary
from tests.counts.random_tables import END, UNKNOWN, contexts, plainly, probability, tables, vocabulary

WORDS = 5


def row(model: Mapped, context: tuple[int, ...]) -> list[float]:
    nodes = model.table.beginning(1)
    for w in context:
        nodes = model.table.advance(nodes, np.array([UNKNOWN if w in model.lacking else w]))
    probs = np.exp(model.table.distributions(nodes)[0])
    probs[model.lacking] = probs[model.lacking[:1]]
    return [float(p) for p in probs]


@settings(max_examples=80)
@given(
    table=tables(WORDS, most=20),
    kept=st.lists(st.integers(2, WORDS - 1), unique=True),
    new=st.integers(0, 2),
)
def test_every_probability_is_that_of_the_definition(table: BackoffTable, kept: list[int], new: int) -> None:
    normal = Contexts(table)
    normal = Contexts(normal.normalised())
    numbers, words = plainly(normal.table), vocabulary(WORDS)
    target = Vocabulary(["<unk>", "</s>", *(f"new{i}" for i in range(new)), *(words[w] for w in kept)])
    model = mapped(normal, words, target)
    assert model.left_over == WORDS - 2 - len(kept)
    assert model.lacking.tolist() == list(range(2, 2 + new))
    known = {END: END, **{2 + new + i: w for i, w in enumerate(kept)}}  # ids of the target to words of the table
    gone = [w for w in range(2, WORDS) if w not in kept]
    as_context = {i: known.get(i, UNKNOWN) for i in range(len(target))} | {len(target): WORDS}
    for context in contexts(len(target), min(table.order, 3)):
        given_ = tuple(as_context[i] for i in context)
        p = [probability(numbers, given_, w) for w in range(WORDS)]
        expected = [p[UNKNOWN] / (new + 1)] * len(target)
        for i, word in known.items():
            expected[i] = p[word]
        expected[UNKNOWN] += sum(p[w] for w in gone)
        found = row(model, context)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert sum(found) == pytest.approx(1, abs=4e-6)
