"""Units that can be read: their sets of words, what they do on a real text, and what it costs to have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lmcompare.exhibits import Exhibit, Heatmap, Neighbours
from lmcompare.lab import Condition, Figures, Findings, Row
from lmcompare.lab.bench import Bench, Sample
from lmcompare.lab.contrasts import contrasts
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.lab.quantisation import SetNetwork
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.tokens import Encoded, IntArray

REAL = Condition("sets with real weights", "lmcompare.lab.quantisation:WordSets", {"ternary": False})
SETS = Condition("sets of words", "lmcompare.lab.quantisation:WordSets", reference=REAL)
BAG = FAMILIES["word2vec bag"]
FREQUENT, LEAST, SHOWN, WORDS = 500, 6, 10, 14  # frequent words, words of a set (at least), shown sets, shown words
SMALL = 0.05  # bits per byte of the prediction


def readable_units(bench: Bench) -> Findings:
    """Return the sets of words of the units, what they do on the test text, and what it costs to have them."""
    whole = bench.whole
    (cost,) = bench.rows(REAL, {"Weights -1, 0 and 1": SETS}).values()
    networks = [network for _, network in bench.networks(SETS) if isinstance(network, SetNetwork)]
    found = [firing(network, bench.corpus.test) for network in bench.each(networks)]
    kinds = np.mean([np.bincount(Units.of(each).kinds(), minlength=len(KINDS)) for each in networks], axis=0)
    readable = Figures(
        title="What it costs that units can be read",
        rows=(cost,),
        unit="bits per byte",
        note=(
            f"A bag of the last {networks[0].window} words, {len(networks[0].threshold)} units that fire or do not,"
            " and a softmax over those that fire. The baseline is the same network with real weights from words to"
            " units."
        ),
        row_name="From words to units",
        figure_name="bits per byte in all",
    )
    table = Figures(
        title="How often a unit fires with a word of its set in the window",
        rows=tuple(
            _kind_row(whole, found, kind, units) for kind, units in zip(KINDS, kinds, strict=True) if round(units)
        ),
        unit="share",
        note=(
            "A unit has a set of words (+1), an anti-set (-1) and a threshold θ. With n words of the set and m of the"
            f" anti-set among the last k = {networks[0].window} words it fires if n - m > θ. Counted in all of the"
            f" test text: {sum(each.exceptions for each in found):,} exceptions to this rule in"
            f" {len(bench.corpus.test) * len(networks[0].threshold) * len(networks):,} cases. Before training, the"
            " thresholds are drawn evenly from 0 to k."
        ),
        differences=False,
        row_name="Words of its set that it needs",
    )
    amount = f"{numbers.bits_per_byte(abs(cost.amount))} bits per byte {'more' if cost.amount > 0 else 'less'}"
    costs = (
        f"A network whose units are sets of words needs {amount} than the same with real weights."
        if cost.found
        else "No cost was found of units that are sets of words."
    )
    few, several, whole_window = (f"{kinds[KINDS.index(kind)]:.0f}" for kind in ("any", "some", "all"))
    verdict = (
        f"{costs} A unit fires on words of its set, unless words of its anti-set outweigh them: of"
        f" {kinds.sum():.0f} units, {few} need any word of their set, {several} several, and {whole_window} all words"
        " of the window."
    )
    exhibits = (*_shown_sets(bench, networks[0]), _by_members(found, kinds))
    claims = {
        f"Neurons with readable sets of words cost less than {SMALL} bits per byte.": cost.below(SMALL),
        "Most of them fire on any word of their set.": bool(kinds[KINDS.index("any")] > kinds.sum() / 2),
    }
    return Findings(verdict, claims, (readable, table), exhibits)


def _kind_row(whole: Sample, found: Sequence[Firing], kind: str, units: float) -> Row:
    """Return how often the units of a kind fire with a word of their set in the window."""
    at, name = KINDS.index(kind), f"{kind}, {units:.0f} units"
    sizes = np.mean([whole.amounts([each.asked[:, at]]).units for each in found], axis=0)
    if not sizes.sum():
        return Row(name, SAYINGS[kind], remark="No word of their sets is in the test text.")
    fired = whole.amounts([each.fired[:, at] for each in found])
    (share,) = contrasts(None, {name: fired}, sizes).values()
    return replace(share, saying=SAYINGS[kind], p_holm=None, figure=None)


def _by_members(found: Sequence[Firing], kinds: Array) -> Heatmap:
    """Return how often units of each kind that there is fire, by the words of their set in the window."""
    cases, hits = (sum(getattr(each, name) for each in found) for name in ("cases", "hits"))
    there = [kind for kind, units in enumerate(kinds) if round(units)]
    return Heatmap(
        title="Share of cases in which a unit fires, by the words of its set in the window",
        note="A unit that has enough words of its set does not fire if words of its anti-set outweigh them.",
        rows=tuple(KINDS[kind] for kind in there),
        columns=tuple(f"{n} of {cases.shape[1] - 1}" for n in range(cases.shape[1])),
        panels=("share",),
        values=(
            tuple(
                tuple(float(h / c) if c else None for h, c in zip(hits[kind], cases[kind], strict=True))
                for kind in there
            ),
        ),
        row_axis="needs",
        column_axis="words of its set in the window",
    )


def _shown_sets(bench: Bench, network: SetNetwork) -> list[Exhibit]:
    """Return exhibits of the sets whose words are most alike by another model's vectors, those of the bag."""
    units, vocabulary = Units.of(network), bench.corpus.vocabulary
    vectors = np.asarray(bench.model(BAG).word_vectors(), np.float64)
    vectors = unit_length(vectors - np.average(vectors, axis=0, weights=vocabulary.counts + 1e-9))
    frequent = np.argsort(np.argsort(-vocabulary.counts, kind="stable")) < FREQUENT
    sets = [read_set(units, unit, 1, vectors, frequent) for unit in range(len(units.thresholds))]
    chosen = most_alike(sets, SHOWN, LEAST)
    against = [read_set(units, each.unit, -1, vectors, frequent) for each in chosen]
    softmax = unit_length(network.head.table[: len(frequent)].detach().cpu().numpy().astype(np.float64))
    foretold = [favoured(each.unit, softmax, frequent, WORDS) for each in chosen]
    kinds = units.kinds()

    def shown(title: str, note: str, sets: Sequence[Set], *, size: bool = True) -> Neighbours:
        return Neighbours(
            title=title,
            note=note,
            words=tuple(
                f"unit {each.unit + 1} (needs {KINDS[kinds[each.unit]]}, θ = {units.thresholds[each.unit]:.2f})"
                + (f", {numbers.plural(each.total, 'word')}" if size else "")
                for each in sets
            ),
            neighbours=tuple(tuple(vocabulary.tokens[i] for i in each.words[:WORDS]) for each in sets),
            similarities=tuple(tuple(map(float, each.similarities[:WORDS])) for each in sets),
        )

    return [
        shown(
            "Sets of words, read from the weights",
            "The units whose sets have the words that are most alike, by the vectors of the word2vec bag. Of the"
            f" {FREQUENT} most frequent words of the text, those are shown that are most like the mean of their set.",
            chosen,
        ),
        shown("The anti-sets of the same units", "Words that speak against firing.", against),
        shown(
            "What the same units predict",
            "The words whose vectors in the softmax are nearest to the direction of the unit: when it fires, they"
            " become more likely.",
            foretold,
            size=False,
        ),
    ]


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
        return np.asarray(
            np.where(needed < 1, KINDS.index("none"), np.where(needed == 1, KINDS.index("any"), several))
        )

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
    return np.asarray(features[:, 0].numpy() > 0)


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
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-12))
