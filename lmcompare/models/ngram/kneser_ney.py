"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999, section 3).

    p(w | h) = (c(h w) - D(c(h w))) / c(h ·) + γ(h) p(w | h')
    γ(h) = Σ_v D(c(h v)) / c(h ·) = (D_1 N_1(h) + D_2 N_2(h) + D_3 N_3(h)) / c(h ·)

h is the context, the last k - 1 words; h' is h without its first word; c(h ·) = Σ_v c(h v); N_j(h) is how many words
have the count j after h, and N_3(h) how many have 3 or more. In place of the order below the unigrams there is 1 / V.
An n-gram that was not seen has c = D = 0, so its probability is γ(h) p(w | h'): the shorter context predicts, with
the weight that the discounts have left. After an unseen context, p(w | h) is p(w | h'). Each order has counts and
discounts of its own.

The hyper-parameters are the order n and ``prune``. The steps are those of this file:

1. ``adjusted_counts``: c of the highest order is the frequency. Below, it is the number of different words before the
   k-gram (Kneser and Ney 1995): "Francisco" is frequent, but follows only "San", so it is unlikely in a new context.
2. ``discounts``: D is estimated from how many k-grams have the adjusted count c of 1, 2, 3 and 4.
3. ``interpolate``: the probabilities of one order, from those of the order below.
4. ``estimate``: all orders, from the unigrams up.

The k-grams of one order are numbered from 0, as in ``lmcompare.counts.ngrams.Counts``: ``contexts`` has the
number of h, and ``shorter`` the number of h' w. In the text "<s> a b </s> <s> b b </s>", with the words numbered
</s> = 0, a = 1, b = 2, <s> = 3, the bigrams, sorted by context and then by word, are

    number      0       1       2       3       4
    bigram      a b     b </s>  b b     <s> a   <s> b
    frequency   1       2       1       1       1
    contexts    1 (a)   2 (b)   2 (b)   3 (<s>) 3 (<s>)
    shorter     2 (b)   0 (</s>) 2 (b)  1 (a)   2 (b)

so c(b) = 3, since ``shorter`` has it three times: b follows a, b and <s>. The unigrams have c = 1, 1, 3 and 0: <s> is
never predicted. So few counts estimate no discounts, so they are 0.5, 1 and 1.5, and

    p(b)     = (3 - 1.5) / 5 + 0.5 · 1/3 = 0.467        γ = (2 · 0.5 + 1.5) / 5 = 0.5
    p(b | b) = (1 - 0.5) / 3 + 0.5 · 0.467 = 0.4        γ(b) = (0.5 + 1) / 3 = 0.5

All numbers are float32, in the order of operations of ``lmplz``, the estimator of KenLM, so that the results are
equal to the last bit. ``kneser_ney_fast`` does the same with threads and little memory, and makes the table of
``lmcompare.counts.table``, in which words are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lmcompare.counts.ngrams import Counts
from lmcompare.counts.table import BoolArray, Float32Array
from lmcompare.tokens import IntArray

FALLBACK = (0.5, 1.0, 1.5)  # the discounts of texts that are too short to estimate any


def adjusted_counts(counts: Sequence[Counts]) -> list[IntArray]:
    """Return the counts c of all orders, each (n_k,).

    Each (k+1)-gram shows one word before a k-gram, its ``shorter``; so c is how often ``shorter`` has the k-gram. A
    k-gram that begins with ``<s>`` keeps its frequency, because nothing comes before it; that of ``<s>`` alone is 0,
    because it is never predicted.
    """
    found = []
    starts = np.arange(counts[0].width) == counts[0].width - 1  # (n_1,): whether the k-gram begins with <s>
    for level, longer in pairwise(counts):
        different = np.bincount(longer.shorter, minlength=len(level))
        found.append(np.where(starts, level.raw, different))
        starts = starts[longer.contexts]
    return [*found, counts[-1].raw]


@dataclass(frozen=True)
class Discounts:
    """The discounts of one order for the counts 1, 2, and 3 or more; ``reason`` says why they are ``FALLBACK``."""

    amounts: tuple[float, float, float]
    reason: str = ""

    @property
    def of_counts(self) -> Float32Array:
        """(4,) D of the counts 0, 1, 2, and 3 or more."""
        return np.array([0.0, *self.amounts], np.float32)


def discounts(statistics: IntArray) -> Discounts:
    """Return the discounts of one order, in float32.

    With n_j the number of k-grams that have the count j, ``D_j = j - (j + 1) Y n_{j+1} / n_j`` for j = 1, 2, 3, where
    ``Y = n_1 / (n_1 + 2 n_2)``; D_3 is also that of all greater counts. The discounts are 0.5, 1 and 1.5, with the
    reason, if n_1, n_2 or n_3 is 0, or if a discount would be below 0 or above its count. ``statistics``: (4,) n_1 to
    n_4.
    """
    for j in (1, 2, 3):
        if not statistics[j - 1]:
            return Discounts(FALLBACK, f"no n-gram has the count {j}")
    f, n = np.float32, [np.float32(x) for x in statistics]
    y = n[0] / f(statistics[0] + 2.0 * statistics[1])
    d1, d2, d3 = (float(f(j) - f(j + 1) * y * n[j] / n[j - 1]) for j in (1, 2, 3))
    for j, d in enumerate((d1, d2, d3), 1):
        if not 0 <= d <= j:
            return Discounts(FALLBACK, f"the discount of the count {j} would be {d:.3g}")
    return Discounts((d1, d2, d3))


def interpolate(
    level: Counts, c: IntArray, kept: BoolArray, D: Float32Array, lower: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """Return p(w | h) of one order, (n_k,), and γ of its contexts, (n_{k-1},).

    Parameters
    ----------
    level : Counts
        The k-grams.
    c : array of shape (n_k,)
        Their counts.
    kept : array of shape (n_k,)
        Which k-grams are not pruned. The whole count of a pruned k-gram goes to γ(h).
    D : array of shape (4,)
        The discounts of the counts 0, 1, 2, and 3 or more.
    lower : array of shape (n_{k-1},)
        The probabilities of the order below.
    """
    h, H = level.contexts, len(level.offsets) - 1

    def sums(values: IntArray | BoolArray) -> Float32Array:  # (n_k,) -> (H,): the sum of whole numbers after each h
        return np.bincount(h, values, H).astype(np.float32)

    total = sums(c)
    saved = D[1] * sums(kept & (c == 1)) + D[2] * sums(kept & (c == 2)) + D[3] * sums(kept & (c > 2))
    with np.errstate(invalid="ignore"):
        gamma = np.where(total > 0, (saved + sums(c * ~kept)) / total, np.float32(1))  # 1 if nothing was seen after h
    own = (c.astype(np.float32) - D[c.clip(max=3)]) / total[h]
    return own + gamma[h] * lower[level.shorter], gamma


def estimate(
    counts: Sequence[Counts], size: int, prune: Sequence[int] = (0,)
) -> list[tuple[Float32Array, Float32Array, Discounts]]:
    """Return for each order p(w | h) of its n-grams, γ of its contexts, and its discounts.

    Parameters
    ----------
    counts : sequence of Counts
        The counts of the orders 1 … n.
    size : int
        V, the number of types, which is also the id of ``<s>``.
    prune : sequence of int
        For each order from the unigrams up, n-grams that occur this often or less are pruned. The first number is 0,
        the numbers never fall, and the last one applies to all higher orders.
    """
    lower = np.full(size + 1, 1 / np.float32(size), np.float32)
    found = []
    for k, (level, c) in enumerate(zip(counts, adjusted_counts(counts), strict=True)):
        order = discounts(level.statistics)
        kept = level.raw > prune[min(k, len(prune) - 1)] if k else np.ones(size + 1, np.bool_)
        lower, gamma = interpolate(level, c, kept, order.of_counts, lower)
        if k == 0:
            lower[size] = 1.0  # <s> is never predicted; lmplz writes log10 1
        found.append((lower, gamma, order))
    return found
