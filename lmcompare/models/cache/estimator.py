"""Caches: decaying counts of the n-grams in a text's own past, and their mixture with a model's prediction.

A *cache* of order n counts, at each position, which words have followed the last n - 1 words so far. A count decays
to half within ``half_life`` tokens (Kuhn and De Mori, *A cache-based natural language model for speech recognition*,
1990; with contexts Jelinek, Merialdo, Roukos and Strauss 1991). The caches form a chain above a model P_0, in which
each is smoothed by the one below it,

    P_k(w) = (c_k(w) + γ P_{k-1}(w)) / (C_k + γ),   C_k = Σ_w c_k(w),   γ = ``STRENGTH``,

and the prediction is Σ_k λ_k P_k, with weights λ that depend on the evidence of each cache, ln(1 + C_k). All P_k sum
to one if P_0 does, and so does the prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.compiled import compiled
from lmcompare.model import FloatArray
from lmcompare.models.common import gates
from lmcompare.models.common.gates import Float32Array, Gate, Seen
from lmcompare.tokens import Encoded, IntArray

STRENGTH = 1.0  # γ; from 0.3 to 3 the validation perplexity differs by less than 0.5 %
HELD_OUT = 2**18  # the greatest number of tokens that the weights are fitted to
TRUST = 0.9  # the weight of the model if there is no validation text
GONE = 80.0  # half-lives after which a count is smaller than the rounding errors of the others
SMALL = 1e-100  # below this scale the counts are multiplied by it


@dataclass(frozen=True)
class Cache:
    """A cache of n-grams of this order, whose counts decay to half within ``half_life`` tokens."""

    order: int
    half_life: float

    @property
    def decay(self) -> float:
        """The factor by which a count decays at each token."""
        return float(0.5 ** (1 / self.half_life))


class Past:
    """The past of each position of a text: the words before it in its document, or in the text if ``carried``.

    Position N is the position after the end of the text.

    Attributes
    ----------
    words : IntArray of shape (N,)
        The ids of the text.
    begins : IntArray of shape (N + 1,)
        The first position of each position's past.
    previous : IntArray of shape (longest, N)
        In row k - 1, the last earlier position within that past at which the same k words end, or -1.
    """

    def __init__(self, text: Encoded, longest: int, *, carried: bool) -> None:
        self.words = text.ids
        size, types = len(text), len(text.vocabulary)
        at = np.arange(size + 1)
        self.begins = np.zeros(size + 1, np.int64) if carried else text.context_starts(at)
        self.previous: IntArray = np.empty((longest, size), np.int64)
        # a number for the last k words at each position; at first k = 0
        _, ending = np.unique(self.begins[:size], return_inverse=True)
        for length in range(1, longest + 1):
            if length > 1:
                ending = np.append(0, ending[:-1])[:size]
            _, ending = np.unique(ending * types + self.words, return_inverse=True)
            whole = np.flatnonzero(at[:size] - self.begins[:size] >= length - 1)
            self.previous[length - 1] = _latest(ending, whole)
        self._sums: dict[tuple[int, float], FloatArray] = {}

    def counts(self, cache: Cache) -> FloatArray:
        """(N,) the count of each token in the cache at its position."""
        return self._counts(cache.order, cache.decay, self.previous[cache.order - 1], np.arange(len(self.words)) - 1)

    def masses(self, cache: Cache, at: IntArray) -> FloatArray:
        """(B,) the sum of all counts of the cache at B positions."""
        if cache.order == 1:
            seen: FloatArray = np.expm1((at - self.begins[at]) * np.log(cache.decay)) / (cache.decay - 1)
            return seen
        last = np.full(len(at), -1)
        inside = at > self.begins[at]
        last[inside] = self.previous[cache.order - 2][at[inside] - 1]
        return self._counts(cache.order - 1, cache.decay, last, at - 2)

    def _counts(self, length: int, decay: float, last: IntArray, now: IntArray) -> FloatArray:
        """(B,) the count of the ``length`` words that end at ``last``, decayed until ``now``; 0 if ``last`` is -1."""
        key = length, decay
        if key not in self._sums:
            self._sums[key] = _decayed(self.previous[length - 1], decay)
        found = np.zeros(len(last))
        some = last >= 0
        found[some] = self._sums[key][last[some]] * decay ** (now[some] - last[some])
        return found


def _latest(kinds: IntArray, at: IntArray) -> IntArray:
    """(N,) for each of the positions ``at``, the last earlier one of them with the same kind, or -1."""
    order = at[np.argsort(kinds[at], kind="stable")]
    found = np.full(len(kinds), -1, np.int64)
    same = kinds[order[1:]] == kinds[order[:-1]]
    found[order[1:][same]] = order[:-1][same]
    return found


@dataclass(frozen=True, eq=False)
class Chain:
    """K caches above a model, and the gate with the weights of the model and the caches.

    Parameters
    ----------
    caches : tuple of Cache
        The caches, from the lowest to the highest.
    gate : Gate
        The gate over the evidence of the caches.
    carried : bool
        Whether the past is carried from document to document.
    """

    caches: tuple[Cache, ...]
    gate: Gate
    carried: bool

    def past(self, text: Encoded) -> Past:
        """Return the past of each position of a text."""
        return Past(text, max(cache.order for cache in self.caches), carried=self.carried)

    def score(self, past: Past, probabilities: FloatArray) -> FloatArray:
        """(N,) the probability of each token, from its probability by the model, (N,)."""
        factors = self.factors(past, np.arange(len(past.words)))
        counts = np.stack([past.counts(cache) for cache in self.caches])
        scored: FloatArray = factors[0] * probabilities + (factors[1:] * counts).sum(0)
        return scored

    def add(self, past: Past, at: IntArray, rows: FloatArray) -> None:
        """Add the caches to the model's distributions at B positions, (B, V) probabilities, in place."""
        orders = np.array([cache.order for cache in self.caches])
        decays = np.array([cache.decay for cache in self.caches])
        rising, factors = np.argsort(at, kind="stable"), self.factors(past, at)
        _add(past.words, past.begins, past.previous, orders, decays, at, rising, factors, rows)

    def factors(self, past: Past, at: IntArray) -> FloatArray:
        """(K + 1, B) the factors of the model's probabilities and of each cache's counts at B positions."""
        masses = masses_of(self.caches, past, at)
        factors = self.gate.shares(np.log1p(masses))
        for k in range(len(self.caches), 0, -1):  # each level passes on a part of its weight to the level below
            factors[k] /= masses[k - 1] + STRENGTH
            factors[k - 1] += STRENGTH * factors[k]
        return factors


