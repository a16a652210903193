"""What do single weights and single neurons hold? Few bits per weight, sets of words, and the order of two words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, Neighbours
from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import Condition, Figures, Findings, LabExperiment, Row
from lmcompare.lab.contrasts import Measured, contrasts
from lmcompare.lab.experiments.ideas import BASE
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.lab.neurons.few_bits import TRAINED, few_bits
from lmcompare.lab.neurons.readable_units import (
    KINDS,
    SAYINGS,
    Firing,
    Set,
    Units,
    favoured,
    firing,
    most_alike,
    read_set,
    unit_length,
)
from lmcompare.lab.neurons.two_words import PROBED, two_words
from lmcompare.lab.neurons.word_sets import SetNetwork
from lmcompare.lab.sample import Sample
from lmcompare.lab.wording import below
from lmcompare.render import numbers
from lmcompare.runfolder.parquet import Array

REAL = Condition("sets with real weights", "lmcompare.lab.neurons.word_sets:WordSets", {"ternary": False})
SETS = Condition("sets of words", "lmcompare.lab.neurons.word_sets:WordSets", reference=REAL)
BAG = FAMILIES["word2vec bag"]
FREQUENT, LEAST, SHOWN, WORDS = 500, 6, 10, 14  # frequent words, words of a set (at least), shown sets, shown words
SMALL = 0.05  # bits per byte of the prediction


def readable_units(bench: Bench) -> Findings:
    """Return the sets of words of the units, what they do on the test text, and what it costs to have them."""
    whole = bench.whole
    (cost,) = bench.rows(bench.bits(REAL), {"Weights -1, 0 and 1": bench.bits(SETS)}).values()
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
        f"Neurons with readable sets of words cost less than {SMALL} bits per byte.": below(cost, SMALL),
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
    (share,) = contrasts(Measured.of(np.zeros((1, len(sizes)))), {name: fired}, sizes).values()
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


class Neurons(LabExperiment):
    """Weights of few bits, units that are sets of words, and the smallest networks that know an order."""

    title: ClassVar[str] = "What a neuron can hold"
    question: ClassVar[str] = (
        "How few bits does a weight need, what does a neuron say, and which networks can tell an order?"
    )
    prediction: ClassVar[str] = (
        "Rounded after training, 8 and 4 bits per weight cost less than 0.01 bits per byte each, and 2 bits more than"
        " 0.1; trained with the rounding, 1.58 bits cost less than 0.05. Neurons whose sets of words can be read cost"
        " less than 0.05 bits per byte, and most of them fire on any word of their set. From the states of the"
        " transformer and the RNN a linear probe tells which of two words came first in more than 80 % of the cases,"
        " and from those of the transformer without positions less often; from a bag in 50 %."
    )
    measuring: ClassVar[float] = 0.2

    def conditions(self) -> Sequence[Condition]:
        """Return the transformer, that of 1.58 bits, sets of words with ternary and real weights, RNN and bag."""
        return (BASE, TRAINED, SETS, REAL, *(each for each in PROBED.values() if each is not BASE))

    def measure(self, bench: Bench) -> Findings:
        """Round the transformer, read the sets of words, and probe for the order of two words."""
        parts = [part(bench) for part in bench.each((few_bits, readable_units, two_words))]
        return Findings(
            verdict=" ".join(part.verdict for part in parts),
            claims={claim: held for part in parts for claim, held in part.claims.items()},
            tables=tuple(table for part in parts for table in part.tables),
            exhibits=tuple(exhibit for part in parts for exhibit in part.exhibits),
        )
