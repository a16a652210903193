"""A datastore: the vectors of training contexts with the words that followed, and the search for the nearest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from lmcompare.errors import PluginError
from lmcompare.model import LanguageModel
from lmcompare.state import check_range, taken, whole
from lmcompare.tokens import Encoded, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

PART = 2**17  # tokens whose vectors are in memory together
LARGEST = float(np.finfo(np.float16).max)
QUERIES = 2**12  # contexts whose neighbours are searched for together
TEMPERATURES = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0)  # multiples of ``span``
ROUNDS = 50  # rounds of expectation and maximisation
UNTUNED = 0.1  # the weight without validation text


class Contexts(NamedTuple):
    """The contexts before Q positions, as vectors of a model.

    ``vectors``: (Q, d), in float32: if they were rounded further, a context that is read in other pieces could get
    another vector. ``there``: (Q,) whether a token precedes the position in its document.
    """

    vectors: FloatArray
    there: BoolArray

    @classmethod
    def before(cls, model: LanguageModel, text: Encoded, at: IntArray) -> Self:
        """Return the contexts before positions of a text."""
        there = text.context_starts(at) < at
        found = model.context_vectors(text, at[there] - 1)
        if found is None:
            raise PluginError(f"{type(model).__name__} has no vectors of contexts: choose a network as the base")
        vectors = np.zeros((len(at), found.shape[1]), np.float32)
        vectors[there] = found
        return cls(vectors, there)

    def at(self, rows: IntArray) -> Self:
        """Return the contexts in some rows."""
        return type(self)(self.vectors[rows], self.there[rows])


class Found(NamedTuple):
    """The K nearest training contexts of each of Q contexts.

    ``which``: (Q, K) their places in the datastore, the nearest first. ``distances``: (Q, K) their squared distances
    minus that of the nearest context that is not among them: 0 or below, and 0 for a position that no token precedes.
    """

    which: IntArray
    distances: FloatArray


@dataclass(frozen=True, eq=False)
class Datastore:
    """The contexts of a training text, as a model represents them.

    Parameters
    ----------
    vectors : ndarray of shape (N, d)
        float16, one for each context.
    places : ndarray of shape (N,)
        Where in ``words`` the word stands that followed each context.
    words : ndarray
        The ids of the training text.
    """

    vectors: FloatArray
    places: IntArray
    words: IntArray

    @classmethod
    def of(cls, model: LanguageModel, text: Encoded, most: int, seed: int) -> Self:
        """Return the datastore of a text; if it has more than ``most`` contexts, of ``most`` drawn at random."""
        places = np.flatnonzero(text.context_starts(np.arange(len(text))) < np.arange(len(text)))
        if len(places) > most:
            places = np.sort(np.random.default_rng(seed).choice(places, most, replace=False))
        vectors, begin = [], 0
        for part in text.parts(PART):
            own = places[(places >= begin) & (places < begin + len(part))] - begin
            vectors.append(Contexts.before(model, part, own).vectors.astype(np.float16))
            begin += len(part)
        return cls(np.concatenate(vectors), places, text.ids.astype(np.int32))

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def following(self) -> IntArray:
        """(N,) the word that followed each context."""
        return self.words[self.places]

    @cached_property
    def _search(self) -> NearestNeighbors:
        return NearestNeighbors(algorithm="brute").fit(self.vectors.astype(np.float32))

    def nearest(self, contexts: Contexts, most: int) -> Found:
        """Return the ``most`` nearest of each of Q contexts; fewer, if the datastore has no more than ``most``."""
        shape = len(contexts.vectors), max(0, min(most, len(self) - 1))
        found = Found(np.zeros(shape, np.int64), np.zeros(shape))
        some = np.flatnonzero(contexts.there) if shape[1] else np.zeros(0, np.int64)
        for first in range(0, len(some), QUERIES):
            rows = some[first : first + QUERIES]
            roots, which = self._search.kneighbors(contexts.vectors[rows], shape[1] + 1)
            squares = roots.astype(np.float64) ** 2
            found.which[rows] = which[:, :-1]
            found.distances[rows] = squares[:, :-1] - squares[:, -1:]
        return found

    def arrays(self) -> dict[str, Any]:
        """Return the datastore as named arrays."""
        return {"vectors": self.vectors, "places": self.places, "words": self.words}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Return the datastore with these stored arrays. Raises ``DamagedStateError`` for other arrays."""
        words = whole(arrays, "words", (None,), 2**31)
        places = whole(arrays, "places", (None,), len(words))
        vectors = taken(arrays, "vectors", (np.float16,), (len(places), None))
        check_range("vectors", vectors, -LARGEST, LARGEST)
        return cls(vectors, places, words)


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