def masses_of(caches: Sequence[Cache], past: Past, at: IntArray) -> FloatArray:
    """(K, B) the sum of the counts of each cache at B positions."""
    return np.stack([past.masses(cache, at) for cache in caches])


def levels(caches: Sequence[Cache], past: Past, probabilities: FloatArray) -> tuple[Float32Array, Float32Array]:
    """Return the probabilities P_0 … P_K of each token, (K + 1, N), and the evidence ln(1 + C_k), (K, N)."""
    masses = masses_of(caches, past, np.arange(len(past.words)))
    found = [probabilities]
    for cache, mass in zip(caches, masses, strict=True):
        found.append((past.counts(cache) + STRENGTH * found[-1]) / (mass + STRENGTH))
    return np.stack(found).astype(np.float32), np.log1p(masses).astype(np.float32)


def fit(caches: Sequence[Cache], text: Encoded, log_probs: FloatArray, *, carried: bool, seed: int) -> Chain:
    """Return the chain whose weights maximise the likelihood of a held-out text.

    Parameters
    ----------
    caches : sequence of Cache
        The caches, from the lowest to the highest.
    text : Encoded
        The held-out text of N tokens. If it is empty, the model has the weight 0.9 and the caches share the rest.
    log_probs : FloatArray of shape (N,)
        The model's scores of the text in nats.
    carried : bool
        Whether the past is carried from document to document.
    seed : int
        The seed for the order of the tokens.
    """
    caches = tuple(caches)
    if not len(text):
        even = gates.even(len(caches) + 1, len(caches))
        even.bias[0] = np.log(TRUST / (1 - TRUST) * len(caches))
        return Chain(caches, even, carried)
    past = Past(text, max(cache.order for cache in caches), carried=carried)
    found, evidence = (x[:, :HELD_OUT] for x in levels(caches, past, np.exp(log_probs)))
    nothing = np.zeros((1, found.shape[1]), np.float32)
    _, gate = gates.fit([[Seen(level[None], nothing)] for level in found], evidence, seed)
    return Chain(caches, gate, carried)


@compiled
def _decayed(previous: IntArray, decay: float) -> FloatArray:
    """(N,) the decayed count, at each position, of the n-gram that ends there, including this occurrence.

    ``previous``, (N,), has the last earlier position at which the same n-gram ends, or -1.
    """
    sums = np.ones(len(previous))
    for at in range(len(previous)):
        last = previous[at]
        if last >= 0:
            sums[at] += sums[last] * decay ** (at - last)
    return sums


@compiled
def _add(
    words: IntArray,
    begins: IntArray,
    previous: IntArray,
    orders: IntArray,
    decays: FloatArray,
    at: IntArray,
    order: IntArray,
    factors: FloatArray,
    rows: FloatArray,
) -> None:
    """Multiply the rows, (B, V), by ``factors[0]``, and add the counts of each cache times its factor, in place.

    ``words``, ``begins`` and ``previous`` are those of ``Past``; ``orders`` and ``decays``, (K,), those of the
    caches. ``at`` has B positions, ``order`` the rows in ascending order of position, and ``factors`` has shape (K +
    1, B).
    """
    types = rows.shape[1]
    counts = np.zeros((len(orders), types))  # counts of single words at the position ``now``, divided by ``scales``
    scales = np.ones(len(orders))
    begin = now = -1
    for b in order:
        position = at[b]
        if begins[position] != begin:
            begin = now = begins[position]
            counts[:] = 0.0
            scales[:] = 1.0
        for k in range(len(orders)):
            if orders[k] == 1:
                for passed in range(now, position):
                    scales[k] *= decays[k]
                    if scales[k] < SMALL:
                        counts[k] *= scales[k]
                        scales[k] = 1.0
                    counts[k, words[passed]] += 1.0 / scales[k]
        now = position
        row = rows[b]
        row *= factors[0, b]
        for k in range(len(orders)):
            factor = factors[k + 1, b]
            if orders[k] == 1:
                factor *= scales[k]
                for word in range(types):
                    row[word] += factor * counts[k, word]
            elif position > begin:
                passed = previous[orders[k] - 2, position - 1]
                farthest = GONE * np.log(0.5) / np.log(decays[k])
                while passed >= 0 and position - passed < farthest:
                    row[words[passed + 1]] += factor * decays[k] ** (position - 2 - passed)
                    passed = previous[orders[k] - 2, passed]
