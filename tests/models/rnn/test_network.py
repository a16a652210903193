"""Tests of the recurrent language model: its equations, its gates and its exhibits."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from lmcompare.exhibits import Heatmap, WorkedEquation
from lmcompare.models.rnn.attention import RnnAttention
from lmcompare.models.rnn.network import Rnn, RnnNetwork
from lmcompare.tokens import Encoded
from tests.models.neural_cases import trained
from tests.training.texts import TYPES, VOCABULARY


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["lstm", "gru", "min-gru", "qrnn"])
def test_the_gates_agree_with_torchs_recurrence(cell: str, layers: int) -> None:
    torch.manual_seed(0)
    network = RnnNetwork(TYPES, Rnn(cell=cell, width=6, hidden=5, layers=layers)).eval()
    inputs = torch.randint(0, TYPES, (9,))
    found = network.gates(inputs)
    with torch.no_grad():
        states, memory = network.states(inputs[None], None)
    torch.testing.assert_close(found.state, states[0])
    if cell == "lstm":
        torch.testing.assert_close(found.cell[-1], memory["cell"][0, -1])
    for gate in (found.keep, found.take, *(() if found.show is None else (found.show,))):
        assert bool(((gate > 0) & (gate < 1)).all())


@pytest.mark.parametrize("cell", ["min-gru", "qrnn"])
def test_the_parallel_cells_equations(cell: str) -> None:
    torch.manual_seed(1)
    network = RnnNetwork(TYPES, Rnn(cell=cell, width=3, hidden=4)).double().eval()
    inputs = torch.randint(0, TYPES, (7,))
    x = network.head.table.detach().numpy()[inputs]
    weights = network.recurrence.state_dict()
    W, b = weights["layers.0.weight"].numpy(), weights["layers.0.bias"].numpy()
    state, shown = np.zeros(4), []
    for i in range(7):
        if cell == "min-gru":
            a = W @ x[i] + b
            take = 1 / (1 + np.exp(-a[:4]))
            state = (1 - take) * state + take * a[4:]
            shown.append(state)
        else:
            a = W @ np.concatenate([x[i - 1] if i else np.zeros(3), x[i]]) + b
            keep, show = 1 / (1 + np.exp(-a[:4])), 1 / (1 + np.exp(-a[8:]))
            state = keep * state + (1 - keep) * np.tanh(a[4:8])
            shown.append(show * state)
    with torch.no_grad():
        found = network.states(inputs[None], None)[0][0].numpy()
    np.testing.assert_allclose(found, shown, atol=1e-6)


def test_only_attention_distinguishes_the_two_models() -> None:
    plain, attentive = Rnn().hyperparameters(), RnnAttention().hyperparameters()
    assert {name: attentive[name] for name in plain} == plain
    assert set(attentive) - set(plain) == {"scores", "attention", "window"}
    assert Rnn.presets["quick"] == RnnAttention.presets["quick"]


@pytest.mark.parametrize("case", ["plain-lstm", "plain-gru", "min-gru", "qrnn"])
def test_what_it_shows_is_what_it_computes(case: str) -> None:
    model = trained(case)
    assert isinstance(model, Rnn)
    found = list(model.exhibits(Encoded.from_documents([[2, 3, 4, 5, 6, 1]], VOCABULARY)))
    opened = next(e for e in found if isinstance(e, Heatmap))
    assert len(opened.rows) == 6  # the beginning and the words that are read
    network = model.trained_as(RnnNetwork)
    keep = network.gates(network.inputs(np.array([2, 3, 4, 5, 6]))[0]).keep
    assert opened.values[0][3][0] == pytest.approx(float(keep[3].mean()))
    assert isinstance(found[0], WorkedEquation)
    assert "the sentence read by itself" in found[0].note
    formulas_hold(found[0])


def formulas_hold(worked: WorkedEquation) -> None:
    """Each line that gives a formula has the value that follows from the other lines."""
    values = {re.split(":| =", label)[0]: value for label, value in worked.lines}
    names = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(values, key=len, reverse=True)))
    formulas = [label.split(" = ") for label, _ in worked.lines if " = " in label]
    assert formulas
    for name, formula in formulas:
        with_numbers = names.sub(lambda found: f"({values[found[0]]})", formula)
        expected = eval(with_numbers.replace("·", "*").replace("−", "-"), {"tanh": np.tanh})
        assert values[name] == pytest.approx(expected, abs=1e-6)


def test_an_elman_network_shows_its_first_layer() -> None:
    model = trained("elman")
    assert isinstance(model, Rnn)
    found = list(model.exhibits(Encoded.from_documents([[2, 3, 4, 5, 6, 1]], VOCABULARY)))
    worked = found[0]
    assert isinstance(worked, WorkedEquation)
    assert not any(isinstance(each, Heatmap) for each in found)
    formulas_hold(worked)
    network = model.trained_as(RnnNetwork)
    first = RnnNetwork(TYPES, Rnn(cell="elman", width=8, hidden=6)).eval()
    first.load_state_dict({**first.state_dict(), **{k: v for k, v in network.state_dict().items() if "l1" not in k}})
    with torch.no_grad():
        states = first.states(network.inputs(np.array([2, 3, 4, 5, 6])), None)[0][0]
    assert worked.lines[-2][1] == pytest.approx(
        float(states[-1][int((states[-1] - states[-2]).abs().argmax())]), abs=1e-6
    )


@pytest.mark.parametrize("kind", [Rnn, RnnAttention])
def test_the_summary_names_the_cell(kind: type[Rnn]) -> None:
    assert kind(cell="gru").summary().startswith("A GRU language model")
    assert kind(cell="qrnn").summary().startswith("A QRNN language model")
    assert kind(cell="lstm").summary().startswith("An LSTM language model")
