"""Word classes from the words beside each word, by the exchange algorithm.

Words are put into K classes so that the class bigram model of the training text has the greatest likelihood (Kneser
and Ney 1993; Martin, Liermann and Ney, *Algorithms for bigram and trigram word clustering*, 1998). With N(c, d) the
number of times that a word of class c occurs before a word of class d, the log-likelihood is, up to a term that does
not depend on the classes,

    Σ_{c,d} N(c, d) ln N(c, d) − Σ_c N(c, ·) ln N(c, ·) − Σ_d N(·, d) ln N(·, d)

In each sweep every word, the frequent ones first, is removed from its class and put into the class that makes this
greatest, so it never decreases. Moving a word changes only the rows and columns of two classes, so a sweep takes
about K operations for each bigram of the training text.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lmcompare.tokens import IntArray

Pairs = tuple[IntArray, IntArray, IntArray]

SWEEPS = 12  # after which a hundred of 17,000 words still move, but the likelihood hardly changes


def cluster(
    words: IntArray,
    start: int,
    end: int,
    size: int,
    sweeps: int = SWEEPS,
    progress: Callable[[int, int, float], None] = lambda sweep, moved, likelihood: None,
) -> IntArray:
    """Return the classes of all words, ``<s>`` included.

    Words are first dealt to the classes in order of frequency, so nothing is random.

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
        Called after each sweep with its number, the number of words that moved, and the log-likelihood.

    Returns
    -------
    IntArray of shape (V + 1,)
        The classes: 0 … K - 1 for ordinary words, K for ``</s>``, K + 1 for ``<s>``, and K + 2 for the types that do
        not occur in the training text. With fewer types than K, some classes are empty.
    """
    from lmcompare.models.mixture import word_classes_compiled

    after, before = pairs(words, start)
    counts = np.bincount(words, minlength=start + 1)
    ranked = np.argsort(-counts, kind="stable")
    ranked = ranked[(counts[ranked] > 0) & (ranked != start) & (ranked != end)]
    classes = np.full(start + 1, size + 2, np.int64)
    classes[ranked], classes[end], classes[start] = np.arange(len(ranked)) % size, size, size + 1
    forth = class_counts(classes, after, size + 3)
    back, sums = forth.T.copy(), np.stack([forth.sum(1), forth.sum(0)])
    small = np.arange(min(len(words) + 1, word_classes_compiled.TABLED))
    table = small * np.log(np.maximum(small, 1))
    now = log_likelihood(forth)
    for sweep in range(sweeps):
        moved, risen = word_classes_compiled.sweep(ranked, size, classes, after, before, forth, back, sums, table)
        now += risen
        progress(sweep + 1, moved, now)
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
    keys, counts = np.unique(words * width + others, return_counts=True)
    offsets = np.append(0, np.cumsum(np.bincount(keys // width, minlength=width)))
    return offsets, keys % width, counts


def class_counts(classes: IntArray, after: Pairs, n: int) -> IntArray:
    """(n, n) int64: how often a word of class c occurs before a word of class d."""
    offsets, others, counts = after
    first = np.repeat(classes, np.diff(offsets))
    flat = np.bincount(first * n + classes[others], weights=counts, minlength=n * n)
    return flat.astype(np.int64).reshape(n, n)


def log_likelihood(forth: IntArray) -> float:
    """Return the log-likelihood in nats, up to a constant, of a table of class bigram counts."""

    def total(counts: npt.NDArray[np.integer]) -> float:
        seen = counts[counts > 0].astype(np.float64)
        return float((seen * np.log(seen)).sum())

    return total(forth) - total(forth.sum(1)) - total(forth.sum(0))
