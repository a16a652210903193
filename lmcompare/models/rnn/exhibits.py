"""The exhibits of the recurrent language model: its equation and the values of its gates."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn.cells import ELMAN, GRU, LSTM, MIN_GRU, QRNN
from lmcompare.models.rnn.network import Recurrence, gates
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel


def _gate(letter: str, activation: str = r"\sigma", inner: str = "") -> str:
    inner = inner or rf"\mathbf{{W}}_{letter} \mathbf{{x}}_i + \mathbf{{U}}_{letter} \mathbf{{s}}_{{i-1}}"
    return rf"\mathbf{{{letter}}}_i &= {activation}({inner})"


def _of_inputs(letter: str, activation: str = r"\sigma") -> str:
    return _gate(letter, activation, rf"\mathbf{{W}}_{letter} [\mathbf{{x}}_{{i-1}}; \mathbf{{x}}_i]")


EQUATIONS = {
    ELMAN: r"\mathbf{s}_i = \tanh(\mathbf{W} \mathbf{x}_i + \mathbf{U} \mathbf{s}_{i-1})",
    LSTM: latex_lines(
        *(_gate(letter) for letter in "fno"),
        _gate("g", r"\tanh"),
        r"\mathbf{c}_i &= \mathbf{f}_i \odot \mathbf{c}_{i-1} + \mathbf{n}_i \odot \mathbf{g}_i",
        r"\mathbf{s}_i &= \mathbf{o}_i \odot \tanh(\mathbf{c}_i)",
    ),
    GRU: latex_lines(
        *(_gate(letter) for letter in "zr"),
        r"\mathbf{g}_i &= \tanh(\mathbf{W}_g \mathbf{x}_i + \mathbf{r}_i \odot \mathbf{U}_g \mathbf{s}_{i-1})",
        r"\mathbf{s}_i &= \mathbf{z}_i \odot \mathbf{s}_{i-1} + (1 - \mathbf{z}_i) \odot \mathbf{g}_i",
    ),
    MIN_GRU: latex_lines(
        _gate("n", inner=r"\mathbf{W}_n \mathbf{x}_i"),
        r"\mathbf{g}_i &= \mathbf{W}_g \mathbf{x}_i",
        r"\mathbf{s}_i &= (1 - \mathbf{n}_i) \odot \mathbf{s}_{i-1} + \mathbf{n}_i \odot \mathbf{g}_i",
    ),
    QRNN: latex_lines(
        _of_inputs("f"),
        _of_inputs("o"),
        _of_inputs("g", r"\tanh"),
        r"\mathbf{c}_i &= \mathbf{f}_i \odot \mathbf{c}_{i-1} + (1 - \mathbf{f}_i) \odot \mathbf{g}_i",
        r"\mathbf{s}_i &= \mathbf{o}_i \odot \mathbf{c}_i",
    ),
}
_STATE = "The network carries a state of fixed size through the document. "
_GATED = (
    "At each word its gates decide, number by number, what is kept of the old state, what is added from the word, and"
    " what the next step and the prediction see. Whatever is not kept is lost."
)
_PARALLEL = "so the gates of all words are computed at once."
SAYINGS = {
    ELMAN: "Each step makes a new state from the word and the whole old state. Nothing protects what the old state"
    " holds, so little of it may be left after some words.",
    GRU: _GATED,
    LSTM: _GATED,
    MIN_GRU: "At each word a gate decides, number by number, what is kept of the state and what is added. The gate"
    f" sees the word, but not the state, {_PARALLEL}",
    QRNN: "At each word gates decide, number by number, what is kept, what is added, and what the prediction sees."
    f" They see the word and the one before, but not the state, {_PARALLEL}",
}


def exhibits(model: TorchLanguageModel, network: Recurrence, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation of one unit, the gates over two sentences (Elman has none), and the nearest words."""
    documents = readable(text, 2)
    if documents:
        yield _worked(model, network, text, documents[0])
    for ids in documents if network.cell != ELMAN else ():
        yield _map(network, text, ids)
    yield tied_neighbours(model, text)


