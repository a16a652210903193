"""Counts by hand."""

from __future__ import annotations

import numpy as np

from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.lookup.table import with_starts
from lmcompare.tokens import Encoded, Vocabulary


def test_counts_of_a_small_text() -> None:
    # "a b a </s>" and "a b </s>", a = 2, b = 3, <s> = 4; V + 1 = 5.
    # Trigrams, all raw: <s>ab 2, aba 1, ba</s> 1, ab</s> 1.
    # Bigrams: <s>a 2 (raw), ab 1 (after <s>), ba 1 (after a), a</s> 1 (after b), b</s> 1 (after a).
    # Unigrams: a after <s> and b: 2; b after a: 1; </s> after a and b: 2; <unk> and <s> nothing.
    vocabulary = Vocabulary(["<unk>", "</s>", "a", "b"])
    text = Encoded.from_documents([[2, 3, 2, 1, 2, 3, 1]], vocabulary)
    one, two, three = counting.count(with_starts(text), 3, 4, 1)
    np.testing.assert_array_equal(one.adjusted, [0, 2, 2, 1, 0])
    pairs = zip(two.contexts.tolist(), two.words.tolist(), strict=True)
    bigrams = dict(zip(pairs, two.adjusted.tolist(), strict=True))
    assert bigrams == {(2, 1): 1, (2, 3): 1, (3, 1): 1, (3, 2): 1, (4, 2): 2}
    names = list(bigrams)  # the node of a bigram is its place among them
    trigrams = {
        (*names[h], w): (c, names[s])
        for h, w, c, s in zip(three.contexts, three.words, three.adjusted, three.shorter, strict=True)
    }
    assert trigrams == {
        (4, 2, 3): (2, (2, 3)),
        (2, 3, 2): (1, (3, 2)),
        (3, 2, 1): (1, (2, 1)),
        (2, 3, 1): (1, (3, 1)),
    }
