"""From neighbours to probabilities, and the weights that are chosen on the validation text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.models.retrieval.datastore import Found
from lmcompare.tokens import FloatArray, IntArray

TEMPERATURES = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0)  # multiples of ``span``
ROUNDS = 50  # rounds of expectation and maximisation
UNTUNED = 0.1  # the weight without validation text


@dataclass(frozen=True)
class Mixing:
    """How the words of the neighbours are weighed.

    Parameters
    ----------
    temperature : float
        The number that squared distances are divided by.
    weight : float
        λ, the weight of the neighbours' words together.
    perplexities : tuple of float
        The perplexities on the validation text of the base, and with the neighbours; empty without validation text.
    """

    temperature: float = 1.0
    weight: float = UNTUNED
    perplexities: tuple[float, ...] = ()

    def shares(self, found: Found) -> FloatArray:
        """(Q, K) the share of each neighbour; a row sums to 1, or to 0 where none is nearer than the border.

        The border is the distance of the nearest context that was not found. A neighbour at the border has the share
        0, so that rounding, which decides between equal distances, does not change a probability.
        """
        near = np.exp(np.clip(-found.distances / self.temperature, 0, 700)) - 1  # (Q, K)
        sums = near.sum(1, keepdims=True)
        shares: FloatArray = np.divide(near, sums, out=np.zeros_like(near), where=sums > 0)
        return shares

    def weights(self, found: Found) -> FloatArray:
        """(Q, K) λ times the share of each neighbour."""
        return self.weight * self.shares(found)


def tuned(found: Found, right: IntArray, base: FloatArray) -> Mixing:
    """Return the temperature and the weight with the greatest likelihood of Q tokens.

    Parameters
    ----------
    found : Found
        The neighbours of the contexts of the tokens.
    right : ndarray of shape (Q, K)
        Whether the word of each neighbour is the token.
    base : ndarray of shape (Q,)
        The base's log-probabilities of the tokens, in nats.
    """
    if not (whole := span(found)):
        return Mixing()
    own = np.exp(base)
    best = Mixing(weight=0.0, perplexities=(_perplexity(own), _perplexity(own)))
    for share in TEMPERATURES:
        trial = Mixing(share * whole)
        shares = trial.shares(found)
        retrieved, some = (shares * right).sum(1), shares.sum(1)
        weight = _weight(own, retrieved, some)
        mixed = (1 - weight * some) * own + weight * retrieved
        if _perplexity(mixed) < best.perplexities[1]:
            best = Mixing(trial.temperature, weight, (best.perplexities[0], _perplexity(mixed)))
    return best


def span(found: Found) -> float:
    """Return the median difference between the border and the nearest neighbour; 0 if there are no neighbours."""
    spans = -found.distances[:, :1]
    return float(np.median(spans[spans > 0])) if (spans > 0).any() else 0.0


def _weight(own: FloatArray, retrieved: FloatArray, some: FloatArray) -> float:
    """Return λ by expectation and maximisation over the tokens that have neighbours."""
    own, retrieved = own[some > 0], retrieved[some > 0]
    weight = UNTUNED
    for _ in range(ROUNDS):
        mixed = (1 - weight) * own + weight * retrieved
        weight = float(np.mean(np.divide(weight * retrieved, mixed, out=np.zeros_like(mixed), where=mixed > 0)))
    return weight


def _perplexity(probabilities: FloatArray) -> float:
    with np.errstate(divide="ignore", over="ignore"):
        return float(np.exp(-np.log(probabilities).mean()))
