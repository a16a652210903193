"""Tests of histories and features against a walk through the text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.counts.lookup.level import NOTHING
from lmcompare.models.mixture.features import feature_values, history, reach_of
from lmcompare.tokens import Encoded, Vocabulary

VOCABULARY = Vocabulary.build([["a", "b", "c"]])
END, START = VOCABULARY.end, len(VOCABULARY)

documents = st.lists(st.lists(st.integers(0, START - 1), max_size=8), max_size=4)


def before(ids: list[int], most: int) -> list[int]:
    """Return the words at the end of a document's beginning, the nearest first."""
    sentence = [START]
    for word in ids:
        sentence = [START] if word == END else [*sentence, word]
    return [*sentence[::-1], *[NOTHING] * most][:most]


@given(documents, st.integers(1, 5))
def test_history_equals_a_walk(texts: list[list[int]], most: int) -> None:
    text = Encoded.from_documents(texts, VOCABULARY)
    found = history(text, np.arange(len(text) + 1), most)
    expected = [before(ids[:i], most) for ids in texts for i in range(len(ids))]
    expected.append(before(texts[-1] if texts else [], most))
    assert found.T.tolist() == expected


def test_features_are_mapped() -> None:
    words = np.arange(START + 1)
    classes = np.array([9, 9, 7, 7, 8, 6])
    words_before = np.array([[2, START, 3], [START, NOTHING, 2]])  # (2, B)
    shown = feature_values([(1, 0), (2, 1), (0, 1)], [words, classes], words_before, np.array([4, 2, END]))
    assert shown.tolist() == [[2, START, 3], [6, NOTHING, 7], [8, 7, 9]]
    assert reach_of([(1, 0), (2, 1), (0, 1)]) == 2
