"""The words of tags: shares of the trees, and classes for rare words."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.models.pcfg.lexicon import LEAST, RARE, classes_of, emissions
from lmcompare.tokens import Vocabulary


@pytest.mark.parametrize(
    ("word", "finest"),
    [
        ("1,000.50", "a number"),
        ("B12", "with a digit"),
        ("--", "a mark"),
        ("UN", "in capitals"),
        ("Running", "with a capital -ing"),
        ("well-known", "small, with a hyphen"),
        ("sing", "small"),
        ("quickly", "small -ly"),
    ],
)
def test_classes(word: str, finest: str) -> None:
    assert classes_of(word)[0] == finest
    assert classes_of(word)[-1] == "any"


def test_rare_words_share_by_their_classes() -> None:
    rare = [f"{c}unning" for c in "bcdfghjklmn"]
    vocabulary = Vocabulary(["<unk>", "</s>", "the", *rare, "stunning", "chair"])
    seen = np.array([0, 9, 20, *[1] * len(rare), 3, 0])
    assert len(rare) > LEAST
    counts = {(0, 2): 20, **{(1, 3 + k): 1 for k in range(len(rare))}}
    table = emissions(counts, 2, vocabulary, seen).toarray()
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(table[0], np.eye(len(vocabulary))[2])
    assert table[1, 2] == table[1, 1] == 0.0
    # The tag has 11 tokens of 11 rare words, so that half is shared in its one class, by the counts plus one
    share = 0.5 / (11 * 2 + 4)
    assert table[1, 3] == pytest.approx(0.5 / 11 + 2 * share)
    assert table[1, -2] == pytest.approx(4 * share)
    assert table[1, -1] == 0.0  # of another class, which no rare word of the tag has
    assert RARE > 1
