"""The exhibits of the transformer: its equation, attention maps, the reach of its heads and its position encoding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from lmcompare.exhibits import Exhibit, Heatmap, Panels, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.transformer import head_reach, position_exhibits
from lmcompare.models.transformer.head_reach import HeadReach
from lmcompare.models.transformer.network import Design, TransformerNetwork
from lmcompare.models.transformer.self_attention import Maps
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

PANELS = 12
WORKED = 5  # words before the one that the worked equation predicts
_COMPARED = {True: "the keys of itself and of every word before it", False: "the keys of all words, later ones too"}
_SAYING = (
    "Each word compares its query with {compared}; the better a key fits, the more of that word's value is added. The"
    " result is a weighted mean, so one head can attend to one word or to many, and several heads attend to different"
    " words at once."
)


def exhibits(
    model: TorchLanguageModel, network: TransformerNetwork, reach: HeadReach, text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation of one head, the attention maps of a sentence, the reach of the heads, the position
    signal, and the nearest words.
    """
    documents = readable(text, 1)
    for ids in documents:
        at = min(len(ids) - 1, WORKED)  # predicts ids[at] from ids[:at]
        layers = network.maps(ids[:at])
        # The head of the equation has the greatest weight on a single word other than the last one.
        weights = torch.stack([maps.weights[0, :, -1, :-1].amax(-1) for maps in layers])  # (layers, heads)
        layer, head = divmod(int(weights.argmax()), network.design.heads)
        yield _worked(model, network.design, text, ids[: at + 1], layers[layer], layer, head)
        yield _maps(network, text, ids, at, layer, head)
    yield from head_reach.exhibits(reach)
    yield from position_exhibits.exhibits(network)
    yield tied_neighbours(model, text)


def _maps(network: TransformerNetwork, text: Encoded, ids: IntArray, at: int, layer: int, head: int) -> Heatmap:
    """Return the attention maps, opened on the head and the row of the worked equation."""
    design = network.design
    read = labels(text, ids[:-1])
    size = len(read)
    root = _root(design)
    heads = [
        (f"layer {number + 1}, head {head + 1}", maps, head)
        for number, maps in enumerate(network.maps(ids[:-1]))
        for head in range(design.heads)
    ]
    step = max(1, -(-len(heads) // PANELS))
    panel, first = divmod(layer * design.heads + head, step)
    shown = heads[first::step]

    def seen(i: int, j: int) -> bool:
        return abs(i - j) < design.window and (j <= i or not design.causal)

    def panels(figures: Callable[[Maps, int], Tensor]) -> Panels:
        """Return the numbers (T, T) of each head shown, without those that the mask hides."""
        return tuple(
            tuple(tuple(found[i][j] if seen(i, j) else None for j in range(size)) for i in range(size))
            for found in (figures(maps, head).tolist() for _, maps, head in shown)
        )

    def scores(maps: Maps, head: int) -> Tensor:
        return maps.scores[0, head] if maps.bias is None else maps.scores[0, head] + maps.bias[head]

    def lengths(maps: Maps, head: int) -> Tensor:
        found: Tensor = maps.value[0, head].norm(dim=-1)
        return found.expand(size, size)

    weights = panels(lambda maps, head: maps.weights[0, head])
    return Heatmap(
        title="What each head looks at",
        note="Each row is a word that was just read, each column a word that it attends to: "
        + (
            "itself and words before it, never a later one."
            if design.causal
            else "any word, later ones too. A language model must not do so, since it reads the word to predict."
        )
        + (f" It sees {design.window} words at most, itself included." if size > design.window else "")
        + (f" {len(shown)} of {len(heads)} heads are shown." if len(shown) < len(heads) else ""),
        rows=read,
        columns=read,
        panels=tuple(name for name, _, _ in shown),
        values=weights,
        row_axis="after reading",
        column_axis="attends to",
        opens=(panel, at),
        steps=(
            ("q·k", panels(lambda maps, head: maps.scores[0, head] * root)),
            ("q·k / √d" + (" + b" if design.positions in ("alibi", "relative") else ""), panels(scores)),
            ("a = softmax", weights),
            ("‖v‖", panels(lengths)),
            ("‖a v‖", panels(lambda maps, head: maps.weights[0, head] * lengths(maps, head))),
        ),
    )


def _worked(
    model: TorchLanguageModel, design: Design, text: Encoded, ids: IntArray, maps: Maps, layer: int, head: int
) -> WorkedEquation:
    """Return the equation for the last of the ids, with the numbers that the steps of the map do not show."""
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
        equation=_equation(maps.bias is not None, design.causal),
        saying=_SAYING.format(compared=_COMPARED[design.causal]),
        lines=tuple(lines),
    )


def _root(design: Design) -> float:
    """Return √d, by which the products are divided."""
    return math.sqrt(design.width // design.heads)


def _equation(with_bias: bool, causal: bool) -> str:
    bias = " + b_{ij}" if with_bias else ""
    limit = r"j \leq i" if causal else "j"
    return latex_lines(
        r"a_{ij} &= \text{softmax}_j \left( \frac{\mathbf{q}_i \cdot \mathbf{k}_j}{\sqrt{d}}" + rf"{bias} \right)",
        rf"\mathbf{{o}}_i &= \sum_{{{limit}}} a_{{ij}} \mathbf{{v}}_j",
    )
