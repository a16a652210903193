"""The index of contexts: its suffix array against sorting, its places, nodes and levels against brute force."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts import suffixes
from lmcompare.counts.suffixes import MOST_LEVELS, REPEATS, Contexts, marked, marked_places, suffix_array
from lmcompare.tokens import Encoded, Vocabulary
from tests.counts.brute_force_contexts import BruteForce

WORDS = Vocabulary(["<unk>", "</s>", "a", "b", "c"])
TOKENS = st.integers(0, 4)
DOCUMENTS = st.lists(st.lists(TOKENS, max_size=25), min_size=1, max_size=5)


def encoded(documents: list[list[int]]) -> Encoded:
    return Encoded.from_documents(documents, WORDS)


def levels_of(contexts: Contexts, text: Encoded, at: int) -> list[tuple[int, bool, Counter[int]]]:
    """Return the length of each level, whether its places go on alike, and what followed it."""
    index, room = contexts.index, suffixes.new_levels()
    found = []
    for level in room[: suffixes.walk(index, marked(text), int(marked_places(text, np.array([at]))[0]), room)]:
        spare, sums = suffixes.new_room(), np.zeros(5, np.int32)
        distinct = suffixes.summed(index, level, spare, sums)
        counts = Counter({w: n for w in range(5) if (n := suffixes.count_of(index, level, spare, distinct, w))})
        assert sums[0] == counts.total()
        assert sums[1:].tolist() == [sum(min(n, 4) == j for n in counts.values()) for j in range(1, 5)]
        found.append((int(level[suffixes.LENGTH]), bool(level[suffixes.BRANCH] != level[suffixes.LENGTH]), counts))
    return found


def agrees(train: list[list[int]], test: list[list[int]]) -> None:
    """The levels before each token of both texts, and after their ends, are those of brute force."""
    contexts, truth = Contexts.of(encoded(train)), BruteForce(train, REPEATS)
    for documents in (train, test):
        text = encoded(documents)
        for begin, document in zip(text.starts, documents, strict=True):
            for n in range(len(document)):
                assert levels_of(contexts, text, int(begin) + n) == truth.levels(document[:n])
        assert levels_of(contexts, text, len(text)) == truth.levels(documents[-1])


@given(train=DOCUMENTS.filter(any), test=DOCUMENTS)
def test_levels_equal_brute_force(train: list[list[int]], test: list[list[int]]) -> None:
    agrees(train, test)


@pytest.mark.slow
def test_frequent_contexts_equal_brute_force() -> None:
    """Contexts with hundreds of places are stored, their parts are not."""
    generator = np.random.default_rng(0)
    train = [generator.choice(5, n, p=[0.02, 0.1, 0.5, 0.3, 0.08]).tolist() for n in (100, 0, 90, 100, 90, 90)]
    train.append(train[0][30:70])  # a long passage occurs twice
    contexts = Contexts.of(encoded(train))
    assert len(contexts.arrays["nodes"]) > 2
    agrees(train, [generator.integers(0, 5, 40).tolist(), train[0][35:60]])


def test_where_every_document_is_one_token_the_empty_context_comes_first() -> None:
    train = [[2], [3], [2], [4]] * 40  # the empty context and the beginning of a document have the same places
    assert Contexts.of(encoded(train)).arrays["nodes"].tolist()[0] == [0, 160, 0]
    agrees(train, [[2, 3], [4]])


@pytest.mark.parametrize("length", [300, 3000])
def test_one_token_again_and_again(length: int) -> None:
    """A text in which every context branches has as many levels as are kept, and no more."""
    text = encoded([[2] * length])
    assert len(levels_of(Contexts.of(text), text, length - 1)) == MOST_LEVELS


def sorted_suffixes(ids: list[int]) -> list[int]:
    return sorted(range(len(ids)), key=lambda at: ids[at:])


@given(st.lists(st.integers(0, 3), max_size=80))
def test_suffixes_equal_sorting(ids: list[int]) -> None:
    assert suffix_array(np.array(ids, np.int32), 4).tolist() == sorted_suffixes(ids)


@pytest.mark.parametrize("types", [1, 2, 2**16, 2**31 - 1])
def test_suffixes_of_few_and_many_types(types: int) -> None:
    generator = np.random.default_rng(types)
    some = generator.integers(0, types, 3)  # that occur again and again
    ids = some[generator.integers(0, 3, 400)].astype(np.int32)
    assert suffix_array(ids, types).tolist() == sorted_suffixes(ids.tolist())


def test_suffixes_of_one_token_again_and_again() -> None:
    assert suffix_array(np.zeros(1000, np.int32), 1).tolist() == list(range(999, -1, -1))


def test_suffixes_by_hand() -> None:
    # "banana" with a = 0, b = 1, n = 2: a, ana, anana, banana, na, nana
    assert suffix_array(np.array([1, 0, 2, 0, 2, 0], np.int32), 3).tolist() == [5, 3, 1, 0, 4, 2]
