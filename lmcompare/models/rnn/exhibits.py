"""How the recurrent net explains itself: what its gates do, and its equation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation
from lmcompare.models.common import mathml as m
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    from lmcompare.models.rnn.plugin import Rnn

_I, _BEFORE = m.name("i"), m.row(m.name("i"), m.op("−"), m.name("1"))


def _at(letter: str, place: str = _I) -> str:
    return m.sub(m.vector(letter), place)


def _inner(gate: str) -> str:
    recalled = m.row(m.sub(m.vector("U"), m.name(gate)), _at("s", _BEFORE))
    return m.row(m.op("("), m.sub(m.vector("W"), m.name(gate)), _at("x"), m.op("+"), recalled, m.op(")"))


_LSTM = m.lines(
    *(m.row(_at(gate), m.op("="), m.name("σ"), _inner(gate)) for gate in ("f", "n", "o")),
    m.row(_at("g"), m.op("="), m.name("tanh"), _inner("g")),
    m.row(_at("c"), m.op("="), _at("f"), m.op("⊙"), _at("c", _BEFORE), m.op("+"), _at("n"), m.op("⊙"), _at("g")),
    m.row(_at("s"), m.op("="), _at("o"), m.op("⊙"), m.name("tanh"), m.op("("), _at("c"), m.op(")")),
)
_GRU = m.lines(
    *(m.row(_at(gate), m.op("="), m.name("σ"), _inner(gate)) for gate in ("z", "r")),
    m.row(
        *(_at("g"), m.op("="), m.name("tanh"), m.op("("), m.sub(m.vector("W"), m.name("g")), _at("x"), m.op("+")),
        *(_at("r"), m.op("⊙"), m.sub(m.vector("U"), m.name("g")), _at("s", _BEFORE), m.op(")")),
    ),
    m.row(
        *(_at("s"), m.op("="), _at("z"), m.op("⊙"), _at("s", _BEFORE), m.op("+"), m.op("("), m.name("1"), m.op("−")),
        *(_at("z"), m.op(")"), m.op("⊙"), _at("g")),
    ),
)
_SAYING = (
    "The net carries one state of fixed size through the document. At each word its gates decide, number by number,"
    " what of the old state is kept, what of the word is taken in, and what is shown to the next step and to the"
    " guess. What is not kept is gone."
)


def exhibits(model: Rnn, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation of one number, what the gates do in two sentences, and the nearest words."""
    documents = readable(text, 2)
    if documents:
        yield _worked(model, text, documents[0])
    for ids in documents:
        yield _map(model, text, ids)
    yield tied_neighbours(model, text)


def _map(model: Rnn, text: Encoded, ids: IntArray) -> Heatmap:
    found = model.gates(ids[:-1])
    columns = {"keeps": found.keep, "takes in": found.take}
    columns["shows" if model.cell == "lstm" else "looks back"] = found.show
    return Heatmap(
        title="What its gates do",
        note="Each row is a word just read; how far each gate is open, on average over the state's numbers: 0 is"
        " closed, 1 is open.",
        rows=labels(text, ids[:-1]),
        columns=tuple(columns),
        panels=("last layer",),
        values=(tuple(zip(*(gate.mean(1).tolist() for gate in columns.values()), strict=True)),),
        row_axis="after reading",
        column_axis="gate",
    )


def _worked(model: Rnn, text: Encoded, ids: IntArray) -> WorkedEquation:
    at = min(len(ids) - 1, 6)  # predicts ids[at], having read ids[:at]
    found = model.gates(ids[:at])
    change = (found.cell[-1] - found.cell[-2]).abs()
    unit = int(change.argmax())
    keep, take, new, show, cell, state = (
        float(each[-1, unit]) for each in (found.keep, found.take, found.new, found.show, found.cell, found.state)
    )
    before = float(found.cell[-2, unit])
    word = text.vocabulary[int(ids[at - 1])]
    if model.cell == "lstm":
        lines = [
            (f"f: how much is kept at '{word}'", keep),
            ("n: how much is taken in", take),
            ("g: what would be taken in", new),
            ("c before", before),
            ("c = f · c before + n · g", cell),
            ("o: how much is shown", show),
            ("s = o · tanh(c)", state),
        ]
    else:
        lines = [
            (f"z: how much is kept at '{word}'", keep),
            ("r: how much of the state the new content sees", show),
            ("g: what would be taken in", new),
            ("s before", before),
            ("s = z · s before + (1 − z) · g", state),
        ]
    lines.append(came_next(model, text, ids, at))
    read = " ".join(labels(text, ids[:at]))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{read}', {ALONE}, for the number of the state"
        f" that changes most: number {unit + 1} of {model.hidden}.",
        equation=_LSTM if model.cell == "lstm" else _GRU,
        plain=(
            "f_i, n_i, o_i = σ(W x_i + U s_{i−1}),  g_i = tanh(W x_i + U s_{i−1}),"
            "  c_i = f_i ⊙ c_{i−1} + n_i ⊙ g_i,  s_i = o_i ⊙ tanh(c_i)"
            if model.cell == "lstm"
            else "z_i, r_i = σ(W x_i + U s_{i−1}),  g_i = tanh(W x_i + r_i ⊙ U s_{i−1}),"
            "  s_i = z_i ⊙ s_{i−1} + (1 − z_i) ⊙ g_i"
        ),
        saying=_SAYING,
        lines=tuple(lines),
    )
