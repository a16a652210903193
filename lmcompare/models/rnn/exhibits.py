"""How the recurrent language model explains itself: the equation of its cell, and the values of its gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lmcompare.exhibits import Exhibit, latex_lines
from lmcompare.models.common.sentences import ALONE, Example, Line, examples
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel

if TYPE_CHECKING:  # the network imports this module
    from lmcompare.models.rnn.network import Recurrence

WORKED = 6  # words before the one that the worked equation predicts


@dataclass(frozen=True)
class Cell:
    """The explanation of a cell.

    Parameters
    ----------
    equation, saying : str
        The equation of a step, in LaTeX, and what it means.
    lines : tuple of (str, str)
        Each quantity of the worked equation, and the attribute of ``Gates`` that has its value; "before" is the cell
        before the step.
    show : str, default="shows"
        What the gate ``show`` does.
    """

    equation: str
    saying: str
    lines: tuple[tuple[str, str], ...] = ()
    show: str = "shows"


def _gate(letter: str, activation: str = r"\sigma", inner: str = "") -> str:
    inner = inner or rf"\mathbf{{W}}_{letter} \mathbf{{x}}_i + \mathbf{{U}}_{letter} \mathbf{{s}}_{{i-1}}"
    return rf"\mathbf{{{letter}}}_i &= {activation}({inner})"


def _of_inputs(letter: str, activation: str = r"\sigma") -> str:
    return _gate(letter, activation, rf"\mathbf{{W}}_{letter} [\mathbf{{x}}_{{i-1}}; \mathbf{{x}}_i]")


_STATE = "The network carries a state of fixed size through the document. "
_GATED = _STATE + (
    "At each word its gates decide, number by number, what is kept of the old state, what is added from the word, and"
    " what the next step and the prediction see. Whatever is not kept is lost."
)
_PARALLEL = "so the gates of all words are computed at once."
CELLS = {
    "elman": Cell(
        r"\mathbf{s}_i = \tanh(\mathbf{W} \mathbf{x}_i + \mathbf{U} \mathbf{s}_{i-1})",
        _STATE + "Each step makes a new state from the word and the whole old state. Nothing protects what the old"
        " state holds, so little of it may be left after some words.",
    ),
    "lstm": Cell(
        latex_lines(
            *(_gate(letter) for letter in "fno"),
            _gate("g", r"\tanh"),
            r"\mathbf{c}_i &= \mathbf{f}_i \odot \mathbf{c}_{i-1} + \mathbf{n}_i \odot \mathbf{g}_i",
            r"\mathbf{s}_i &= \mathbf{o}_i \odot \tanh(\mathbf{c}_i)",
        ),
        _GATED,
        (
            ("f: how much is kept at '{word}'", "keep"),
            ("n: how much is added", "take"),
            ("g: the new content", "new"),
            ("c before", "before"),
            ("c = f · c before + n · g", "cell"),
            ("o: how much is shown", "show"),
            ("s = o · tanh(c)", "state"),
        ),
    ),
    "gru": Cell(
        latex_lines(
            *(_gate(letter) for letter in "zr"),
            r"\mathbf{g}_i &= \tanh(\mathbf{W}_g \mathbf{x}_i + \mathbf{r}_i \odot \mathbf{U}_g \mathbf{s}_{i-1})",
            r"\mathbf{s}_i &= \mathbf{z}_i \odot \mathbf{s}_{i-1} + (1 - \mathbf{z}_i) \odot \mathbf{g}_i",
        ),
        _GATED,
        (
            ("z: how much is kept at '{word}'", "keep"),
            ("r: how much of the state the new content uses", "show"),
            ("g: the new content", "new"),
            ("s before", "before"),
            ("s = z · s before + (1 − z) · g", "state"),
        ),
        show="looks back",
    ),
    "min-gru": Cell(
        latex_lines(
            _gate("n", inner=r"\mathbf{W}_n \mathbf{x}_i"),
            r"\mathbf{g}_i &= \mathbf{W}_g \mathbf{x}_i",
            r"\mathbf{s}_i &= (1 - \mathbf{n}_i) \odot \mathbf{s}_{i-1} + \mathbf{n}_i \odot \mathbf{g}_i",
        ),
        _STATE + "At each word a gate decides, number by number, what is kept of the state and what is added. The"
        f" gate sees the word, but not the state, {_PARALLEL}",
        (
            ("n: how much is added at '{word}'", "take"),
            ("g: the new content", "new"),
            ("s before", "before"),
            ("s = (1 − n) · s before + n · g", "state"),
        ),
    ),
    "qrnn": Cell(
        latex_lines(
            _of_inputs("f"),
            _of_inputs("o"),
            _of_inputs("g", r"\tanh"),
            r"\mathbf{c}_i &= \mathbf{f}_i \odot \mathbf{c}_{i-1} + (1 - \mathbf{f}_i) \odot \mathbf{g}_i",
            r"\mathbf{s}_i &= \mathbf{o}_i \odot \mathbf{c}_i",
        ),
        _STATE + "At each word gates decide, number by number, what is kept, what is added, and what the prediction"
        f" sees. They see the word and the one before, but not the state, {_PARALLEL}",
        (
            ("f: how much is kept at '{word}'", "keep"),
            ("g: the new content", "new"),
            ("c before", "before"),
            ("c = f · c before + (1 − f) · g", "cell"),
            ("o: how much is shown", "show"),
            ("s = o · c", "state"),
        ),
    ),
}


def exhibits(model: TorchLanguageModel, network: Recurrence, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation of one unit, the gates over two sentences (Elman has none), and the nearest words."""
    cell = CELLS[network.cell]
    sentences = list(examples(model, text, 2, WORKED))
    for example in sentences[:1]:
        unit, lines = _elman(network, example) if network.cell == "elman" else _gated(network, cell, example)
        first = " in the first layer" if network.cell == "elman" and network.layers > 1 else ""
        yield example.worked(
            cell.equation,
            cell.saying,
            lines,
            where=f"{ALONE}, for the unit of the state that changes most: unit {unit + 1} of {network.hidden}{first}",
        )
    for example in sentences if cell.lines else ():
        found = network.gates(network.inputs(example.ids[:-1])[0])
        columns = {"keeps": found.keep, "takes in": found.take}
        if found.show is not None:
            columns[cell.show] = found.show
        yield example.map(
            "What its gates do",
            "How far each gate is open, on average over the units of the state: 0 is closed, 1 is open.",
            "gate",
            tuple(columns),
            {"last layer": torch.stack([gate.mean(1) for gate in columns.values()], 1)},
        )
    yield tied_neighbours(model, text)


