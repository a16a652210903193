"""The most probable tree of a sentence (Viterbi's algorithm on the chart of Cocke, Younger and Kasami)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nltk import Tree

from lmcompare.models.pcfg.grammar import PART, TAG, UNDER, Grammar
from lmcompare.tokens import FloatArray


def best_tree(grammar: Grammar, chances: Sequence[FloatArray]) -> Tree | None:
    """Return the most probable tree of n words, with their numbers as leaves; None if the grammar has none.

    Parameters
    ----------
    grammar : Grammar
    chances : sequence of n arrays, shape (T,)
        The probability of each word given each tag.
    """
    n, N = len(chances), len(grammar)
    parent, left, right = grammar.binary.T
    with np.errstate(divide="ignore"):
        binary, unary = np.log(grammar.binary_chance), np.log(grammar.unary_chance)
        tagged = [np.log(row) for row in chances]
    joined = np.full((n, n, N), -np.inf)  # by a rule with two children, or a tag
    best = np.full((n, n, N), -np.inf)
    for j in range(n):
        joined[j, j, : grammar.tags] = tagged[j]
        for i in range(j, -1, -1):
            if i < j:
                split = best[i, i:j][:, left] + best[i + 1 : j + 1, j][:, right]  # (splits, R)
                np.maximum.at(joined[i, j], parent, split.max(axis=0) + binary)
            row = best[i, j]
            row[:] = joined[i, j]
            while True:
                before = row.copy()
                np.maximum.at(row, grammar.unary[:, 0], row[grammar.unary[:, 1]] + unary)
                if np.array_equal(row, before):
                    break

    def read(symbol: int, i: int, j: int) -> list[Tree]:
        """Return the trees of a symbol over words i to j; several if the symbol is a part of a phrase."""
        amount = best[i, j, symbol]
        if amount > joined[i, j, symbol]:
            rules = np.flatnonzero(grammar.unary[:, 0] == symbol)
            below = grammar.unary[rules[np.argmax(best[i, j, grammar.unary[rules, 1]] + unary[rules])], 1]
            children = read(int(below), i, j)
        elif symbol < grammar.tags:
            return [Tree(grammar.symbols[symbol].removeprefix(TAG), [i])]
        else:
            rules = np.flatnonzero(parent == symbol)
            split = best[i, i:j][:, left[rules]] + best[i + 1 : j + 1, j][:, right[rules]] + binary[rules]
            k, rule = np.unravel_index(np.argmax(split), split.shape)
            first, second = int(left[rules[rule]]), int(right[rules[rule]])
            children = [*read(first, i, i + int(k)), *read(second, i + int(k) + 1, j)]
        name = grammar.symbols[symbol]
        return children if PART in name or symbol == grammar.root else [Tree(name.split(UNDER)[0], children)]

    if not n or best[0, n - 1, grammar.root] == -np.inf:
        return None
    return read(grammar.root, 0, n - 1)[0]
