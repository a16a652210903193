"""The kind of word that a token is, by a rule that uses only its letters and its count in the training text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.runfolder.parquet import Array

FREQUENT = 100  # the most frequent words of any language are mostly function words

CLASSES = ("frequent word", "other word", "capitalised word", "number", "mark", "end of a sentence", "unknown word")
_FREQUENT, _OTHER, _CAPITALISED, _NUMBER, _MARK, _END, _UNKNOWN = range(len(CLASSES))
_SPECIAL = {"<unk>": _UNKNOWN, "</s>": _END}
WORDLIKE = 0.5  # tokens are words if at least this share of the types has two letters or more


def word_classes(tokens: Sequence[str], counts: Sequence[int]) -> Array:
    """Return the kind of each type of a vocabulary.

    A number contains a digit, a mark neither letter nor digit. The ``FREQUENT`` most frequent words are frequent
    words, even with a capital.

    Parameters
    ----------
    tokens : sequence of V str
        In the order of ids.
    counts : sequence of V int
        Occurrences in the training text.

    Returns
    -------
    array of shape (V,)
        Indices into ``CLASSES``; -1 for all if the tokens are not words but letters or bytes.
    """
    found = np.array([_SPECIAL[token] if token in _SPECIAL else _class(token) for token in tokens], np.int64)
    words_at_all = sum(sum(map(str.isalpha, token)) >= 2 for token in tokens if token not in _SPECIAL)
    if words_at_all < WORDLIKE * max(len(tokens) - 2, 1):
        return np.full(len(tokens), -1)
    words = np.flatnonzero((found == _OTHER) | (found == _CAPITALISED))
    frequent = words[np.argsort(-np.asarray(counts)[words], kind="stable")[:FREQUENT]]
    found[frequent] = _FREQUENT
    return found


WORD_KINDS = ("frequent word", "other word", "capitalised word", "number", "mark", "unseen word")


def word_kinds(words: Sequence[str], train_rank: Array) -> Array:
    """Return the kind of each word of a text, which may have marks before and after it.

    Parameters
    ----------
    words : sequence of N str
    train_rank : array of shape (N,)
        The rank of each word in the training text, 1 for the most frequent; 0 if it is not there.

    Returns
    -------
    array of shape (N,)
        Indices into ``WORD_KINDS``.
    """
    kinds = {word: _class(word) for word in set(words)}
    found = np.array([kinds[word] for word in words], np.int64)
    wordlike = (found == _OTHER) | (found == _CAPITALISED)
    found[wordlike & (train_rank > 0) & (train_rank <= FREQUENT)] = _FREQUENT
    found[train_rank == 0] = WORD_KINDS.index("unseen word")
    return found


def _class(token: str) -> int:
    letters = [c for c in token if c.isalnum()]
    if not letters:
        return _MARK
    if any(map(str.isdigit, letters)):
        return _NUMBER
    return _CAPITALISED if letters[0].isupper() else _OTHER
