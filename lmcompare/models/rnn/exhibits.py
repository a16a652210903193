"""The exhibits of the recurrent language model: its equation and the values of its gates."""

from __future__ import annotations

from collections.abc import Iterator

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn.network import Recurrence, gates
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel


def _gate(letter: str, activation: str = r"\sigma") -> str:
    inner = rf"\mathbf{{W}}_{letter} \mathbf{{x}}_i + \mathbf{{U}}_{letter} \mathbf{{s}}_{{i-1}}"
    return rf"\mathbf{{{letter}}}_i &= {activation}({inner})"


_LSTM = latex_lines(
    *(_gate(letter) for letter in "fno"),
    _gate("g", r"\tanh"),
    r"\mathbf{c}_i &= \mathbf{f}_i \odot \mathbf{c}_{i-1} + \mathbf{n}_i \odot \mathbf{g}_i",
    r"\mathbf{s}_i &= \mathbf{o}_i \odot \tanh(\mathbf{c}_i)",
)
_GRU = latex_lines(
    *(_gate(letter) for letter in "zr"),
    r"\mathbf{g}_i &= \tanh(\mathbf{W}_g \mathbf{x}_i + \mathbf{r}_i \odot \mathbf{U}_g \mathbf{s}_{i-1})",
    r"\mathbf{s}_i &= \mathbf{z}_i \odot \mathbf{s}_{i-1} + (1 - \mathbf{z}_i) \odot \mathbf{g}_i",
)
_SAYING = (
    "The network carries a state of fixed size through the document. At each word its gates decide, number by number,"
    " what is kept of the old state, what is added from the word, and what the next step and the prediction see."
    " Whatever is not kept is lost."
)


def exhibits(model: TorchLanguageModel, network: Recurrence, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation of one unit, the gates over two sentences, and the nearest words."""
    documents = readable(text, 2)
    if documents:
        yield _worked(model, network, text, documents[0])
    for ids in documents:
        yield _map(network, text, ids)
    yield tied_neighbours(model, text)


def _map(network: Recurrence, text: Encoded, ids: IntArray) -> Heatmap:
    found = gates(network, network.inputs(ids[:-1])[0])
    columns = {"keeps": found.keep, "takes in": found.take}
    columns["shows" if network.is_lstm else "looks back"] = found.show
    return Heatmap(
        title="What its gates do",
        note="How far each gate is open, averaged over the units of the state: 0 is closed, 1 is open.",
        rows=labels(text, ids[:-1]),
        columns=tuple(columns),
        panels=("last layer",),
        values=(tuple(zip(*(gate.mean(1).tolist() for gate in columns.values()), strict=True)),),
        row_axis="after reading",
        column_axis="gate",
    )


def _worked(model: TorchLanguageModel, network: Recurrence, text: Encoded, ids: IntArray) -> WorkedEquation:
    at = min(len(ids) - 1, 6)  # predicts ids[at] from ids[:at]
    found = gates(network, network.inputs(ids[:at])[0])
    change = (found.cell[-1] - found.cell[-2]).abs()
    unit = int(change.argmax())
    keep, take, new, show, cell, state = (
        float(each[-1, unit]) for each in (found.keep, found.take, found.new, found.show, found.cell, found.state)
    )
    before = float(found.cell[-2, unit])
    word = text.vocabulary[int(ids[at - 1])]
    if network.is_lstm:
        lines = [
            (f"f: how much is kept at '{word}'", keep),
            ("n: how much is added", take),
            ("g: the candidate content", new),
            ("c before", before),
            ("c = f · c before + n · g", cell),
            ("o: how much is shown", show),
            ("s = o · tanh(c)", state),
        ]
    else:
        lines = [
            (f"z: how much is kept at '{word}'", keep),
            ("r: how much of the state the new content uses", show),
            ("g: the candidate content", new),
            ("s before", before),
            ("s = z · s before + (1 − z) · g", state),
        ]
    lines.append(came_next(model, text, ids, at))
    read = " ".join(labels(text, ids[:at]))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{read}', {ALONE}, for the unit of the state that changes"
        f" most: unit {unit + 1} of {network.recurrence.hidden_size}.",
        equation=_LSTM if network.is_lstm else _GRU,
        saying=_SAYING,
        lines=tuple(lines),
    )
