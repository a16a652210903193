"""The exhibits of the transformer: its equation, attention maps, the reach of its heads and its position signal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, Panels, WorkedEquation, latex_lines
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.transformer import head_reach, position_exhibits
from lmcompare.models.transformer.attention_maps import HeadAt, LayerMaps, attention_at, attention_maps
from lmcompare.models.transformer.head_reach import HeadReach
from lmcompare.models.transformer.network import Design, TransformerNetwork
from lmcompare.tokens import Encoded, IntArray

PANELS = 12
WORKED = 5  # words before the one that the worked equation predicts
_COMPARED = {True: "the keys of itself and of every word before it", False: "the keys of all words, later ones too"}
_SAYING = (
    "Each word compares its query with {compared}; the better a key fits, the more of that word's value is added. The"
    " result is a weighted mean, so one head can attend to one word or to many, and several heads attend to different"
    " words at once."
)


def exhibits(model: LanguageModel, network: TransformerNetwork, reach: HeadReach, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation of one head, the attention maps of a sentence, the reach of the heads, the position
    signal, and the nearest words.
    """
    documents = readable(text, 1)
    for ids in documents:
        at = min(len(ids) - 1, WORKED)  # predicts ids[at] from ids[:at]
        found = attention_at(network, ids[:at])
        yield _worked(model, network.design, text, ids, at, found)
        yield _maps(network, text, ids, at, found)
    yield from head_reach.exhibits(reach)
    yield from position_exhibits.exhibits(network)
    yield tied_neighbours(model, text)


def _maps(network: TransformerNetwork, text: Encoded, ids: IntArray, at: int, opened: HeadAt) -> Heatmap:
    """Return the attention maps, opened on the head and the row of the worked equation."""
    design = network.design
    read = labels(text, ids[:-1])
    size = len(read)
    maps = [
        (f"layer {layer + 1}, head {head + 1}", heads, head)
        for layer, heads in enumerate(attention_maps(network, ids[:-1]))
        for head in range(design.heads)
    ]
    step = max(1, -(-len(maps) // PANELS))
    panel, first = divmod(opened.layer * design.heads + opened.head, step)
    shown = maps[first::step]
    biased = design.positions in ("alibi", "relative")

    def seen(i: int, j: int) -> bool:
        return abs(i - j) < design.window and (j <= i or not design.causal)

    def panels(figures: Callable[[LayerMaps, int], FloatArray]) -> Panels:
        """Return the numbers (T, T) of each head shown, without those that the mask hides."""
        return tuple(
            tuple(tuple(float(found[i, j]) if seen(i, j) else None for j in range(size)) for i in range(size))
            for found in (figures(heads, head) for _, heads, head in shown)
        )

    return Heatmap(
        title="What each head looks at",
        note="Each row is a word that was just read, each column a word that it attends to: "
        + (
            "itself and words before it, never a later one."
            if design.causal
            else "any word, later ones too. A language model must not do so, since it reads the word to predict."
        )
        + (f" It sees {design.window} words at most, itself included." if size > design.window else "")
        + (f" {len(shown)} of {len(maps)} heads are shown." if len(shown) < len(maps) else ""),
        rows=read,
        columns=read,
        panels=tuple(name for name, _, _ in shown),
        values=panels(lambda heads, head: heads.weights[head]),
        row_axis="after reading",
        column_axis="attends to",
        opens=(panel, at),
        steps=(
            ("q·k", panels(lambda heads, head: heads.products[head])),
            ("q·k / √d" + (" + b" if biased else ""), panels(lambda heads, head: heads.scores[head])),
            ("a = softmax", panels(lambda heads, head: heads.weights[head])),
            ("‖v‖", panels(lambda heads, head: np.broadcast_to(heads.lengths[head], (size, size)))),
            ("‖a v‖", panels(lambda heads, head: heads.weights[head] * heads.lengths[head])),
        ),
    )


def _worked(
    model: LanguageModel, design: Design, text: Encoded, ids: IntArray, at: int, shown: HeadAt
) -> WorkedEquation:
    """Return the equation with the numbers that the steps of the map do not show."""
    read = labels(text, ids[:at])
    depth = design.width // design.heads
    scale = float(np.sqrt(depth))
    most = int(shown.weights.argmax())
    label = f"'{read[len(read) - len(shown.weights) + most]}'"
    lines = [
        (f"√d: the root of a query's {depth} numbers", scale),
        (f"q·k / √d: {label}", float(shown.products[most]) / scale),
    ]
    if shown.biases is not None:
        lines.append((f"b, for the distance: {label}", float(shown.biases[most])))
    lines += [
        (f"a: the weight of {label}, the greatest", float(shown.weights[most])),
        ("‖o‖: the length of the weighted mean of values", float(np.linalg.norm(shown.mixed))),
        came_next(model, text, ids, at),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}, in layer {shown.layer + 1}, head"
        f" {shown.head + 1}" + ("; the map shows the numbers of every word." if design.causal else "."),
        equation=_equation(shown.biases is not None, design.causal),
        saying=_SAYING.format(compared=_COMPARED[design.causal]),
        lines=tuple(lines),
    )


def _equation(with_bias: bool, causal: bool) -> str:
    bias = " + b_{ij}" if with_bias else ""
    limit = r"j \leq i" if causal else "j"
    return latex_lines(
        r"a_{ij} &= \text{softmax}_j \left( \frac{\mathbf{q}_i \cdot \mathbf{k}_j}{\sqrt{d}}" + rf"{bias} \right)",
        rf"\mathbf{{o}}_i &= \sum_{{{limit}}} a_{{ij}} \mathbf{{v}}_j",
    )
