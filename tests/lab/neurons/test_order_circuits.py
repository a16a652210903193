"""Networks that are built by hand to know an order, against all texts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lmcompare.lab.neurons.two_words import (
    NAMES,
    A,
    AttentionHead,
    B,
    RecurrentUnit,
    a_is_first,
    answers_right,
    deep_bag_right,
    texts,
)


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
