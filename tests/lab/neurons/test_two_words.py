"""Networks built by hand know an order; probes are exact where it is planted, and at chance where there is none."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lmcompare.lab.bench import Sample
from lmcompare.lab.neurons.two_words import (
    LENGTH,
    NAMES,
    PLACES,
    A,
    AttentionHead,
    B,
    Passages,
    RecurrentUnit,
    a_is_first,
    answers_right,
    deep_bag_right,
    last_states,
    later_shares,
    texts,
    told,
)
from lmcompare.models.rnn.network import Rnn
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.models.word2vec.plugin import BagNetwork
from lmcompare.tokens import Encoded
from lmcompare.training.network import Memory, Network
from lmcompare.training.softmax import Head
from tests.training.texts import VOCABULARY, fitted


def test_all_texts_in_which_both_words_occur_once() -> None:
    every = [
        words for n in range(2, 6) for words in product(range(5), repeat=n) if words.count(A) == words.count(B) == 1
    ]
    assert sorted(texts(5)) == sorted(every)
    assert sum(map(a_is_first, every)) == len(every) / 2


@pytest.mark.parametrize("network", [RecurrentUnit(), AttentionHead()])
def test_the_networks_are_right_for_all_texts(network: RecurrentUnit | AttentionHead) -> None:
    assert answers_right(network, 6) == (3098, 3098)


@pytest.mark.parametrize(
    "network",
    [
        AttentionHead(key=0.0),
        RecurrentUnit(recurrent=0.0),
        RecurrentUnit(inputs=(0, 2, 0)),
        RecurrentUnit(threshold=3),
    ],
)
def test_without_positions_or_memory_they_are_not(network: RecurrentUnit | AttentionHead) -> None:
    correct, every = answers_right(network, 6)
    assert correct < every
    if isinstance(network, AttentionHead):
        assert correct == every / 2


def test_the_states_by_hand() -> None:
    assert RecurrentUnit().states((2, B, 3, A, 4)) == [0, 1, 1, 0, 0]
    assert RecurrentUnit().states((A, 2, B, 4)) == [0, 0, 1, 1]
    weights = AttentionHead().weights((A, B))
    assert weights == pytest.approx(np.array([1, np.exp(-1)]) / (1 + np.exp(-1)))
    assert AttentionHead().output((A, B)) == pytest.approx(weights[0] - weights[1])
    assert AttentionHead(key=0.0).output((A, 2, B)) == 0.0


def test_a_deep_network_of_the_bag_is_at_chance_and_one_of_the_last_word_is_not() -> None:
    assert deep_bag_right(4) == 0.5
    every = list(texts(4))
    assert np.mean([(words[-1] == B) == a_is_first(words) for words in every]) > 0.6
    assert len(NAMES) == 5


NUMBER = 60
PAIRS = ((2, 3), (4, 5))


@pytest.fixture
def passages() -> Passages:
    random = np.random.default_rng(0)
    words = random.integers(6, 12, (NUMBER, LENGTH))
    text = Encoded.from_documents([*words], VOCABULARY)
    units = np.arange(NUMBER)
    ones = np.ones(NUMBER)
    sample = Sample(text, units, units, NUMBER, ones, ones)
    return Passages(sample, words.astype(np.int64), PAIRS)


class Planted(Network):
    """Its state is noise, and one number that says which of two words came last, or the number of each."""

    def __init__(self, *, knows: bool) -> None:
        super().__init__()
        self.knows, self.head = knows, Head(len(VOCABULARY), 4)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        is_first, is_second = (inputs == 2) | (inputs == 4), (inputs == 3) | (inputs == 5)
        place = torch.arange(inputs.shape[1])
        last = (is_first * place).amax(1) < (is_second * place).amax(1)
        known = last.float() if self.knows else (is_first | is_second).sum(1).float()
        others = inputs * (inputs > 5)
        noise = torch.stack([(others * place % (k + 5)).sum(1).float() for k in range(3)], 1)
        state = torch.cat([noise, known[:, None]], 1)
        return state[:, None].expand(-1, inputs.shape[1], -1), {}


def test_the_two_texts_of_a_passage_have_the_same_words(passages: Passages) -> None:
    texts = passages.filled((2, 3), (6, 4))
    one, other = texts[:NUMBER], texts[NUMBER:]
    assert (np.sort(one, 1) == np.sort(other, 1)).all()
    assert (one[:, -6] == 2).all()
    assert (one[:, -4] == 3).all()
    assert (one != other).sum() == 2 * NUMBER


@pytest.mark.parametrize("documents", [1, NUMBER])
@pytest.mark.parametrize(("knows", "expected"), [(True, 1.0), (False, 0.5)])
def test_a_planted_order_is_told_and_no_other(
    passages: Passages, knows: bool, expected: float, documents: int
) -> None:
    sample = replace(passages.sample, units=np.arange(NUMBER) % documents)
    passages = replace(passages, sample=sample)
    found = told(Planted(knows=knows), passages, PLACES[0])
    assert found[0].mean() == pytest.approx(expected, abs=1e-9)
    assert found[1].mean() == pytest.approx(expected, abs=1e-9)


def test_in_a_bag_it_can_not_be_told(passages: Passages) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        bag = BagNetwork(len(VOCABULARY), 8, 16, 8, 0.0, tune=True, weights="uniform", end=1).eval()
    for places in PLACES:
        assert told(bag, passages, places)[0].mean() == 0.5


def test_a_recurrent_network_tells_it_where_the_words_are_near(passages: Passages) -> None:
    network = fitted(Rnn(width=16, hidden=32, steps=2, batch=4, length=16, precision="float32")).trained_network()
    assert last_states(network, passages.words).shape == (NUMBER, 32)
    assert told(network, passages, PLACES[0])[0].mean() > 0.7


def test_heads_of_the_first_layer_go_by_the_words_alone_without_positions(passages: Passages) -> None:
    given: dict[str, Any] = {"width": 16, "heads": 2, "layers": 2, "window": 20, "steps": 2, "precision": "float32"}
    blind = fitted(Transformer(**given, positions="none")).trained_network()
    far = fitted(Transformer(**given, positions="alibi")).trained_network()
    few = replace(passages, words=passages.words[:20])
    assert later_shares(blind, few, PLACES[0])[0] == pytest.approx(0.5)  # type: ignore[arg-type]
    with torch.no_grad():
        for block in far.blocks:  # type: ignore[union-attr]
            block.attention.query.weight.zero_()  # nothing but the distance is left
    assert later_shares(far, few, PLACES[2]).min() == 1.0  # type: ignore[arg-type]
    assert last_states(blind, few.words).shape == (20, 16 * 3)