def _map(network: Recurrence, text: Encoded, ids: IntArray) -> Heatmap:
    found = gates(network, network.inputs(ids[:-1])[0])
    columns = {"keeps": found.keep, "takes in": found.take}
    if found.show is not None:
        columns["looks back" if network.cell == GRU else "shows"] = found.show
    return Heatmap(
        title="What its gates do",
        note="How far each gate is open, on average over the units of the state: 0 is closed, 1 is open.",
        rows=labels(text, ids[:-1]),
        columns=tuple(columns),
        panels=("last layer",),
        values=(tuple(zip(*(gate.mean(1).tolist() for gate in columns.values()), strict=True)),),
        row_axis="after reading",
        column_axis="gate",
    )


def _worked(model: TorchLanguageModel, network: Recurrence, text: Encoded, ids: IntArray) -> WorkedEquation:
    at = min(len(ids) - 1, 6)  # predicts ids[at] from ids[:at]
    inputs = network.inputs(ids[:at])
    word = text.vocabulary[int(ids[at - 1])]
    unit, lines = _elman_lines(network, inputs, word) if network.cell == ELMAN else _lines(network, inputs, word)
    read = " ".join(labels(text, ids[:at]))
    first = " in the first layer" if network.cell == ELMAN and network.layers > 1 else ""
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{read}', {ALONE}, for the unit of the state that changes"
        f" most: unit {unit + 1} of {network.hidden}{first}.",
        equation=EQUATIONS[network.cell],
        saying=_STATE + SAYINGS[network.cell],
        lines=(*lines, came_next(model, text, ids, at)),
    )


def _lines(network: Recurrence, inputs: Tensor, word: str) -> tuple[int, list[tuple[str, float]]]:
    """Return the unit of the last layer that changes most at the last of the (1, T) inputs, and its numbers there."""
    found = gates(network, inputs[0])
    unit = int((found.cell[-1] - found.cell[-2]).abs().argmax())
    keep, take, new, cell, state = (
        float(each[-1, unit]) for each in (found.keep, found.take, found.new, found.cell, found.state)
    )
    show = 1.0 if found.show is None else float(found.show[-1, unit])
    before = float(found.cell[-2, unit])
    lines = {
        LSTM: [
            (f"f: how much is kept at '{word}'", keep),
            ("n: how much is added", take),
            ("g: the new content", new),
            ("c before", before),
            ("c = f · c before + n · g", cell),
            ("o: how much is shown", show),
            ("s = o · tanh(c)", state),
        ],
        GRU: [
            (f"z: how much is kept at '{word}'", keep),
            ("r: how much of the state the new content uses", show),
            ("g: the new content", new),
            ("s before", before),
            ("s = z · s before + (1 − z) · g", state),
        ],
        MIN_GRU: [
            (f"n: how much is added at '{word}'", take),
            ("g: the new content", new),
            ("s before", before),
            ("s = (1 − n) · s before + n · g", state),
        ],
        QRNN: [
            (f"f: how much is kept at '{word}'", keep),
            ("g: the new content", new),
            ("c before", before),
            ("c = f · c before + (1 − f) · g", cell),
            ("o: how much is shown", show),
            ("s = o · c", state),
        ],
    }
    return unit, lines[network.cell]


@torch.no_grad()
def _elman_lines(network: Recurrence, inputs: Tensor, word: str) -> tuple[int, list[tuple[str, float]]]:
    """Return the same as ``_lines``, but for the first layer of a network without gates."""
    weights = dict(network.recurrence.named_parameters())
    x = network.head.embed(inputs[0])  # (T, width)
    read = x @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
    states = [read.new_zeros(network.hidden)]
    recalled = []
    for each in read:
        recalled.append(weights["weight_hh_l0"] @ states[-1] + weights["bias_hh_l0"])
        states.append(torch.tanh(each + recalled[-1]))
    unit = int((states[-1] - states[-2]).abs().argmax())
    return unit, [
        ("s before", float(states[-2][unit])),
        (f"W x: the part of '{word}'", float(read[-1, unit])),
        ("U s: the part of the old state", float(recalled[-1][unit])),
        ("s = tanh(W x + U s)", float(states[-1][unit])),
    ]
