"""Tests of reading documents side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from lmcompare.errors import PluginError
from lmcompare.tokens import Encoded, Vocabulary
from lmcompare.training.network import Memory, Network, blank, read, select
from lmcompare.training.softmax import Head
from tests.models.neural_cases import trained
from tests.training.texts import TYPES, VOCABULARY, ragged


class Tally(Network):
    """Features that say what has been read: how many inputs of the document, their sum, and the first of them."""

    def __init__(self) -> None:
        super().__init__()
        self.head = Head(TYPES, 3)
        self.most = 0

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        self.most = max(self.most, inputs.numel())
        state = inputs.new_zeros(len(inputs), 3) if memory is None else memory["state"]
        first = torch.where(state[:, 0] == 0, inputs[:, 0], state[:, 2])
        number = state[:, :1] + torch.arange(1, inputs.shape[1] + 1)
        total = state[:, 1:2] + inputs.cumsum(1)
        features = torch.stack([number, total, first[:, None].expand_as(total)], -1)
        return features.float(), {"state": features[:, -1]}


@pytest.mark.parametrize("length", [1, 5, 128])
@pytest.mark.parametrize("room", [1, 64, 4096])
def test_each_position_is_predicted_from_its_document_up_to_it(
    length: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Network, "piece", length)
    monkeypatch.setattr(Network, "room", room)
    text = ragged()
    random = np.random.default_rng(0)
    for at in (np.arange(len(text) + 1), random.integers(0, len(text) + 1, 30), np.array([], np.int64)):
        network = Tally()
        got = np.full((len(at), 3), -1.0)
        for where, features in read(network, text, at):
            assert (got[where] == -1).all()
            got[where] = features.numpy()
        for position, (number, total, first) in zip(at, got, strict=True):
            start = text.context_starts(np.array([position]))[0]
            assert number == position - start + 1
            assert total == TYPES + text.ids[start:position].sum()
            assert first == TYPES
        assert network.most <= max(room, length)


def test_a_text_without_documents_has_one_position() -> None:
    (where, features), *rest = read(Tally(), Encoded.from_documents([], VOCABULARY), np.array([0]))
    assert where.tolist() == [0]
    assert features.tolist() == [[1.0, TYPES, TYPES]]
    assert not rest


def test_rows_of_a_memory() -> None:
    memory = {"a": torch.arange(6).view(3, 2), "b": torch.ones(3)}
    assert select(memory, slice(0, 2))["a"].tolist() == [[0, 1], [2, 3]]
    cleared = blank(memory, torch.tensor([False, True, False]))
    assert cleared["a"].tolist() == [[0, 1], [0, 0], [4, 5]]
    assert cleared["a"].dtype == torch.int64
    assert cleared["b"].tolist() == [1, 0, 1]


def test_a_text_over_another_vocabulary_is_refused() -> None:
    model = trained("rotary")
    other = Vocabulary([*VOCABULARY.tokens, "more"], np.append(VOCABULARY.counts, 1))
    text = Encoded.from_documents([[2, 3, 4]], other)
    asked: list[Callable[[], object]] = [
        lambda: model.log_probs(text),
        lambda: model.next_log_probs(text, np.array([1])),
        lambda: list(model.stream(text)),
        lambda: model.context_vectors(text, np.array([1])),
        lambda: model.stepper(np.array([2]), other),
    ]
    for each in asked:
        with pytest.raises(PluginError, match="was trained on a vocabulary of 12 types, not of 13"):
            each()
