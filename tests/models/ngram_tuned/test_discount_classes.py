"""Tests of the discount classes against hand-worked examples."""

from __future__ import annotations

import numpy as np

from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.counting.ngrams import Counts, nodes_of
from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.table import with_starts
from lmcompare.models.ngram_tuned.discount_classes import SPREADS, Classes, with_repeats
from lmcompare.tokens import Encoded, IntArray, Vocabulary

WORDS = Vocabulary(["<unk>", "</s>", "a", "b", "c"])
SPREAD = len(SPREADS) + 1


def encoded(*sentences: list[int]) -> Encoded:
    return Encoded.from_documents([[w for s in sentences for w in [*s, 1]]], WORDS)


def keys(level: Counts) -> IntArray:
    return level.contexts * level.width + level.words


def test_a_preceding_word_counts_up_to_the_repeats() -> None:
    # "a b </s>" three times and "c b </s>" once: b follows a three times and c once.
    counts = list(counting.count(with_starts(encoded([2, 3], [2, 3], [2, 3], [4, 3])), 3, 5, 1))
    for repeats, of_b in ((1, 2), (2, 3), (3, 4), (9, 4)):
        changed = with_repeats(counts, repeats)
        assert changed[0].adjusted[3] == of_b
        np.testing.assert_array_equal(changed[2].adjusted, counts[2].adjusted)  # the highest order
    bigrams = {(int(k) // 6, int(k) % 6): int(c) for k, c in zip(keys(counts[1]), changed[1].adjusted, strict=True)}
    assert bigrams[5, 2] == 3  # <s> a: no word comes before it, so it has its frequency
    assert bigrams[3, 1] == 4  # b </s>: after a 3 times, after c once


def test_classes_depend_on_count_and_spread() -> None:
    train = encoded([2, 3], [2, 3], [2, 3], [4, 3], [3])
    counts = list(counting.count(with_starts(train), 2, 5, 1))
    classes = Classes.of(counts, nodes_of(counts, with_starts(train)), levels=2, groups=1)
    unigrams = classes.orders[0].of_gram
    assert unigrams.tolist() == [NOTHING, 0, 0, SPREAD, 0, NOTHING]  # b follows a, c and <s>; </s> follows b only
    bigrams = dict(zip(keys(counts[1]).tolist(), classes.orders[1].of_gram.tolist(), strict=True))
    assert bigrams[2 * 6 + 3] == SPREAD + 1  # a b: 3 of the 5 times of b, which is up to 4 times as often
    assert bigrams[4 * 6 + 3] == 2  # c b: 1 of 5 times, so b is more than 4 times as often
    assert bigrams[5 * 6 + 4] == 0  # <s> c: every occurrence of c


def test_contexts_are_grouped_by_their_mean_count() -> None:
    # After <s>: a 3, c 2 (mean 2.5); after a: b 3, </s> 1 (mean 2); after b: </s> 4; after c: a 1, b 1 (mean 1). The
    # text has c twice, a and b 4 times and <s> 5 times: groups of 6 contexts (c and a), 5 (<s>) and 4 (b).
    train = encoded([2, 3], [2, 3], [2, 3], [4, 3], [4, 2])
    counts = list(counting.count(with_starts(train), 2, 5, 1))
    classes = Classes.of(counts, nodes_of(counts, with_starts(train)), levels=3, groups=3)
    assert classes.orders[1].edges.tolist() == [2, 2.5]
    assert classes.orders[1].groups[[4, 2, 5, 3]].tolist() == [0, 0, 1, 2]
    assert classes.orders[0].edges.shape == (0,)
    assert classes.n_groups == [1, 3]
    assert classes.first_rows.tolist() == [0, 1]
    alike = Classes.of(counts, [np.array([2, 2]), np.array([NOTHING, NOTHING])], levels=3, groups=5)
    assert alike.n_groups == [1, 1]  # equal mean counts are one group
