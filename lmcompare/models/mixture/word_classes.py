"""Word classes from the words beside each word, by the exchange algorithm.

Words are put into K classes so that the class bigram model of the training text has the greatest likelihood (Kneser
and Ney 1993; Martin, Liermann and Ney, *Algorithms for bigram and trigram word clustering*, 1998). With N(c, d) the
number of times that a word of class c occurs before a word of class d, the log-likelihood is, up to a term that does
not depend on the classes,

    Σ_{c,d} N(c, d) ln N(c, d) − Σ_c N(c, ·) ln N(c, ·) − Σ_d N(·, d) ln N(·, d)

In each sweep every word, the frequent ones first, is removed from its class and put into the class that maximises the
log-likelihood, which so never decreases. Moving a word changes only the rows and columns of two classes, so a sweep
takes about K operations for each bigram of the training text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.tokens import FloatArray, IntArray

MOST_CLASSES = 10_000  # with these, a table of the pairs of classes takes 800 MB
SWEEPS = 12  # after these, a hundred of 17,000 words still move, but the likelihood hardly changes
TABLED = 2**18  # x log x is looked up for counts below this

# A table of the words beside each word: those beside word w are ``others[offsets[w]:offsets[w + 1]]``, and they occur
# there ``counts[offsets[w]:offsets[w + 1]]`` times. The tuple is (offsets, others, counts).
Pairs = tuple[IntArray, IntArray, IntArray]


class Bigrams(NamedTuple):
    """The classes of all W = V + 1 words, and how often words and classes occur beside each other.

    ``classes``: (W,) the class of each word. ``after`` and ``before``: the tables of the words to the right and to
    the left of each word. ``forth``: (K, K) the number of times that each class comes before each other. ``back``:
    its transpose. ``sums``: (2, K) how often each class comes first and second.
    """

    classes: IntArray
    after: Pairs
    before: Pairs
    forth: IntArray
    back: IntArray
    sums: IntArray


def cluster(
    words: IntArray,
    start: int,
    end: int,
    size: int,
    sweeps: int = SWEEPS,
    progress: Callable[[int, int], None] = lambda sweep, moved: None,
) -> IntArray:
    """Return the classes of all words, ``<s>`` included.

    At first, the words are assigned to the classes in turn, in order of frequency, so nothing is random.

    Parameters
    ----------
    words : IntArray of shape (N + S,)
        The ids of the S sentences of the training text, each of which begins with ``<s>``.
    start, end : int
        The ids of ``<s>``, which is V, and of ``</s>``.
    size : int
        K, the number of classes of ordinary words.
    sweeps : int, default 12
        The greatest number of sweeps.
    progress : callable, optional
        Called after each sweep with its number and the number of words that moved.

    Returns
    -------
    IntArray of shape (V + 1,)
        The classes: 0 … K - 1 for ordinary words, K for ``</s>``, K + 1 for ``<s>``, and K + 2 for the types that do
        not occur in the training text. With fewer types than K, some classes are empty.
    """
    counts = np.bincount(words, minlength=start + 1)
    ranked = np.argsort(-counts, kind="stable")
    ranked = ranked[(counts[ranked] > 0) & (ranked != start) & (ranked != end)]
    classes = np.full(start + 1, size + 2, np.int64)
    classes[ranked], classes[end], classes[start] = np.arange(len(ranked)) % size, size, size + 1
    beside = bigrams(words, start, classes, size + 3)
    small = np.arange(min(len(words) + 1, TABLED))
    table = small * np.log(np.maximum(small, 1))
    for sweep in range(sweeps):
        moved = _sweep(ranked, size, beside, table)
        progress(sweep + 1, moved)
        if moved == 0:
            break
    return classes


def pairs(words: IntArray, start: int) -> tuple[Pairs, Pairs]:
    """Return the pair tables of the words after each word and of the words before each word.

    Pairs do not cross sentences: no word comes before ``<s>``.
    """
    at = np.flatnonzero(words[1:] != start)
    first, second = words[at], words[at + 1]
    return _pair_table(first, second, start + 1), _pair_table(second, first, start + 1)


def _pair_table(words: IntArray, others: IntArray, width: int) -> Pairs:
    keys, counts = np.unique(words.astype(np.int64) * width + others, return_counts=True)
    offsets = np.append(0, np.cumsum(np.bincount(keys // width, minlength=width)))
    return offsets, keys % width, counts


def bigrams(words: IntArray, start: int, classes: IntArray, n: int) -> Bigrams:
    """Return the pairs of words in the training text, and the counts of the pairs of their n classes."""
    after, before = pairs(words, start)
    offsets, others, counts = after
    first = np.repeat(classes, np.diff(offsets))
    flat = np.bincount(first * n + classes[others], weights=counts, minlength=n * n)
    forth = flat.astype(np.int64).reshape(n, n)
    return Bigrams(classes, after, before, forth, forth.T.copy(), np.stack([forth.sum(1), forth.sum(0)]))


@compiled
def _xlogx(x: int, table: Any) -> float:
    """Return x ln x, 0 for 0; ``table`` has the values for small x."""
    value: float = table[x] if x < len(table) else x * np.log(x)
    return value


@compiled
def _put(word: int, c: int, by: int, beside: Bigrams) -> None:
    """Add the pairs of a word to the counts of class ``c``, ``by`` times: 1 to put it in, -1 to take it out."""
    classes, after, before, forth, back, sums = beside
    offsets, others, counts = after
    for i in range(offsets[word], offsets[word + 1]):
        d, n = classes[others[i]], by * counts[i]
        if others[i] == word:
            d = c
        forth[c, d] += n
        back[d, c] += n
        sums[0, c] += n
    offsets, others, counts = before
    for i in range(offsets[word], offsets[word + 1]):
        d, n = classes[others[i]], by * counts[i]
        sums[1, c] += n
        if others[i] != word:  # the word beside itself has been counted above
            forth[d, c] += n
            back[c, d] += n


@compiled
def _joined(n: int, row: IntArray, movable: int, table: Any, gain: Any) -> float:
    """Add to ``gain`` the gain from n more pairs for the classes that have such pairs, whose numbers are in ``row``.

    Returns the gain for a class without such pairs.
    """
    own: float = _xlogx(n, table)
    for g in range(movable):
        x = row[g]
        if x:
            gain[g] += _xlogx(x + n, table) - _xlogx(x, table) - own
    return own


@compiled
def _gains(
    word: int, movable: int, beside: Bigrams, table: Any, right: IntArray, left: IntArray, gain: FloatArray
) -> None:
    """Write the increase of the log-likelihood in nats if a word without a class is put into each class.

    It is written into ``gain``, (``movable``,), for the first classes, to which words may move. ``right`` and
    ``left``, (K,), are working memory of zeros.
    """
    classes, after, before, forth, back, sums = beside
    itself = 0
    first, second = 0, 0
    offsets, others, counts = after
    for i in range(offsets[word], offsets[word + 1]):
        first += counts[i]
        if others[i] == word:
            itself = counts[i]
        else:
            right[classes[others[i]]] += counts[i]
    offsets, others, counts = before
    for i in range(offsets[word], offsets[word + 1]):
        second += counts[i]
        if others[i] != word:
            left[classes[others[i]]] += counts[i]
    same = 0.0  # the gain that is the same for every class
    for g in range(movable):
        a, b = sums[0, g], sums[1, g]
        gain[g] = _xlogx(a, table) + _xlogx(b, table) - _xlogx(a + first, table) - _xlogx(b + second, table)
        if right[g] or left[g] or itself:
            n = forth[g, g]
            gain[g] += (
                _xlogx(n + right[g] + left[g] + itself, table)
                - _xlogx(n + right[g], table)
                - _xlogx(n + left[g], table)
                + _xlogx(n, table)
            )
    for d in range(len(right)):
        if right[d]:
            same += _joined(right[d], back[d], movable, table, gain)
            right[d] = 0
        if left[d]:
            same += _joined(left[d], forth[d], movable, table, gain)
            left[d] = 0
    for g in range(movable):
        gain[g] += same


@compiled
def _sweep(words: IntArray, movable: int, beside: Bigrams, table: Any) -> int:
    """Move each of ``words`` in turn into the class with the greatest log-likelihood, in place.

    Returns the number of words that moved.
    """
    classes, n_classes = beside.classes, len(beside.forth)
    right, left = np.zeros(n_classes, np.int64), np.zeros(n_classes, np.int64)
    gain = np.zeros(movable)
    moved = 0
    for word in words:
        old = classes[word]
        _put(word, old, -1, beside)
        _gains(word, movable, beside, table, right, left, gain)
        best = old
        for g in range(movable):
            if gain[g] > gain[best] + 1e-9:
                best = g
        if best != old:
            moved += 1
            classes[word] = best
        _put(word, best, 1, beside)
    return moved
