"""Prefix probabilities against sums over all sentences, listed or in closed form; the best tree is that of NLTK."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from nltk import Nonterminal, Tree, ViterbiParser
from nltk.grammar import PCFG, ProbabilisticProduction

from lmcompare.models.pcfg.chart import best_tree, prefixes
from lmcompare.models.pcfg.grammar import Grammar
from lmcompare.tokens import FloatArray

Rules = Mapping[tuple[str, ...], float]  # (parent, child) or (parent, left, right), with small letters as tags
Sentence = tuple[str, ...]


def grammar_of(rules: Rules, root: str = "S") -> Grammar:
    names = {name for rule in rules for name in rule}
    tags = sorted(name for name in names if name.islower())
    symbols = [*tags, *sorted(names - {*tags, root}), root]
    number = {name: k for k, name in enumerate(symbols)}
    of = {n: {rule: p for rule, p in rules.items() if len(rule) == n} for n in (2, 3)}
    arrays = [
        (np.array([[number[name] for name in rule] for rule in of[n]]).reshape(-1, n), np.array(list(of[n].values())))
        for n in (3, 2)
    ]
    return Grammar(symbols, len(tags), *arrays[0], *arrays[1])


def after(grammar: Grammar, words: Sequence[str]) -> FloatArray:
    """What may come after each beginning; the only word of each tag is its name."""
    tags = np.array([grammar.symbols.index(word) for word in words], np.int32)
    ones = np.ones(len(words))
    return prefixes(grammar.arrays, grammar.root, grammar.tags, np.arange(len(words) + 1), tags, ones)


def chain(grammar: Grammar, words: Sequence[str]) -> tuple[FloatArray, float]:
    """The probabilities of all beginnings, by the chain rule, and that of the whole sentence."""
    found = after(grammar, words)
    steps = [found[j, grammar.symbols.index(word)] for j, word in enumerate(words)]
    probabilities = np.cumprod([1.0, *steps])
    return probabilities, float(probabilities[-1] * found[-1, -1])


def sentences(rules: Rules, symbol: str) -> dict[Sentence, float]:
    """All sentences of a symbol of a grammar without recursion."""
    if symbol.islower():
        return {(symbol,): 1.0}
    found: dict[Sentence, float] = defaultdict(float)
    for (parent, *children), p in rules.items():
        if parent != symbol:
            continue
        parts = [sentences(rules, child) for child in children]
        for first, p_first in parts[0].items():
            for second, p_second in parts[1].items() if len(parts) > 1 else [((), 1.0)]:
                found[first + second] += p * p_first * p_second
    return dict(found)


def drawn(seed: int) -> Rules:
    """A grammar of levels, each of which only becomes lower ones."""
    random = np.random.default_rng(seed)
    names, rules = ["a", "b", "c"], {}
    for name in ("C", "B", "A", "S"):
        sides = {tuple(random.choice(names, random.integers(1, 3)).tolist()) for _ in range(4)}
        for side, p in zip(sorted(sides), random.dirichlet(np.ones(len(sides))), strict=True):
            rules[name, *side] = float(p)
        names.append(name)
    return rules


@pytest.mark.parametrize("seed", range(4))
def test_beginnings_have_the_sum_over_all_sentences(seed: int) -> None:
    rules = drawn(seed)
    listed = sentences(rules, "S")
    assert sum(listed.values()) == pytest.approx(1.0, abs=1e-12)
    grammar = grammar_of(rules)
    for sentence in sorted(listed)[:40]:
        beginnings, whole = chain(grammar, sentence)
        expected = [
            sum(p for other, p in listed.items() if other[:j] == sentence[:j]) for j in range(len(sentence) + 1)
        ]
        np.testing.assert_allclose(beginnings, expected, rtol=1e-10)
        assert whole == pytest.approx(listed[sentence], rel=1e-10)


def test_a_recursive_grammar_with_as_many_trees_as_catalan_numbers() -> None:
    grammar = grammar_of({("S", "S", "S"): 0.2, ("S", "a"): 0.8})
    of_length = np.zeros(400)
    of_length[1] = 0.8
    for n in range(2, 400):
        of_length[n] = 0.2 * of_length[1:n] @ of_length[n - 1 : 0 : -1]
    beginnings, whole = chain(grammar, ["a"] * 12)
    np.testing.assert_allclose(beginnings[1:], [of_length[j:].sum() for j in range(1, 13)], rtol=1e-10)
    assert whole == pytest.approx(of_length[12], rel=1e-10)


@pytest.mark.parametrize("left", [True, False])
def test_recursion_on_either_side(left: bool) -> None:
    grammar = grammar_of({("S", "S", "a") if left else ("S", "a", "S"): 0.6, ("S", "a"): 0.4})
    beginnings, whole = chain(grammar, ["a"] * 30)
    np.testing.assert_allclose(beginnings[1:], 0.6 ** np.arange(30), rtol=1e-10)
    assert whole == pytest.approx(0.4 * 0.6**29, rel=1e-10)


def test_chains_of_single_children_may_go_round_in_circles() -> None:
    rules = {("S", "A"): 0.9, ("S", "a"): 0.1, ("A", "B"): 0.5, ("A", "b"): 0.3, ("A", "A", "c"): 0.2}
    rules |= {("B", "A"): 0.4, ("B", "S"): 0.35, ("B", "d"): 0.25}
    # The chances that S ends as each word alone: s = 0.1 a + 0.9 x, x = 0.5 y + 0.3 b, y = 0.4 x + 0.35 s + 0.25 d
    system = np.array([[1.0, -0.9, 0.0], [0.0, 1.0, -0.5], [-0.35, -0.4, 1.0]])
    alone = np.linalg.solve(system, np.array([[0.1, 0, 0], [0, 0.3, 0], [0, 0, 0.25]]))[0]
    grammar = grammar_of(rules)
    for word, p in zip("abd", alone, strict=True):
        assert chain(grammar, [word])[1] == pytest.approx(p, rel=1e-10)
    # A grammar without the circle of A, in which the first word and then the number of c is drawn
    first = after(grammar, [])[0]
    assert first.sum() == pytest.approx(1.0, abs=1e-12)
    assert first[grammar.symbols.index("c")] == 0.0


def test_an_impossible_beginning_has_zeros_from_there_on() -> None:
    grammar = grammar_of({("S", "a", "b"): 1.0})
    found = after(grammar, ["a", "a", "b"])
    np.testing.assert_allclose(found[:2], [[1, 0, 0], [0, 1, 0]])
    assert not found[2:].any()


def test_long_sentences_do_not_underflow() -> None:
    grammar = grammar_of({("S", "a", "S"): 0.5, ("S", "b", "S"): 0.499, ("S", "a"): 0.001})
    words = np.array([0, 1] * 100, np.int32)
    small = np.full(len(words), 1e-9)
    found = prefixes(grammar.arrays, grammar.root, 2, np.arange(len(words) + 1), words, small)
    np.testing.assert_allclose(found[0], [0.501, 0.499, 0.0], rtol=1e-10)
    np.testing.assert_allclose(found[2], found[-1], rtol=1e-10)
    np.testing.assert_allclose(found[1], [0.501 * 0.5 / 0.501, 0.499 * 0.5 / 0.501, 0.001 / 0.501], rtol=1e-10)


def ambiguous() -> Rules:
    rules = {("S", "N", "V"): 0.9, ("S", "V"): 0.1, ("N", "n"): 0.6, ("N", "d", "n"): 0.1, ("N", "N", "P"): 0.3}
    rules |= {("P", "p", "N"): 1.0, ("V", "v", "N"): 0.5, ("V", "V", "P"): 0.35, ("V", "W"): 0.15}
    return rules | {("W", "V"): 0.2, ("W", "v"): 0.8}


def test_the_best_tree_is_that_of_nltk() -> None:
    rules = ambiguous()
    lexical = [ProbabilisticProduction(Nonterminal(tag.upper() * 2), [tag], prob=1.0) for tag in "ndpv"]
    productions = [
        ProbabilisticProduction(
            Nonterminal(parent), [Nonterminal(c.upper() * 2 if c.islower() else c) for c in children], prob=p
        )
        for (parent, *children), p in rules.items()
    ]
    parser = ViterbiParser(PCFG(Nonterminal("S"), [*productions, *lexical]))
    grammar = grammar_of({("ROOT", "S"): 1.0, **rules}, "ROOT")
    for sentence in ("n v n", "d n v n p d n", "n v d n p n p n", "v n p n", "n p n v", "n v"):
        words = sentence.split()
        chances = [np.array([float(tag == word) for tag in grammar.symbols[: grammar.tags]]) for word in words]
        found = best_tree(grammar, chances)
        (best,) = parser.parse(words)
        assert found is not None
        assert found.leaves() == list(range(len(words)))
        assert shape(found, words) == shape(best, words), sentence
    assert best_tree(grammar, chances[:1]) is None
    assert best_tree(grammar, []) is None


def shape(tree: Tree, words: list[str]) -> str:
    """The tree with words as leaves and without the names of tags."""
    if len(tree) == 1 and not isinstance(tree[0], Tree):
        return words[tree[0]] if isinstance(tree[0], int) else str(tree[0])
    return f"({tree.label()} {' '.join(shape(child, words) for child in tree)})"