def _gated(network: Recurrence, cell: Cell, example: Example) -> tuple[int, list[Line]]:
    """Return the unit of the last layer that changes most at the last word, and its numbers there."""
    found = network.gates(network.inputs(example.before)[0])
    unit = int((found.cell[-1] - found.cell[-2]).abs().argmax())
    numbers = {name: float(each[-1, unit]) for name, each in vars(found).items() if each is not None}
    numbers["before"] = float(found.cell[-2, unit])
    return unit, [(label.format(word=example.read[-1]), numbers[name]) for label, name in cell.lines]


@torch.no_grad()
def _elman(network: Recurrence, example: Example) -> tuple[int, list[Line]]:
    """Return the same as ``_gated``, but for the first layer of a network without gates."""
    weights = dict(network.recurrence.named_parameters())
    x = network.head.embed(network.inputs(example.before)[0])  # (T, width)
    read = x @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
    states = [read.new_zeros(network.hidden)]
    recalled = []
    for each in read:
        recalled.append(weights["weight_hh_l0"] @ states[-1] + weights["bias_hh_l0"])
        states.append(torch.tanh(each + recalled[-1]))
    unit = int((states[-1] - states[-2]).abs().argmax())
    return unit, [
        ("s before", float(states[-2][unit])),
        (f"W x: the part of '{example.read[-1]}'", float(read[-1, unit])),
        ("U s: the part of the old state", float(recalled[-1][unit])),
        ("s = tanh(W x + U s)", float(states[-1][unit])),
    ]
