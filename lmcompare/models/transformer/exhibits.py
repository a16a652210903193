"""How the transformer explains itself: its attention step by step, its equation, its reach and its places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, Panels, WorkedEquation, latex_lines
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.transformer import head_reach, position_exhibits
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    from lmcompare.models.transformer.plugin import HeadAt, LayerMaps, Transformer

PANELS = 12
WORKED = 5  # words read in the worked equation, if there are so many
_ASKED = {True: "every word before it and of itself", False: "every word that is read with it, later ones too"}
_SAYING = (
    "Each word asks a question (its query) of {asked}; where the question meets a fitting key, that word's value is"
    " taken over. What is taken is a weighted mean, so one head can look at one thing or at many, and several heads"
    " look for several things at once."
)


def exhibits(model: Transformer, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation of one head, the attention maps of a sentence, how far each head looks, the position
    signal, and the nearest words.
    """
    documents = readable(text, 1)
    for ids in documents:
        at = min(len(ids) - 1, WORKED)  # predicts ids[at], having read ids[:at]
        found = model.attention_at(ids[:at])
        yield _worked(model, text, ids, at, found)
        yield _maps(model, text, ids, at, found)
    yield from head_reach.exhibits(model.reach())
    yield from position_exhibits.exhibits(model.trained_network())
    yield tied_neighbours(model, text)


def _maps(model: Transformer, text: Encoded, ids: IntArray, at: int, opened: HeadAt) -> Heatmap:
    """Draw the maps, open on the head and the row of the worked equation."""
    read = labels(text, ids[:-1])
    size = len(read)
    maps = [
        (f"layer {layer + 1}, head {head + 1}", heads, head)
        for layer, heads in enumerate(model.attention_maps(ids[:-1]))
        for head in range(model.heads)
    ]
    step = max(1, -(-len(maps) // PANELS))
    panel, first = divmod(opened.layer * model.heads + opened.head, step)
    shown = maps[first::step]
    biased = model.positions in ("alibi", "relative")

    def seen(i: int, j: int) -> bool:
        return abs(i - j) < model.window and (j <= i or not model.causal)

    def panels(figures: Callable[[LayerMaps, int], FloatArray]) -> Panels:
        """The figures (T, T) of each head shown, without those that the mask hides."""
        return tuple(
            tuple(tuple(float(found[i, j]) if seen(i, j) else None for j in range(size)) for i in range(size))
            for found in (figures(heads, head) for _, heads, head in shown)
        )

    return Heatmap(
        title="What each head looks at",
        note="Each row is a word just read, each column a word it may attend to: "
        + (
            "itself and those before it, never a later one."
            if model.causal
            else "any, later ones too, which a language model must not do: the next word, to be predicted, is read."
        )
        + (f" It sees {model.window} at most, itself included." if size > model.window else "")
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


def _worked(model: Transformer, text: Encoded, ids: IntArray, at: int, shown: HeadAt) -> WorkedEquation:
    """Work out what the map's steps do not show."""
    read = labels(text, ids[:at])
    depth = model.width // model.heads
    scale = float(np.sqrt(depth))
    most = int(shown.weights.argmax())
    label = f"'{read[len(read) - len(shown.weights) + most]}'"
    lines = [
        (f"√d: of the {depth} numbers of a query", scale),
        (f"q·k / √d: {label}", float(shown.products[most]) / scale),
    ]
    if shown.biases is not None:
        lines.append((f"b, for the distance: {label}", float(shown.biases[most])))
    lines += [
        (f"a: the weight of {label}, the greatest", float(shown.weights[most])),
        ("‖o‖: the length of the mixed value", float(np.linalg.norm(shown.mixed))),
        came_next(model, text, ids, at),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}, in layer {shown.layer + 1}, head"
        f" {shown.head + 1}" + ("; the map shows every word's, step by step." if model.causal else "."),
        equation=_equation(shown.biases is not None, model.causal),
        saying=_SAYING.format(asked=_ASKED[model.causal]),
        lines=tuple(lines),
    )


def _equation(with_bias: bool, causal: bool) -> str:
    bias = " + b_{ij}" if with_bias else ""
    limit = r"j \leq i" if causal else "j"
    return latex_lines(
        r"a_{ij} &= \text{softmax}_j \left( \frac{\mathbf{q}_i \cdot \mathbf{k}_j}{\sqrt{d}}" + rf"{bias} \right)",
        rf"\mathbf{{o}}_i &= \sum_{{{limit}}} a_{{ij}} \mathbf{{v}}_j",
    )
