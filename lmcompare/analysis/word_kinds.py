"""What kind of word a token is, by a rule that needs nothing but its letters and its count in train."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.runfolder.parquet import Array

FREQUENT = 100  # so many words of train, the most frequent, are mostly words of grammar, in whatever language

CLASSES = ("frequent word", "other word", "capitalised word", "number", "mark", "end of a sentence", "unknown word")
_FREQUENT, _OTHER, _CAPITALISED, _NUMBER, _MARK, _END, _UNKNOWN = range(len(CLASSES))
WORDLIKE = 0.5  # the share of types with two letters or more from which tokens are words at all


def word_classes(tokens: Sequence[str], counts: Sequence[int]) -> Array:
    """Return (V,) the index into ``CLASSES`` of each type of a vocabulary, -1 for all where its tokens are no words:
    single letters or bytes.

    ``tokens``: the V strings in the order of ids, ``<unk>`` and ``</s>`` first; ``counts``: of each in train. A
    number holds a digit, a mark neither letter nor digit; of the words, the ``FREQUENT`` most frequent come before
    those that begin with a capital.
    """
    found = np.array([_class(token) for token in tokens], np.int64)
    found[:2] = (_UNKNOWN, _END)
    words_at_all = sum(sum(map(str.isalpha, token)) >= 2 for token in tokens[2:])
    if words_at_all < WORDLIKE * max(len(tokens) - 2, 1):
        return np.full(len(tokens), -1)
    words = np.flatnonzero((found == _OTHER) | (found == _CAPITALISED))
    frequent = words[np.argsort(-np.asarray(counts)[words], kind="stable")[:FREQUENT]]
    found[frequent] = _FREQUENT
    return found


def _class(token: str) -> int:
    letters = [c for c in token if c.isalnum()]
    if not letters:
        return _MARK
    if any(map(str.isdigit, letters)):
        return _NUMBER
    return _CAPITALISED if letters[0].isupper() else _OTHER
