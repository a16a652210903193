"""Units that are sets of words: planted ones do what is planted, and what is read is what the network computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.lab.neurons.readable_units import (
    KINDS,
    Units,
    activations,
    favoured,
    firing,
    most_alike,
    read_set,
    unit_length,
)
from lmcompare.lab.quantisation import SetNetwork, WordSets
from lmcompare.tokens import Encoded
from tests.training.texts import VOCABULARY, chain, fitted, ragged

SMALL: dict[str, Any] = {"units": 6, "window": 3, "steps": 6, "batch": 4, "length": 16, "precision": "float32"}
TYPES = len(VOCABULARY)


def planted(thresholds: list[float], window: int = 3) -> SetNetwork:
    """Units with the set {2, 3} and the anti-set {4}, which differ in their thresholds."""
    network = SetNetwork(TYPES, len(thresholds), window, 0.0, ternary=True)
    with torch.no_grad():
        network.words.zero_()
        network.words[2:4], network.words[4] = 0.2, -0.3
        network.threshold.copy_(torch.tensor(thresholds))
    return network.eval()


@pytest.mark.parametrize(
    ("threshold", "kind"),
    [
        (-0.1, "none"),
        (0.0, "any"),
        (0.9, "any"),
        (1.0, "some"),
        (1.9, "some"),
        (2.0, "all"),
        (2.9, "all"),
        (3, "never"),
    ],
)
def test_the_threshold_decides_what_a_unit_needs(threshold: float, kind: str) -> None:
    network = planted([threshold])
    assert KINDS[Units.of(network).kinds()[0]] == kind
    for members in range(4):  # 2 and 3 are of its set, 9 is of none
        text = Encoded.from_documents([[9] * (3 - members) + [2, 3, 2][:members]], VOCABULARY)
        fires = bool(activations(network, text, np.array([3]))[0, 0])
        assert fires == (members >= {"none": 0, "any": 1, "some": 2, "all": 3, "never": 4}[kind])


def test_words_of_the_anti_set_count_against_and_words_that_occur_twice_count_twice() -> None:
    network = planted([0.5, 1.5])
    texts = {(2, 9, 9): (True, False), (2, 4, 9): (False, False), (2, 2, 9): (True, True), (2, 2, 4): (True, False)}
    for ids, expected in texts.items():
        text = Encoded.from_documents([list(ids)], VOCABULARY)
        assert tuple(activations(network, text, np.array([3]))[0].tolist()) == expected


def test_what_units_do_is_counted_on_a_text() -> None:
    network = planted([0.5, 2.5])
    text = Encoded.from_documents([[2, 3, 2, 4, 9, 9, 9], [3]], VOCABULARY)
    found = firing(network, text)
    assert found.exceptions == 0
    any_, all_ = KINDS.index("any"), KINDS.index("all")
    # the words of the set before each position: 0, 1, 2, 3, 2 (and 4), 1 (and 4), 0 (and 4); 0
    assert found.cases[any_].tolist() == [3, 2, 2, 1]
    assert found.hits[any_].tolist() == [0, 1, 2, 1]
    assert found.hits[all_].tolist() == [0, 0, 0, 1]
    assert found.asked[:, any_].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]
    assert found.fired[:, any_].tolist() == [0, 1, 1, 1, 1, 0, 0, 0]


def test_a_unit_that_is_not_what_was_read_is_an_exception() -> None:
    network, text = planted([0.5]), ragged()
    real = planted([0.5])
    real.ternary = False  # its weights are 0.2 and -0.3 over their mean, and no longer 1 and -1
    assert firing(network, text).exceptions == 0
    assert firing(real, text).exceptions > 0


@pytest.mark.slow
@pytest.mark.parametrize("ternary", [True, False])
def test_a_trained_network_is_a_bag_is_causal_and_is_restored(ternary: bool) -> None:
    model = fitted(WordSets(**SMALL, ternary=ternary))
    network = model.trained_as(SetNetwork)
    text = Encoded.from_documents([[2, 5, 3, 3, 9, 4, 6] * 3, [], [4]], VOCABULARY)
    stepwise = [
        model.next_log_probs(Encoded.from_documents([ids[:t]], VOCABULARY), np.array([t]))[0][ids[t]]
        for ids in text.documents()
        for t in range(len(ids))
    ]
    assert model.log_probs(text) == pytest.approx(np.array(stepwise), abs=1e-6)
    restored = WordSets(**SMALL, ternary=ternary).restore(model.state())
    assert restored.log_probs(text) == pytest.approx(model.log_probs(text), abs=1e-7)
    distributions = [
        model.next_log_probs(Encoded.from_documents([ids], VOCABULARY), np.array([4]))[0]
        for ids in ([7, 2, 3, 4], [8, 4, 2, 3])  # the same last three words, and another one before
    ]
    assert distributions[0] == pytest.approx(distributions[1], abs=1e-5)
    if ternary:
        assert firing(network, ragged()).exceptions == 0
        assert set(Units.of(network).values.ravel().tolist()) <= {-1, 0, 1}


@pytest.mark.slow
def test_training_with_the_rounding_moves_words_into_sets_and_out() -> None:
    one, more = (fitted(WordSets(**{**SMALL, "steps": steps}), chain(1, 20, 80)) for steps in (1, 60))
    before, after = (Units.of(model.trained_as(SetNetwork)).values for model in (one, more))
    assert (before != after).any()


def test_sets_of_words_that_are_alike_are_found() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(TYPES, 8))
    vectors[2:5] = np.eye(8)[0] + 0.01 * random.normal(size=(3, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values = np.zeros((TYPES + 1, 2), np.int8)
    values[[2, 3, 4, 11], 0], values[[1, 7, 8, 9], 1], values[5, 0] = 1, 1, -1
    units, frequent = Units(values, np.zeros(2), 3), np.arange(TYPES) < 11
    alike, other = (read_set(units, unit, 1, vectors, frequent) for unit in (0, 1))
    assert sorted(alike.words.tolist()) == [2, 3, 4]  # the last word is too rare
    assert alike.total == 4
    assert alike.alike > 0.99 > other.alike
    assert [each.unit for each in most_alike([other, alike], 2, 3)] == [0, 1]
    assert read_set(units, 0, -1, vectors, frequent).words.tolist() == [5]
    assert read_set(units, 1, -1, vectors, frequent).alike == 0.0


def test_the_words_that_a_unit_makes_more_likely() -> None:
    table = np.array([[0.0, 2.0], [3.0, 4.0], [0.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    found = favoured(1, unit_length(table), np.array([True, True, True, False, True]), 2)
    assert found.words.tolist() == [0, 1]  # the fourth word is too rare
    assert found.similarities == pytest.approx([1.0, 0.8])
