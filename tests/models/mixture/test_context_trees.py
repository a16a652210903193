"""Tests of context trees against dictionaries of tuples."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.models.mixture.context_trees import Tree, grow
from tests.models.mixture import brute_force_chains


def as_dictionary(tree: Tree) -> dict[tuple[int, ...], dict[int, int]]:
    """All contexts of a tree with their words and counts, found from the root downwards."""
    found, contexts = {}, tree.contexts

    def visit(node: int, path: tuple[int, ...]) -> None:
        pairs = slice(contexts.offsets[node], contexts.offsets[node + 1])
        found[path] = dict(zip(contexts.words[pairs].tolist(), tree.counts[pairs].tolist(), strict=True))
        for child in range(contexts.children[node], contexts.children[node + 1]):
            visit(child, (*path, int(contexts.last[child])))

    visit(0, ())
    return found


@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(1, 40))
def test_contexts_and_counts_equal_those_of_dictionaries(seed: int, length: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    features = [rng.integers(-1, 3, n) for _ in range(length)]
    words = rng.integers(0, 4, n)
    tree = grow(features, words, 4)
    expected = brute_force_chains.counts([f.tolist() for f in features], words.tolist(), 2)
    assert as_dictionary(tree) == expected
    last, children, offsets, _ = tree.contexts
    assert tree.levels[-1] == len(last) == len(children) - 1 == len(offsets) - 1


def test_kneser_ney_counts_by_hand() -> None:
    # after x = 5: word 1 with y = 7 twice and y = 8 once, word 2 with y = 7; after x = 6: word 1, no y
    x, y, words = np.array([5, 5, 5, 5, 6]), np.array([7, 7, 8, 7, -1]), np.array([1, 1, 1, 2, 1])
    found = as_dictionary(grow([x, y], words, 3))
    assert found[(5, 7)] == {1: 2, 2: 1}
    assert found[(5,)] == {1: 2, 2: 1}  # word 1 in two of the longer contexts
    assert found[(6,)] == {1: 1}
    assert found[()] == {1: 2, 2: 1}  # word 1 after 5 and after 6


def test_a_context_seen_once_has_no_children() -> None:
    found = as_dictionary(grow([np.array([1, 1, 2]), np.array([3, 3, 3])], np.array([0, 1, 0]), 2))
    assert set(found) == {(), (1,), (2,), (1, 3)}
