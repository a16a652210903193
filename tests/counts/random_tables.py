"""Back-off tables drawn at random, over words that few tools would write, and what they say worked out plainly."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from lmcompare.counts.building import Grams, build
from lmcompare.counts.table import BackoffTable
from lmcompare.tokens import Vocabulary

Gram = tuple[int, ...]
UNKNOWN, END = 0, 1


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(["<unk>", "</s>", *(f"ẅ{i}\\" for i in range(2, size))])


@st.composite
def tables(draw: st.DrawFn, words: int = 5, most: int = 12) -> BackoffTable:
    """A table that is no distribution: any probabilities and weights, contexts closed under prefixes only."""
    order = draw(st.integers(1, 4))
    log10 = st.floats(-9, 0, width=32)
    weight = st.floats(-3, 1, width=32)
    grams: list[Gram] = [(w,) for w in range(words + 1)]
    numbers = [{g: (draw(log10), draw(weight)) for g in grams}]
    for _ in range(2, order + 1):
        possible = [(*h, w) for h in numbers[-1] if h[-1] != END for w in range(words)]
        some = draw(st.lists(st.sampled_from(possible), max_size=most, unique=True)) if possible else []
        numbers.append({g: (draw(log10), draw(weight)) for g in some})
    return table_of(numbers, words + 1)


def table_of(numbers: list[dict[Gram, tuple[float, float]]], width: int) -> BackoffTable:
    """The table of n-grams by order, each with its log10 probability and back-off weight."""
    orders = []
    for k, table in enumerate(numbers, 1):
        grams = sorted(table)
        rows = np.array(grams, np.int32).reshape(-1, k)
        values = np.array([table[g] for g in grams], np.float32).reshape(-1, 2)
        orders.append(Grams(rows, values[:, 0].copy(), values[:, 1].copy()))
    return build(orders, width)


def plainly(table: BackoffTable) -> list[dict[Gram, tuple[float, float]]]:
    """The n-grams of a table by order, each with its log10 probability and back-off weight."""
    found = []
    for level, grams in zip(table.levels, table.grams(), strict=True):
        backoffs = level.log10_backoffs if len(level.log10_backoffs) else np.zeros(len(level))
        rows = (tuple(map(int, g)) for g in grams)
        found.append({g: (float(p), float(b)) for g, p, b in zip(rows, level.log10_probs, backoffs, strict=True)})
    return found


def probability(numbers: list[dict[Gram, tuple[float, float]]], context: Gram, word: int) -> float:
    """What backing off gives, as the definition has it: the longest n-gram that is there, and weights before it."""
    context = context[max(0, len(context) - len(numbers) + 1) :]
    log10 = 0.0
    for begin in range(len(context) + 1):
        gram = (*context[begin:], word)
        if gram in numbers[len(gram) - 1]:
            return float(10.0 ** (log10 + numbers[len(gram) - 1][gram][0]))
        if gram[:-1] in numbers[len(gram) - 2]:
            log10 += numbers[len(gram) - 2][gram[:-1]][1]
    raise AssertionError("every word has a unigram")


def contexts(words: int, longest: int) -> list[Gram]:
    """All contexts of at most ``longest`` words: the first may be ``<s>``, none is ``</s>``."""
    inner = [w for w in range(words) if w != END]
    found: list[Gram] = []
    for n in range(longest + 1):
        for rest in itertools.product(inner, repeat=n):
            found.append(rest)
            if n < longest:
                found.append((words, *rest))
    return found
