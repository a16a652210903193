"""Exact prefix probabilities: those of the next tag after the first words of a sentence.

The chart has the inside probability of each symbol over each span of words, as in the algorithm of Cocke, Younger and
Kasami. It also has the expected numbers of the symbols that begin at each word, given the words before it. They are
carried from word to word by the rules whose left child is complete, and down by the left-corner matrix (Jelinek and
Lafferty, *Computation of the probability of initial substring generation by stochastic context-free grammars*, 1991).
They are the forward probabilities of Stolcke, *An efficient probabilistic context-free parsing algorithm that
computes prefix probabilities*, 1995. A symbol whose expected number at a word is zero is left out of the spans that
begin there, as in Earley's algorithm: no sentence with this beginning has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nltk import Tree

from lmcompare.compiled import compiled
from lmcompare.models.pcfg.grammar import PART, TAG, UNDER, Arrays, Grammar
from lmcompare.tokens import FloatArray, IntArray


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


@compiled
def prefixes(
    grammar: Arrays, root: int, n_tags: int, begins: IntArray, tags: IntArray, chances: FloatArray
) -> FloatArray:
    """Return the probabilities of the next tag after each beginning of a sentence of n words.

    Parameters
    ----------
    grammar : Arrays
        A grammar of N symbols.
    root, n_tags : int
        The symbol of a sentence, and T.
    begins, tags, chances : arrays
        The tags of word j, with the probability that a tag gives to it, are those from ``begins[j]`` to
        ``begins[j + 1]``; ``begins`` is (n + 1,).

    Returns
    -------
    array, shape (n + 1, T + 1)
        Row j: the probability, after the first j words, that the next word has each tag, and that the sentence ends.
        A row is zero where the grammar has no sentence with this beginning.
    """
    n, n_symbols = len(begins) - 1, len(grammar.begins) - 1
    after = np.zeros((n + 1, n_tags + 1))
    expected = np.zeros((n + 1, n_symbols))  # the numbers of each symbol that begins at each word
    carried = np.zeros(n_symbols)  # of these, the second children of rules whose first child ends before the word
    carried[root] = 1.0
    column = np.zeros((n, n_symbols))  # the inside probabilities of the spans that end at the present word, by start
    sums = np.zeros(n_symbols)
    found, here = np.empty(n_symbols, np.int32), np.empty(n_symbols, np.int32)
    # Rules whose first child has been read, with the wanted second child, the parent, and the probability of rule and
    # first child; those whose first child has a span are from ``spans[first, last, 0]`` to ``spans[first, last, 1]``
    spans = np.zeros((n, n, 2), np.int64)
    wanted, parents, amounts = np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024)
    used, ended = 0, 0.0
    for j in range(n + 1):
        _descend(grammar, carried, expected[j])
        total = expected[j, :n_tags].sum() + ended
        if not total > 0.0:
            break
        after[j, :n_tags] = expected[j, :n_tags] / total
        after[j, n_tags] = ended / total
        if j == n:
            break
        mass = 0.0
        for a in range(begins[j], begins[j + 1]):
            mass += expected[j, tags[a]] * chances[a]
        if not mass > 0.0:
            break
        carried[:] = 0.0
        column[: j + 1] = 0.0
        for i in range(j, -1, -1):
            n_found = 0
            if i == j:  # scaled so that the probability of all words up to here is one
                for a in range(begins[j], begins[j + 1]):
                    if expected[j, tags[a]] > 0.0:
                        found[n_found] = tags[a]
                        sums[tags[a]] = chances[a] / mass
                        n_found += 1
            for k in range(i, j):  # the last word of the first child
                for a in range(spans[i, k, 0], spans[i, k, 1]):
                    amount = amounts[a] * column[k + 1, wanted[a]]
                    if amount > 0.0:
                        if sums[parents[a]] == 0.0:
                            found[n_found] = parents[a]
                            n_found += 1
                        sums[parents[a]] += amount
            n_here = 0
            for a in range(n_found):
                for u in range(grammar.unary_begins[found[a]], grammar.unary_begins[found[a] + 1]):
                    amount = sums[found[a]] * grammar.summed[u]
                    if amount > 0.0 and expected[i, grammar.above[u]] > 0.0:
                        if column[i, grammar.above[u]] == 0.0:
                            here[n_here] = grammar.above[u]
                            n_here += 1
                        column[i, grammar.above[u]] += amount
                sums[found[a]] = 0.0
            if used + len(grammar.right) > len(wanted):
                more = used + len(grammar.right)
                wanted = np.append(wanted, np.empty(more, np.int32))
                parents = np.append(parents, np.empty(more, np.int32))
                amounts = np.append(amounts, np.empty(more))
            spans[i, j, 0] = used
            for a in range(n_here):
                for rule in range(grammar.begins[here[a]], grammar.begins[here[a] + 1]):
                    parent = grammar.parent[rule]
                    if expected[i, parent] > 0.0:
                        wanted[used], parents[used] = grammar.right[rule], parent
                        amounts[used] = grammar.chance[rule] * column[i, here[a]]
                        carried[wanted[used]] += expected[i, parent] * amounts[used]
                        used += 1
            spans[i, j, 1] = used
        ended = column[0, root]
    return after


@compiled
def _descend(grammar: Arrays, carried: Any, expected: Any) -> None:
    """Write the expected numbers of all symbols that begin at a word, given the symbols that the rules above want.

    They are c (I - P)^-1 = c + (c P) (I - P)^-1, and only first children are in c P.
    """
    first = np.zeros(len(grammar.corner_symbols))
    for symbol in range(len(carried)):
        expected[symbol] = carried[symbol]
        if carried[symbol] > 0.0:
            for f in range(grammar.first_begins[symbol], grammar.first_begins[symbol + 1]):
                first[grammar.first[f]] += carried[symbol] * grammar.first_chance[f]
    for b in range(len(first)):
        if first[b] > 0.0:
            for c in range(len(first)):
                expected[grammar.corner_symbols[c]] += first[b] * grammar.corners[b, c]
