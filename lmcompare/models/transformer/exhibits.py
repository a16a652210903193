"""The exhibits of the transformer: its equation, its attention, the reach of its heads and its position encoding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import torch

from lmcompare.exhibits import Exhibit, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.transformer import head_reach, position_exhibits
from lmcompare.models.transformer.attention_explorer import explorer
from lmcompare.models.transformer.design import Design
from lmcompare.models.transformer.head_reach import HeadReach
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.self_attention import Maps
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

WORKED = 5  # words before the one that the worked equation predicts
_COMPARED = {True: "the keys of itself and of every word before it", False: "the keys of all words, later ones too"}
_SAYING = (
    "Three matrices W, which training has found, turn each word's vector x into a query q, a key k and a value v."
    " Each word compares its query with {compared}; the better a key fits, the more of that word's value is added."
    " The result is a weighted mean, so one head can attend to one word or to many. The results of all heads of a"
    " layer go through a matrix and are added to x; a feed-forward network then adds its output. After the last"
    " layer, the softmax of the products of x with the vectors of all words gives the probabilities."
)


def exhibits(
    model: TorchLanguageModel, network: TransformerNetwork, reach: HeadReach, text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation of one head, the attention over a sentence, the reach of the heads, the position
    signal, and the nearest words.
    """
    documents = readable(text, 1)
    for ids in documents:
        at = min(len(ids) - 1, WORKED)  # predicts ids[at] from ids[:at]
        layers = network.maps(ids[:at])
        # The head of the equation has the greatest weight on a single word other than the last one, among the heads
        # that look for the word in one place, if there are any.
        weights = torch.stack([maps.weights[0, :, -1, :-1].amax(-1) for maps in layers])  # (layers, heads)
        simple = head_reach.looking_at_one_place(reach)
        layer, head = max(
            simple or itertools.product(range(network.design.layers), range(network.design.heads)),
            key=lambda each: float(weights[each]),
        )
        yield _worked(model, network.design, text, ids[: at + 1], layers[layer], layer, head)
        yield explorer(network, text, ids, (layer, head, at), reach)
    yield from head_reach.exhibits(reach)
    yield from position_exhibits.exhibits(network)
    yield tied_neighbours(model, text)


def _worked(
    model: TorchLanguageModel, design: Design, text: Encoded, ids: IntArray, maps: Maps, layer: int, head: int
) -> WorkedEquation:
    """Return the equation for the last of the ids, for the head and word on which the attention opens."""
    read = labels(text, ids[:-1])
    weights = maps.weights[0, head, -1]
    most = int(weights.argmax())
    label, root = f"'{read[most]}'", _root(design)
    lines = [
        (f"√d: the root of a query's {design.width // design.heads} numbers", root),
        (f"q·k / √d: {label}", float(maps.scores[0, head, -1, most])),
    ]
    if maps.bias is not None:
        lines.append((f"b, for the distance: {label}", float(maps.bias[head, -1, most])))
    lines += [
        (f"a: the weight of {label}, the greatest", float(weights[most])),
        ("‖o‖: the length of the weighted mean of values", float(np.linalg.norm(maps.mixed[0, head, -1].cpu()))),
        came_next(model, text, ids, len(ids) - 1),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}, in layer {layer + 1}, head"
        f" {head + 1}.",
        equation=_equation(maps.bias is not None, design),
        saying=_SAYING.format(compared=_COMPARED[design.causal]) + _changed(design),
        lines=tuple(lines),
    )


def _root(design: Design) -> float:
    """Return √d, by which the products are divided."""
    return math.sqrt(design.width // design.heads)


def _changed(design: Design) -> str:
    """Return sentences on the steps that the equation leaves out."""
    said = []
    if design.convolution:
        said.append(
            f"Before that, the vectors of the words up to {design.convolution} places back are added to each x, with"
            " a learnt weight for each of their numbers and places."
        )
    if design.qk_norm:
        said.append(
            "The norm brings queries and keys to one length, and a learnt factor stretches each of their numbers."
        )
    if design.positions == "rotary":
        said.append(
            "R turns them, two numbers at a time, by an angle that grows with the position of their word, so that the"
            " product of a query and a key depends on how far apart their words are."
        )
    return "".join(f" {each}" for each in said)


def _equation(with_bias: bool, design: Design) -> str:
    bias = " + b_{ij}" if with_bias else ""
    limit = r"j \leq i" if design.causal else "j"

    def made(letter: str, index: str) -> str:
        product = rf"\mathbf{{W}}_{letter} \mathbf{{x}}_{index}"
        if letter != "v" and design.qk_norm:
            product = rf"\text{{norm}} \left( {product} \right)"
        turn = rf"\mathbf{{R}}_{index} \, " if letter != "v" and design.positions == "rotary" else ""
        return rf"\mathbf{{{letter}}}_{index} &= {turn}{product}"

    return latex_lines(
        *(made(letter, index) for letter, index in (("q", "i"), ("k", "j"), ("v", "j"))),
        r"a_{ij} &= \text{softmax}_j \left( \frac{\mathbf{q}_i \cdot \mathbf{k}_j}{\sqrt{d}}" + rf"{bias} \right)",
        rf"\mathbf{{o}}_i &= \sum_{{{limit}}} a_{{ij}} \mathbf{{v}}_j",
    )
