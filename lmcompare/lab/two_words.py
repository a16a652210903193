"""Which of two words came first: the smallest networks that know it, and whether trained networks do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lmcompare.analysis.contrasts import Contrast, Measured, contrasts
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.lab import order_circuits
from lmcompare.lab.bench import Bench, Share, parts_of, rows_of
from lmcompare.lab.contract import Condition, Figures, Findings, Row
from lmcompare.lab.few_bits import networks_of
from lmcompare.lab.ideas import BASE, NO_POSITIONS
from lmcompare.lab.order import FAMILIES
from lmcompare.lab.order_probes import PLACES, Passages, Told, later_shares, told
from lmcompare.lab.sample import Sample
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.report import numbers
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import Network
from lmcompare.training.seeds import seeded

Array = np.ndarray[Any, Any]

NO_ORDER = "transformer without positions"
PROBED = {
    "transformer": BASE,
    NO_ORDER: NO_POSITIONS,
    "RNN": FAMILIES["RNN"],
    "word2vec bag": FAMILIES["word2vec bag"],
}
PASSAGES, PAIRS = 400, 4  # that are probed
OF_PREVIEW = 150  # passages
HEADS_ON = 100  # passages on which heads are measured
LONGEST = 6  # words of the texts on which networks are checked that are built by hand
TOLD, CHANCE = 0.8, 0.01  # of the prediction: the share that is right, and how near to one half a bag is


def two_words(bench: Bench, share: Share) -> Findings:
    """Return the networks that are built by hand, and what is read from those that are trained."""
    whole = Sample.of(bench.run, bench.corpus, len(bench.corpus.test))
    passages = Passages.of(whole, bench.corpus.vocabulary, PASSAGES if bench.decides else OF_PREVIEW, PAIRS)
    if not len(passages.words) or not passages.pairs:
        raise LmcompareError(
            "the documents of the test text are too short, or the text has too few words of letters, to put pairs of"
            " words into passages: give a longer text"
        )
    sizes = passages.sample.counts
    chance = Measured.of(sizes[None] / 2)
    shares = parts_of(share, len(PROBED))
    trained: dict[str, Contrast] = {}
    unit: dict[str, float] = {}
    everywhere: dict[str, Measured] = {}
    untrained: dict[str, Measured] = {}
    heat: dict[str, list[float]] = {}
    for name, condition in PROBED.items():
        found = [
            [told(network, passages, places) for places in PLACES] for _, network in networks_of(bench, condition)
        ]
        blank = [[told(_untrained(bench, condition), passages, places) for places in PLACES]]
        for i, places in enumerate(PLACES):
            row = f"{name}, {places[0]} and {places[1]} words back"
            probed = passages.sample.amounts([each[i].probe for each in found])
            trained |= contrasts(chance, {row: probed}, sizes)
            unit[row] = float(np.mean([each[i].unit.mean() for each in found]))
        everywhere[name], untrained[name] = (
            passages.sample.amounts([np.mean([each.probe for each in one], axis=0) for one in many])
            for many in (found, blank)
        )
        heat[name], heat[f"{name}, untrained"] = _means(found), _means(blank)
        next(shares)(1.0)
    added = {
        name: test
        for name in PROBED
        if name != "word2vec bag"
        for test in contrasts(untrained[name], {name: everywhere[name]}, sizes).values()
    }
    shown = [f"“{_pair(bench, pair)}”" for pair in passages.pairs]
    table = Figures(
        title="Which of two words came first: what a linear probe reads from a network's state",
        rows=tuple(replace(row, figure=unit[name]) for name, row in rows_of(trained).items()),
        unit="share above one half",
        note=(
            f"{len(passages.words):,} passages of the test text, into which pairs of words ({numbers.listed(shown)})"
            " are put in both orders, so that a bag of words can only guess. The probe is trained on other documents."
            " The last column is the share that the best single number of the state tells: the recurrent unit that is"
            " built by hand needs no more."
        ),
        row_name="Network, and where the words stand",
        figure_name="right by one number",
    )
    adds = Figures(
        title="What training adds to what the same network tells before it was trained",
        rows=tuple(rows_of(added).values()),
        unit="share",
        note="The mean over all places. An untrained network also mixes the words that it reads in an order.",
        row_name="Network",
        figure_name="share right",
    )
    right = {name: each.figure(sizes) for name, each in everywhere.items()}
    verdict = (
        "No function of a bag can tell which of two words came first; one recurrent unit can, and so can one head"
        f" with positions. A probe reads it from the states of trained networks in"
        f" {numbers.listed([f'{numbers.percent(each, 0)} ({name})' for name, each in right.items()])} of the cases."
    )
    held = (
        min(right["transformer"], right["RNN"]) > TOLD
        and right[NO_ORDER] < right["transformer"]
        and abs(right["word2vec bag"] - 0.5) < CHANCE
    )
    exhibits = (*_by_hand(), _probes(heat), *_heads(bench, passages))
    return Findings(verdict, held, (_checked(), table, adds), exhibits)


def _means(found: Sequence[Sequence[Told]]) -> list[float]:
    return [float(np.mean([each[i].probe.mean() for each in found])) for i in range(len(PLACES))]


def _pair(bench: Bench, pair: tuple[int, int]) -> str:
    return " … ".join(bench.corpus.vocabulary.tokens[word] for word in pair)


def _untrained(bench: Bench, condition: Condition) -> Network:
    """Return a network of a condition as it is before training."""
    model = bench.model(condition)
    assert isinstance(model, TorchLanguageModel)
    with seeded(0):
        network = model.network(len(bench.corpus.vocabulary))
    return network.eval()


def _probes(heat: Mapping[str, Sequence[float]]) -> Heatmap:
    return Heatmap(
        title="Share of the cases in which a probe tells which word came first",
        note="One half is chance. Untrained: the same network with its weights as they are drawn before training.",
        rows=tuple(heat),
        columns=tuple(f"{earlier} and {later}" for earlier, later in PLACES),
        panels=("share right",),
        values=(tuple(tuple(row) for row in heat.values()),),
        row_axis="network",
        column_axis="places of the two words, in words back",
    )


def _heads(bench: Bench, passages: Passages) -> list[Exhibit]:
    """Return for each head of the transformers how often it attends more to the later of two words."""
    fewer = replace(passages, words=passages.words[:HEADS_ON])
    panels: dict[str, Array] = {}
    for name in ("transformer", NO_ORDER):
        network = next(iter(networks_of(bench, PROBED[name])))[1]
        assert isinstance(network, TransformerNetwork)
        panels[name] = np.stack([later_shares(network, fewer, places) for places in PLACES], axis=-1)
    layers, heads, _ = next(iter(panels.values())).shape
    return [
        Heatmap(
            title="Heads that go by position: how often the last word attends more to the later of two words",
            note=(
                "As the hand-built head, a head near 0 or 1 prefers one of the places, whichever word stands there."
                " One half is a head that goes by the words alone. Without positions, the heads of the first layer"
                " can't do otherwise."
            ),
            rows=tuple(f"layer {layer + 1}, head {head + 1}" for layer in range(layers) for head in range(heads)),
            columns=tuple(f"{earlier} and {later}" for earlier, later in PLACES),
            panels=tuple(panels),
            values=tuple(
                tuple(tuple(map(float, row)) for row in each.reshape(layers * heads, -1)) for each in panels.values()
            ),
            row_axis="head",
            column_axis="places of the two words, in words back",
        )
    ]


def _checked() -> Figures:
    """Return for how many of all short texts the networks are right that are built by hand, and a deep bag."""
    unit, head = order_circuits.RecurrentUnit(), order_circuits.AttentionHead()
    blind = replace(head, key=0.0)
    rows = [
        Row(name, saying, value=right / every)
        for name, saying, (right, every) in (
            ("one recurrent unit", "", order_circuits.right(unit, LONGEST)),
            ("one head with positions", "", order_circuits.right(head, LONGEST)),
            ("one head without positions", "", order_circuits.right(blind, LONGEST)),
        )
    ]
    every = order_circuits.right(unit, LONGEST)[1]
    deep = Row("a deep network of the bag", "Trained on these texts.", order_circuits.deep_bag_right(LONGEST))
    return Figures(
        title="Did a come before b? Networks that are built by hand, and a bag",
        rows=(*rows, deep),
        unit="share right",
        note=(
            f"All {every:,} texts of 2 to {LONGEST} words a, b, c, d and e in which a and b occur once. With a and b"
            " exchanged, a text has the same bag: a function of the bag gives both the same answer, and is right for"
            " one of them."
        ),
        differences=False,
        row_name="Network",
    )


def _by_hand() -> list[Exhibit]:
    """Return the equations of the two networks, and what they compute on four texts."""
    unit, head = order_circuits.RecurrentUnit(), order_circuits.AttentionHead()
    shown = ((0, 2, 1), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    names = [" ".join(order_circuits.NAMES[word] for word in words) for words in shown]
    last = [("state after “" + name + "”", float(unit.states(w)[-1])) for name, w in zip(names, shown, strict=True)]
    outputs = [("o after “" + name + "”", head.output(words)) for name, words in zip(names, shown, strict=True)]
    return [
        WorkedEquation(
            title="One recurrent unit that knows whether a came before b",
            equation=r"h_t = [\, w_{x_t} + u \, h_{t-1} > \theta \,]",
            saying=(
                "The unit fires (h = 1) if the sum is above the threshold. b switches it on, a switches it off, and"
                " any other word leaves it as it is: at the end it is on if b came last."
            ),
            lines=(
                *zip(("w of a", "w of b", "w of other words"), unit.inputs, strict=True),
                ("u", unit.recurrent),
                ("θ", unit.threshold),
                *last,
            ),
            numbers="Its weights, and what it computes",
        ),
        WorkedEquation(
            title="One attention head that knows whether a came before b",
            equation=latex_lines(r"o = \sum_j \mathrm{softmax}(s)_j \, v_{x_j}", r"s_j = q \, k \, j"),
            saying=(
                "The score falls with the position j, so that the earlier word has the greater weight; the values say"
                " which word it is. a came first if o is above 0. With k = 0 there are no positions, and o = 0."
            ),
            lines=(
                *zip(("v of a", "v of b", "v of other words"), head.values, strict=True),
                ("q", head.query),
                ("k", head.key),
                *outputs,
            ),
            numbers="Its weights, and what it computes",
        ),
    ]
