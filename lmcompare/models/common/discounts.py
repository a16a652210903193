"""Discounts of contexts of many lengths, fitted to held-out text.

A token w with the count c(w) after a context with the total T has the probability

    p(w | h) = (c(w) − D(c(w)) + (θ + Σ_v D(c(v))) p(w | h')) / (T + θ),

where h' is the level below, a shorter context, and the uniform distribution is below the empty context. This is the
predictive rule of a hierarchical Pitman-Yor process without a limit on the depth (Wood, Archambeau, Gasthaus, James
and Teh, *A stochastic memoizer for sequence data*, 2009) with one table for each pair of a token and a longer
context, which is interpolated Kneser-Ney smoothing (Teh 2006).

D has a value for each of the counts 1, 2, 3, and 4 or more. These values and the strength θ depend on the class of
the context: its length, whether it is the longest one in a sense that the model defines, and how many different
tokens followed it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.counts.suffixes import KINDS
from lmcompare.state import DamagedStateError, State, real
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

LEAST = 200  # tokens of the validation text that fitting needs
LENGTHS = (0, 1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32)  # the least length of each class of lengths
FOLLOWERS = (1, 2, 3, 5, 9, 17)  # the least number of different tokens of each class of followers
SHARES = (0.57, 0.38, 0.27, 0.21)  # D / c of the counts 1, 2, 3, and 4 or more, if there is no held-out text
STRENGTH = 0.14  # θ in that case
UNKNOWN = 0.01  # where the search for the share of <unk> begins
PRECISION = 2.0  # the precision of the normal priors, around these values, on log-odds and logarithms
ROUNDS = 150
LARGEST = 7.0  # the greatest absolute value of ln θ, and of the log-odds of D / c

EQUATION = (  # in LaTeX
    r"P(w \mid h) = \frac{c(h\,w) - D(c(h\,w)) + \left(\theta + \sum_v D(c(h\,v))\right) P(w \mid h')}"
    r"{\sum_v c(h\,v) + \theta}"
)
CLASSES = len(LENGTHS) * 2 * len(FOLLOWERS)


@dataclass(frozen=True, eq=False)
class Discounts:
    """The discounts and strengths of all classes of contexts.

    Parameters
    ----------
    values : FloatArray of shape (CLASSES, 5)
        For each class the discounts of the counts 1, 2, 3, and 4 or more, and the strength θ.
    unknown : float
        The probability that is given to ``<unk>`` in advance, whatever the context. New text has more unknown words
        than the training text, whose words are the vocabulary.
    """

    values: FloatArray
    unknown: float

    @classmethod
    def rules_of_thumb(cls) -> Discounts:
        """Return discounts that are the same for all classes of contexts."""
        return cls(_values(np.tile(_START, (CLASSES, 1))), 0.0)

    @classmethod
    def from_state(cls, state: State) -> Discounts:
        """Return the stored discounts. Raises ``DamagedStateError`` if they are none."""
        values, unknown = real(state.arrays, "discounts", (CLASSES, KINDS + 1), 0.0), float(state.values["unknown"])
        if np.any(values[:, :KINDS] > _COUNTS) or not np.all(values[:, KINDS] > 0) or not 0 <= unknown < 1:
            raise DamagedStateError("discounts are greater than their counts")
        return cls(np.array(values), unknown)

    def log_probs(self, probabilities: FloatArray, unknown: npt.NDArray[np.bool_]) -> FloatArray:
        """(B,) nats: the log-probabilities of tokens from their probabilities without ``unknown``."""
        log_probs: FloatArray = np.log((1 - self.unknown) * probabilities + self.unknown * unknown)
        return log_probs

    def add_unknown(self, rows: FloatArray, vocabulary: Vocabulary) -> None:
        """Give ``<unk>`` the probability ``unknown`` in advance in rows of (B, V) nats, in place."""
        if self.unknown and vocabulary.unknown is not None:
            rows += np.log1p(-self.unknown)
            of_unknown = rows[:, vocabulary.unknown]
            np.logaddexp(of_unknown, np.log(self.unknown), out=of_unknown)


class Gathered(NamedTuple):
    """The counts that the likelihood of B tokens needs, level by level.

    Parameters
    ----------
    offsets : IntArray of shape (B + 1,)
        The levels of token b are ``offsets[b]:offsets[b + 1]``, the empty context first.
    unknown : BoolArray of shape (B,)
        Which of the tokens are ``<unk>``.
    counts : IntArray of shape (X,)
        The count of the token at each level.
    sums : IntArray of shape (X, 5)
        The sum of all counts at each level, and how many of them are 1, 2, 3, and 4 or more.
    classes : IntArray of shape (X,)
        The class of each level's context.
    """

    offsets: IntArray
    unknown: npt.NDArray[np.bool_]
    counts: IntArray
    sums: IntArray
    classes: IntArray


def fit_to(valid: Encoded, held_out: Callable[[Encoded], Gathered]) -> tuple[Discounts, str]:
    """Return discounts that are fitted to the validation text if it is long enough, and a note on it.

    Parameters
    ----------
    valid : Encoded
        The validation text.
    held_out : callable
        Returns the counts that the likelihood of a text needs.
    """
    if len(valid) < LEAST:
        return Discounts.rules_of_thumb(), (
            f"The validation text has {len(valid):,} tokens, and fitting needs {LEAST:,}: the discounts are rules of"
            " thumb."
        )
    gathered = held_out(valid)
    tokens = len(gathered.unknown)
    note = f"The discounts were fitted to {tokens:,} tokens of the validation text."
    return fit(gathered, len(valid.vocabulary)), note


def fit(gathered: Gathered, types: int) -> Discounts:
    """Return the discounts with the greatest posterior probability given held-out tokens, over ``types`` types."""
    from scipy.optimize import minimize

    tokens, some_unknown = len(gathered.unknown), bool(gathered.unknown.any())
    start, slopes = np.append(np.tile(_START, (CLASSES, 1)), _log_odds(UNKNOWN)), np.empty((CLASSES, KINDS + 1))

    def loss(vector: FloatArray) -> tuple[float, FloatArray]:
        values, unknown = _values(vector[:-1].reshape(slopes.shape)), some_unknown * float(_share(vector[-1]))
        total, by_unknown = _log_likelihood(gathered, 1 / types, values, unknown, slopes)
        slopes[:, :KINDS] *= values[:, :KINDS] * (1 - values[:, :KINDS] / _COUNTS)
        slopes[:, KINDS] *= values[:, KINDS]
        by_odds = by_unknown * unknown * (1 - unknown)
        away = vector - start
        loss = PRECISION / 2 * float((away**2).sum()) - total
        return loss / tokens, (PRECISION * away - np.append(slopes, by_odds)) / tokens

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS}).x
    return Discounts(_values(found[:-1].reshape(slopes.shape)), some_unknown * float(_share(found[-1])))


_COUNTS = np.arange(1, KINDS + 1)


def _log_odds(share: npt.ArrayLike) -> FloatArray:
    odds: FloatArray = np.log(share) - np.log1p(-np.asarray(share))
    return odds


def _share(odds: npt.ArrayLike) -> FloatArray:
    share: FloatArray = 1 / (1 + np.exp(-np.asarray(odds)))
    return share


_START = np.append(_log_odds(SHARES), np.log(STRENGTH))


def _values(point: FloatArray) -> FloatArray:
    """Return discounts between 0 and their counts, and strengths above 0, from unbounded numbers, (CLASSES, 5)."""
    point = np.clip(point, -LARGEST, LARGEST)
    values: FloatArray = np.column_stack([_share(point[:, :KINDS]) * _COUNTS, np.exp(point[:, KINDS])])
    return values


@compiled
def class_of(length: int, longest: bool, followers: int) -> int:
    """Return the class of a context of this length, with this number of different tokens after it."""
    of_length = len(LENGTHS) - 1
    while of_length > 0 and LENGTHS[of_length] > length:
        of_length -= 1
    of_followers = len(FOLLOWERS) - 1
    while of_followers > 0 and FOLLOWERS[of_followers] > followers:
        of_followers -= 1
    return (2 * of_length + int(longest)) * len(FOLLOWERS) + of_followers


@compiled
def own_and_rest(count: int, sums: IntArray, values: FloatArray) -> tuple[float, float]:
    """Return the part of a probability that comes from the count, and the weight of the level below.

    ``values``, (5,), are the discounts and the strength of the context's class.
    """
    total = sums[0] + values[KINDS]
    saved = values[KINDS]
    for i in range(KINDS):
        saved += values[i] * sums[i + 1]
    own = (count - values[min(count, KINDS) - 1]) / total if count else 0.0
    return own, saved / total


@compiled
def _log_likelihood(
    gathered: Gathered, below: float, values: FloatArray, share: float, slopes: FloatArray
) -> tuple[float, float]:
    """Return the log-likelihood of all tokens in nats, and its derivative with respect to the ``share`` of ``<unk>``.

    ``below`` is the probability of every token below the empty context. The derivatives with respect to ``values``
    are written into ``slopes``.
    """
    offsets, unknown, counts, sums, classes = gathered
    by_share = 0.0
    slopes[:] = 0
    p, rests, total = np.empty(len(counts) + 1), np.empty(len(counts)), 0.0
    for b in range(len(offsets) - 1):
        first, end = offsets[b], offsets[b + 1]
        p[first] = below
        for x in range(first, end):
            own, rests[x] = own_and_rest(counts[x], sums[x], values[classes[x]])
            p[x + 1] = own + rests[x] * p[x]
        whole = (1 - share) * p[end] + share * unknown[b]
        total += np.log(whole)
        by_share += (unknown[b] - p[end]) / whole
        by_p = (1 - share) / whole  # the derivative with respect to p[x + 1]; after the loop body, to p[x]
        for x in range(end - 1, first - 1, -1):
            slope = slopes[classes[x]]
            by_own = by_p / (sums[x, 0] + values[classes[x], KINDS])
            if counts[x]:
                slope[min(counts[x], KINDS) - 1] -= by_own
            for i in range(KINDS):
                slope[i] += by_own * p[x] * sums[x, i + 1]
            slope[KINDS] += by_own * (p[x] - p[x + 1])
            by_p *= rests[x]
    return total, by_share
