"""The exhibits of the convolutional model: its equation, its gates, what words are worth, and the nearest words."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.models.cnn.network import ConvolutionalNetwork
from lmcompare.models.common import places
from lmcompare.models.common.places import Places
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

_EQUATION = latex_lines(
    r"\mathbf{x}_i &= [\text{norm}(\mathbf{h}_{i-k+1}); \ldots; \text{norm}(\mathbf{h}_i)]",
    r"\mathbf{h}'_i &= \mathbf{h}_i + (\mathbf{A} \mathbf{x}_i + \mathbf{a}) \odot"
    r" \sigma(\mathbf{B} \mathbf{x}_i + \mathbf{b})",
)
_SAYING = (
    "Each layer looks at the last vectors of the layer below, through a window that slides along the text. A gate"
    " decides, number by number, how much of what the layer finds is added. Several layers on top of each other see"
    " farther back than one layer, but words beyond their reach are not seen at all."
)


def exhibits(
    model: TorchLanguageModel, network: ConvolutionalNetwork, found: Places, text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation of one unit, the gates over a sentence, what words are worth, and neighbours."""
    for ids in readable(text, 1):
        yield _worked(model, network, text, ids)
        yield _gates(network, text, ids)
    yield from places.exhibits(found)
    yield tied_neighbours(model, text)


def _parts(network: ConvolutionalNetwork, ids: IntArray) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Return, for each layer, its input, its content and its gates, each (T, d), over the inputs of these ids."""
    found = []
    with torch.no_grad():
        _, _, read = network.convolve(network.inputs(ids), None)
        for layer, x in zip(network.convolutions, read, strict=True):
            content, gate, _ = layer.parts(x, None)
            found.append((x[0], content[0], gate[0].sigmoid()))
    return found


def _worked(model: TorchLanguageModel, network: ConvolutionalNetwork, text: Encoded, ids: IntArray) -> WorkedEquation:
    at = min(len(ids) - 1, 6)  # predicts ids[at] from ids[:at]
    read = labels(text, ids[:at])
    x, content, gate = (each[-1] for each in _parts(network, ids[:at])[-1])
    unit = int((content * gate).abs().argmax())
    lines = [
        (f"h before: after '{read[-1]}'", float(x[unit])),
        ("A x + a: what it finds in the window", float(content[unit])),
        ("σ(B x + b): how far its gate is open", float(gate[unit])),
        ("h' = h + (A x + a) · σ(B x + b)", float(x[unit] + content[unit] * gate[unit])),
        came_next(model, text, ids, at),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}, in the last layer, for the number"
        f" that changes most: {unit + 1} of {len(x)}.",
        equation=_EQUATION,
        saying=_SAYING,
        lines=tuple(lines),
    )


def _gates(network: ConvolutionalNetwork, text: Encoded, ids: IntArray) -> Heatmap:
    means = [gate.mean(1).tolist() for _, _, gate in _parts(network, ids[:-1])]
    return Heatmap(
        title="What its gates do",
        note="How far the gates of each layer are open after each word, on average: 0 is closed, 1 is open.",
        rows=labels(text, ids[:-1]),
        columns=tuple(f"layer {n + 1}" for n in range(len(means))),
        panels=("gates",),
        values=(tuple(zip(*means, strict=True)),),
        row_axis="after reading",
        column_axis="layer",
    )
