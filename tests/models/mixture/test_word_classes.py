"""The exchange algorithm against the likelihood computed by brute force."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.models.mixture import word_classes
from lmcompare.tokens import IntArray

END, FIRST = 1, 2  # the ids of </s> and of the first ordinary word


def sentences(text: list[list[int]], size: int) -> IntArray:
    return np.array([w for s in text for w in (size, *s, END)], np.int64)


def brute_force(words: IntArray, classes: IntArray, start: int) -> float:
    """Return the log-likelihood of all class bigrams up to a constant, with a dictionary."""
    pairs = Counter((int(classes[a]), int(classes[b])) for a, b in pairwise(words) if b != start)
    left: Counter[int] = Counter()
    right: Counter[int] = Counter()
    for (a, b), n in pairs.items():
        left[a] += n
        right[b] += n
    return sum(sum(s * n * math.log(n) for n in c.values()) for s, c in ((1, pairs), (-1, left), (-1, right)))


def drawn(seed: int, types: int, count: int = 60) -> IntArray:
    rng = np.random.default_rng(seed)
    text = [rng.integers(FIRST, types, rng.integers(0, 9)).tolist() for _ in range(count)]
    return sentences(text, types)


@given(st.integers(0, 1000), st.integers(2, 5))
def test_the_gain_of_a_move_equals_brute_force(seed: int, size: int) -> None:
    types = 9
    words = drawn(seed, types, 20)
    rng = np.random.default_rng(seed)
    classes = np.append(rng.integers(0, size, types), size)
    beside = word_classes.bigrams(words, types, classes, size + 1)
    table = np.arange(8) * np.log(np.maximum(np.arange(8), 1))  # short, so that both ways to compute x ln x are used
    word = int(rng.integers(FIRST, types))
    word_classes._put(word, classes[word], -1, beside)
    gain, right, left = np.zeros(size), np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    word_classes._gains(word, size, beside, table, right, left, gain)
    wanted = []
    for c in range(size):
        moved = classes.copy()
        moved[word] = c
        wanted.append(brute_force(words, moved, types))
    np.testing.assert_allclose(gain - gain[0], np.array(wanted) - wanted[0], atol=1e-8)
    assert not right.any()
    assert not left.any()


def test_the_likelihood_never_decreases() -> None:
    words = drawn(3, 40, 300)
    seen = [brute_force(words, word_classes.cluster(words, 40, END, 6, sweeps=n), 40) for n in range(6)]
    assert seen == sorted(seen)
    assert seen[0] < seen[1] < seen[2]


def test_pairs_of_a_large_vocabulary_do_not_overflow() -> None:
    types = 2**16  # whose square does not fit into 32 bits
    words = np.array([types, types - 1, types - 2, END], np.int32)
    offsets, others, counts = word_classes.pairs(words, types)[0]
    assert others[offsets[types - 1] : offsets[types]].tolist() == [types - 2]
    assert counts.tolist() == [1, 1, 1]


def test_words_in_the_same_positions_share_a_class() -> None:
    rng = np.random.default_rng(5)
    groups = [range(2, 6), range(6, 10), range(10, 14)]  # a sentence has one word of each, in this order
    text = sentences([[int(rng.choice(g)) for g in groups] for _ in range(200)], 15)
    classes = word_classes.cluster(text, 15, END, 3)
    for group in groups:
        assert len({int(classes[w]) for w in group}) == 1
    assert len(set(classes[2:14].tolist())) == 3


def test_sentence_ends_and_unseen_types_have_classes_of_their_own() -> None:
    classes = word_classes.cluster(sentences([[2, 3], [3, 2, 4]], 6), 6, END, 2)
    assert classes[END] == 2
    assert classes[6] == 3
    assert classes[0] == classes[5] == 4  # <unk> and an unseen type
    assert set(classes[[2, 3, 4]].tolist()) <= {0, 1}


def test_a_text_without_words_and_more_classes_than_words() -> None:
    assert word_classes.cluster(sentences([[], []], 3), 3, END, 4).tolist() == [6, 4, 6, 5]
    assert len(set(word_classes.cluster(sentences([[2, 3, 2]], 4), 4, END, 50)[[2, 3]].tolist())) <= 2
