"""The best tree is that of NLTK's parser."""

from __future__ import annotations

import numpy as np
from nltk import Nonterminal, Tree, ViterbiParser
from nltk.grammar import PCFG, ProbabilisticProduction

from lmcompare.models.pcfg.best_tree import best_tree
from tests.models.pcfg.test_chart import Rules, grammar_of


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
