"""What a text's own past says of the next word: counts of n-grams that fade, and how they enter a model's guess.

A *cache* of order n counts, at each position, which words have followed the last n - 1 words so far; a count fades to
half within ``half_life`` tokens (Kuhn and De Mori, *A cache-based natural language model for speech recognition*,
1990; with contexts Jelinek, Merialdo, Roukos and Strauss 1991). The caches lie in a chain above a model P_0, each
smoothed by the one below it,

    P_k(w) = (c_k(w) + γ P_{k-1}(w)) / (C_k + γ),   C_k = Σ_w c_k(w),   γ = ``STRENGTH``,

and the guess is Σ_k λ_k P_k with weights λ that depend on how much each cache has seen, ln(1 + C_k). All P_k sum to
one if P_0 does, so the guess does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.model import FloatArray
from lmcompare.models.common import gates
from lmcompare.models.common.gates import Float32Array, Gate, Seen
from lmcompare.tokens import Encoded, IntArray

STRENGTH = 1.0  # γ: as many counts as the model below a cache is worth; 0.3 to 3 differ by less than 0.5 % on valid
HELD_OUT = 2**18  # tokens of valid that the weights are fitted on, at most
TRUST = 0.9  # the weight of the model where there is no valid text to fit it on


@dataclass(frozen=True)
class Cache:
    """Remembers which words followed the last ``order`` - 1; what lies ``half_life`` tokens back counts half."""

    order: int
    half_life: float

    @property
    def decay(self) -> float:
        """What a count is multiplied with at each token."""
        return float(0.5 ** (1 / self.half_life))


class Past:
    """What there is to remember at each position of a text: what stands before it in its document, or, ``carried``,
    anywhere before it. Position N is the one after the text's end.

    ``words``: (N,); ``begins``: (N + 1,) where the memory of each position begins; ``previous``: (``longest``, N), in
    row k - 1 the last position before within that memory where the same k words end, or -1.
    """

    def __init__(self, text: Encoded, longest: int, *, carried: bool) -> None:
        self.words = text.ids
        size, types = len(text), len(text.vocabulary)
        at = np.arange(size + 1)
        self.begins = np.zeros(size + 1, np.int64) if carried else text.context_starts(at)
        self.previous: IntArray = np.empty((longest, size), np.int64)
        ending = np.searchsorted(np.unique(self.begins), self.begins[:size])  # what ends here, numbered: nothing yet
        for length in range(1, longest + 1):
            if length > 1:
                ending = np.append(0, ending[:-1])[:size]
            _, ending = np.unique(ending * types + self.words, return_inverse=True)
            whole = np.flatnonzero(at[:size] - self.begins[:size] >= length - 1)
            self.previous[length - 1] = _latest(ending, whole)
        self._sums: dict[tuple[int, float], FloatArray] = {}

    def counts(self, cache: Cache) -> FloatArray:
        """(N,) the count that the cache has, at each position, for the token that stands there."""
        return self._faded(cache.order, cache.decay, self.previous[cache.order - 1], np.arange(len(self.words)) - 1)

    def masses(self, cache: Cache, at: IntArray) -> FloatArray:
        """(B,) the sum of all counts that the cache has at each of B positions."""
        if cache.order == 1:
            seen: FloatArray = np.expm1((at - self.begins[at]) * np.log(cache.decay)) / (cache.decay - 1)
            return seen
        last = np.full(len(at), -1)
        inside = at > self.begins[at]
        last[inside] = self.previous[cache.order - 2][at[inside] - 1]
        return self._faded(cache.order - 1, cache.decay, last, at - 2)

    def _faded(self, length: int, decay: float, last: IntArray, now: IntArray) -> FloatArray:
        """(B,) the count of the ``length`` words that end at ``last``, as it has faded by ``now``; 0 for -1."""
        from lmcompare.models.cache import estimator_compiled as caches_compiled

        key = length, decay
        if key not in self._sums:
            self._sums[key] = caches_compiled.faded(self.previous[length - 1], decay)
        found = np.zeros(len(last))
        some = last >= 0
        found[some] = self._sums[key][last[some]] * decay ** (now[some] - last[some])
        return found


def _latest(kinds: IntArray, at: IntArray) -> IntArray:
    """(N,) the last position before each of ``at`` that has the same kind and is one of them, or -1."""
    order = at[np.argsort(kinds[at], kind="stable")]
    found = np.full(len(kinds), -1, np.int64)
    same = kinds[order[1:]] == kinds[order[:-1]]
    found[order[1:][same]] = order[:-1][same]
    return found


@dataclass(frozen=True, eq=False)
class Chain:
    """K caches above a model, from the lowest to the highest, and the gate that weighs model and caches.

    ``carried``: what they remember is carried from document to document.
    """

    caches: tuple[Cache, ...]
    gate: Gate
    carried: bool

    def past(self, text: Encoded) -> Past:
        """Return what there is to remember at each position of a text."""
        return Past(text, max(cache.order for cache in self.caches), carried=self.carried)

    def score(self, past: Past, probabilities: FloatArray) -> FloatArray:
        """(N,) the probability of each token, from that which the model below gives it."""
        factors = self.factors(past, np.arange(len(past.words)))
        counts = np.stack([past.counts(cache) for cache in self.caches])
        scored: FloatArray = factors[0] * probabilities + (factors[1:] * counts).sum(0)
        return scored

    def add(self, past: Past, at: IntArray, rows: FloatArray) -> None:
        """Turn the model's distributions at B positions, (B, V) probabilities, into those of all, in place."""
        from lmcompare.models.cache import estimator_compiled as caches_compiled

        caches_compiled.add(
            past.words,
            past.begins,
            past.previous,
            np.array([cache.order for cache in self.caches]),
            np.array([cache.decay for cache in self.caches]),
            at,
            np.argsort(at, kind="stable"),
            self.factors(past, at),
            rows,
        )

    def factors(self, past: Past, at: IntArray) -> FloatArray:
        """(K + 1, B): what the model's probabilities and each cache's counts are multiplied with at B positions."""
        masses = masses_of(self.caches, past, at)
        factors = self.gate.shares(np.log1p(masses))
        for k in range(len(self.caches), 0, -1):  # what a level leaves to the one below it
            factors[k] /= masses[k - 1] + STRENGTH
            factors[k - 1] += STRENGTH * factors[k]
        return factors


def masses_of(caches: Sequence[Cache], past: Past, at: IntArray) -> FloatArray:
    """(K, B) the sum of the counts of each cache at B positions."""
    return np.stack([past.masses(cache, at) for cache in caches])


def levels(caches: Sequence[Cache], past: Past, probabilities: FloatArray) -> tuple[Float32Array, Float32Array]:
    """(K + 1, N): P_0, given, to P_K of each token; and (K, N) the evidence, ln(1 + C_k)."""
    masses = masses_of(caches, past, np.arange(len(past.words)))
    found = [probabilities]
    for cache, mass in zip(caches, masses, strict=True):
        found.append((past.counts(cache) + STRENGTH * found[-1]) / (mass + STRENGTH))
    return np.stack(found).astype(np.float32), np.log1p(masses).astype(np.float32)


def fit(caches: Sequence[Cache], text: Encoded, log_probs: FloatArray, *, carried: bool, seed: int) -> Chain:
    """Return the chain whose weights suit a held-out text best; without a text the caches share a tenth of them.

    ``log_probs``: (N,) nats, the model's own scores of the text.
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
