"""Word classes from the words beside each word: the exchange algorithm.

Words are put into K classes such that the class bigram model of train is as likely as can be (Kneser and Ney 1993;
Martin, Liermann and Ney, *Algorithms for bigram and trigram word clustering*, 1998). With N(c, d) the number of times
a word of class c stands before one of class d, the log-likelihood is, but for what no classes change,

    Σ_{c,d} N(c, d) ln N(c, d) − Σ_c N(c, ·) ln N(c, ·) − Σ_d N(·, d) ln N(·, d)

Every word is taken out of its class and put where this is greatest, the frequent words first, sweep after sweep: it
never falls. Moving a word changes only the rows and columns of two classes, so a sweep takes about K operations a
bigram of train.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lmcompare.tokens import IntArray

Pairs = tuple[IntArray, IntArray, IntArray]

SWEEPS = 12  # after which some hundred of 17,000 words still move, and the likelihood no longer


def cluster(
    words: IntArray,
    start: int,
    end: int,
    size: int,
    sweeps: int = SWEEPS,
    progress: Callable[[int, int, float], None] = lambda sweep, moved, likelihood: None,
) -> IntArray:
    """Return the (V + 1,) int64 classes of all words, ``<s>`` among them.

    Parameters: ``words``, (N + S,) int64, sentences that each begin with ``<s>``; ``start``, V, the id of ``<s>``;
    ``end``, the id of ``</s>``; ``size``, the number K of classes for ordinary words, the first K; ``sweeps``, how
    many at most; ``progress``, called after each sweep with its number, how many words moved and the log-likelihood.

    It begins with the words dealt out to the classes by falling frequency, so nothing is random.
    ``</s>`` has the class K and ``<s>`` the class K + 1, alone; the types that train does not hold are the class
    K + 2. With fewer types than K, classes at the end of the K stay empty.
    """
    from lmcompare.models.mixture import word_classes_compiled as exchange

    after, before = pairs(words, start)
    counts = np.bincount(words, minlength=start + 1)
    ranked = np.argsort(-counts, kind="stable")
    ranked = ranked[(counts[ranked] > 0) & (ranked != start) & (ranked != end)]
    classes = np.full(start + 1, size + 2, np.int64)
    classes[ranked], classes[end], classes[start] = np.arange(len(ranked)) % size, size, size + 1
    forth = class_counts(classes, after, size + 3)
    back, sums = forth.T.copy(), np.stack([forth.sum(1), forth.sum(0)])
    small = np.arange(min(len(words) + 1, exchange.TABLED))
    table = small * np.log(np.maximum(small, 1))
    now = log_likelihood(forth)
    for sweep in range(sweeps):
        moved, risen = exchange.sweep(ranked, size, classes, after, before, forth, back, sums, table)
        now += risen
        progress(sweep + 1, moved, now)
        if moved == 0:
            break
    return classes


def pairs(words: IntArray, start: int) -> tuple[Pairs, Pairs]:
    """Return the pair tables of the words after each word and of the words before each word.

    A pair never reaches into the next sentence: nothing stands before ``<s>``.
    """
    at = np.flatnonzero(words[1:] != start)
    first, second = words[at], words[at + 1]
    return _pair_table(first, second, start + 1), _pair_table(second, first, start + 1)


def _pair_table(words: IntArray, others: IntArray, width: int) -> Pairs:
    keys, counts = np.unique(words * width + others, return_counts=True)
    offsets = np.append(0, np.cumsum(np.bincount(keys // width, minlength=width)))
    return offsets, keys % width, counts


def class_counts(classes: IntArray, after: Pairs, n: int) -> IntArray:
    """(n, n) int64: how often a word of each class stands before one of each class."""
    offsets, others, counts = after
    first = np.repeat(classes, np.diff(offsets))
    flat = np.bincount(first * n + classes[others], weights=counts, minlength=n * n)
    return flat.astype(np.int64).reshape(n, n)


def log_likelihood(forth: IntArray) -> float:
    """Return what the exchange algorithm raises, in nats, for a table of class bigram counts."""

    def total(counts: npt.NDArray[np.integer]) -> float:
        seen = counts[counts > 0].astype(np.float64)
        return float((seen * np.log(seen)).sum())

    return total(forth) - total(forth.sum(1)) - total(forth.sum(0))
