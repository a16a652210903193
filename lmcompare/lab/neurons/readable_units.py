"""Reads the units of a ``SetNetwork``: their sets, what they need to fire, and what they do on a real text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lmcompare.lab.neurons.word_sets import SetNetwork
from lmcompare.runfolder.parquet import Array
from lmcompare.tokens import Encoded, IntArray

KINDS = ("none", "any", "some", "all", "never")
SAYINGS = {
    "none": "θ < 0: fires unless words of the anti-set prevent it.",
    "any": "0 ≤ θ < 1: one word of the set is enough, if none of the anti-set is there.",
    "some": "Several words of the set are needed, but not all of the window.",
    "all": "All words of the window must be of the set.",
    "never": "More words are needed than the window has.",
}
BLOCK = 2_048  # positions whose activations are in memory at a time


@dataclass(frozen=True)
class Units:
    """The H units of a trained network.

    Parameters
    ----------
    values : array of int8, shape (V + 1, H)
        1 for a word of a unit's set, -1 for one of its anti-set, else 0. The last row is the document's beginning.
    thresholds : array of float, shape (H,)
        θ: the unit fires if n - m > θ, where n and m count the words of set and anti-set in the window.
    window : int
        k, the words of the window.
    """

    values: Array
    thresholds: Array
    window: int

    @classmethod
    def of(cls, network: SetNetwork) -> Units:
        """Read the units of a network with ternary weights."""
        with torch.no_grad():
            values = network.first().cpu().numpy().astype(np.int8)
        return cls(values, network.threshold.detach().cpu().numpy().astype(np.float64), network.window)

    def kinds(self) -> Array:
        """Return (H,): the index in ``KINDS`` of what each unit needs, by its threshold.

        It needs a net count n - m of ⌊θ⌋ + 1: none below 1; any 1; some between 1 and k; all k; never more than k.
        """
        needed = np.floor(self.thresholds).astype(np.int64) + 1
        several = np.where(needed < self.window, KINDS.index("some"), KINDS.index("all"))
        several = np.where(needed > self.window, KINDS.index("never"), several)
        found: Array = np.where(needed < 1, KINDS.index("none"), np.where(needed == 1, KINDS.index("any"), several))
        return found

    def counts(self, text: Encoded, at: IntArray) -> tuple[Array, Array]:
        """Return (n, H) and (n, H): the words of the set and of the anti-set in the windows before some positions."""
        beginning = len(self.values) - 1
        starts = text.context_starts(at)
        members = np.zeros((len(at), self.values.shape[1]), np.int16)
        against = np.zeros_like(members)
        for back in range(1, self.window + 1):
            place = at - back
            word = np.where(place >= starts, text.ids[np.maximum(place, 0)], beginning)
            there = (place >= starts - 1)[:, None]
            members += (self.values[word] == 1) & there
            against += (self.values[word] == -1) & there
        return members, against


@dataclass(frozen=True)
class Firing:
    """What units did at N positions of a text, by the kinds of ``KINDS`` and the words of their set in the window.

    Parameters
    ----------
    asked, fired : array of shape (N, kinds)
        How many units with a word of their set in the window each position has, and how many of them fired.
    cases, hits : array of shape (kinds, window + 1)
        By the number of words of its set in the window, how often there was a unit, and how often it fired.
    exceptions : int
        How often a unit did not do what follows from its set, its anti-set and its threshold.
    """

    asked: Array
    fired: Array
    cases: Array
    hits: Array
    exceptions: int


@torch.inference_mode()
def firing(network: SetNetwork, text: Encoded) -> Firing:
    """Return what the units of a network do on a text; the network's activations are compared with those that follow
    from its sets.
    """
    units, types = Units.of(network), len(KINDS)
    kinds = np.eye(types)[units.kinds()]  # (H, kinds)
    asked, fired = np.zeros((len(text), types)), np.zeros((len(text), types))
    cases, hits = np.zeros((types, units.window + 1)), np.zeros((types, units.window + 1))
    exceptions = 0
    for first in range(0, len(text), BLOCK):
        at = np.arange(first, min(first + BLOCK, len(text)))
        members, against = units.counts(text, at)
        on = activations(network, text, at)
        exceptions += int((on != (members - against > units.thresholds)).sum())
        asked[at], fired[at] = (members > 0) @ kinds, ((members > 0) & on) @ kinds
        for n in range(units.window + 1):
            cases[:, n] += ((members == n) @ kinds).sum(axis=0)
            hits[:, n] += (((members == n) & on) @ kinds).sum(axis=0)
    return Firing(asked, fired, cases, hits, exceptions)


@torch.inference_mode()
def activations(network: SetNetwork, text: Encoded, at: IntArray) -> Array:
    """Return (n, H) bool: which units fire before some positions, as the network itself computes it."""
    starts = text.context_starts(at)
    # the window before each position, the last word at its end
    places = at[:, None] - np.arange(network.window, 0, -1)
    words = np.where(places >= starts[:, None], text.ids[np.maximum(places, 0)], network.head.types)
    words = np.where(places >= starts[:, None] - 1, words + 1, 0)
    inputs = torch.from_numpy(words.astype(np.int64))
    features, _ = network(inputs[:, -1:] - 1, {"words": inputs[:, :-1]})
    found: Array = features[:, 0].numpy() > 0
    return found


@dataclass(frozen=True)
class Set:
    """The words of a unit's set, or of its anti-set, that are frequent enough to be read.

    Parameters
    ----------
    unit : int
    words : array of int
        The nearest to the mean of the others first.
    similarities : array of float
        The cosine of each with the mean of all.
    total : int
        All words of the set.
    """

    unit: int
    words: IntArray
    similarities: Array
    total: int

    @property
    def alike(self) -> float:
        """How much its words are alike: their mean cosine with their mean."""
        return float(self.similarities.mean()) if len(self.similarities) else 0.0


def read_set(units: Units, unit: int, sign: int, vectors: Array, frequent: Array) -> Set:
    """Return the set (``sign`` 1) or the anti-set (-1) of a unit.

    Parameters
    ----------
    vectors : array of shape (V, d)
        Word vectors of length 1 of another model, by which words are ordered.
    frequent : bool array of shape (V,)
        Which words are shown.
    """
    inside = units.values[: len(frequent), unit] == sign
    words = np.flatnonzero(inside & frequent)
    mean = vectors[words].sum(axis=0)
    similarities = vectors[words] @ mean / (np.linalg.norm(mean) + 1e-12)
    order = np.argsort(-similarities, kind="stable")
    return Set(unit, words[order], similarities[order], int(inside.sum()))


def most_alike(sets: Sequence[Set], most: int, least: int) -> list[Set]:
    """Return the sets of at least ``least`` words that are most alike, at most ``most``, the most alike first."""
    return sorted((each for each in sets if len(each.words) >= least), key=lambda each: -each.alike)[:most]


def favoured(unit: int, softmax: Array, frequent: Array, most: int) -> Set:
    """Return the words that become more likely when a unit fires, at most ``most``.

    Parameters
    ----------
    softmax : array of shape (V, H)
        The vectors of the softmax, of length 1; entry j is the cosine with the direction of unit j.
    frequent : bool array of shape (V,)
        Which words are shown.
    """
    words = np.flatnonzero(frequent)
    order = words[np.argsort(-softmax[words, unit], kind="stable")][:most]
    return Set(unit, order, softmax[order, unit], len(order))


def unit_length(vectors: Array) -> Array:
    """Return vectors (n, d) with the length 1; those of length 0 stay."""
    made: Array = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12)
    return made
