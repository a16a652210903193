"""A film shows the training that it watches, and changes nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmcompare.lab.film import FRAMES, KINDS, Camera, FilmedTransformer, gradient_norms, projected, shown_sentence
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.tokens import UNKNOWN_ID, Encoded
from lmcompare.training.spelling import spelled
from tests.lab.test_changes import SMALL
from tests.training.texts import VOCABULARY, chain, fitted

pytestmark = pytest.mark.slow


def small(steps: int) -> dict[str, Any]:
    return SMALL | {"steps": steps}


def test_a_filmed_training_is_the_same_training() -> None:
    filmed, plain = fitted(FilmedTransformer(**small(30))), fitted(Transformer(**small(30)))
    theirs = plain.trained_network().state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in filmed.trained_network().state_dict().items())


def test_frames_are_at_steps_that_grow_like_powers() -> None:
    model = fitted(FilmedTransformer(**small(200)))
    assert isinstance(model, FilmedTransformer)
    film = model.film
    assert film is not None
    assert (film.steps[0], film.steps[1], film.steps[-1]) == (0, 1, 200)
    assert 15 <= len(film.steps) <= FRAMES
    gaps = np.diff(np.log(film.steps[1:]))
    assert gaps.max() < 0.8
    assert len(film.maps) == len(film.next) == len(film.vectors) == len(film.steps)
    maps = np.array(film.maps)
    size = len(film.sentence)  # <s> and all but the last token
    assert maps.shape == (len(film.steps), 2, 2, size, size)
    assert maps.sum(axis=-1) == pytest.approx(1.0, abs=0.01)
    # the last frame is the trained network
    network = model.trained_as(TransformerNetwork)
    final = network.maps(np.array(film.sentence[:-1]))[1].weights[0].numpy()
    assert maps[-1, 1] == pytest.approx(final, abs=1e-3)
    chances = np.exp(
        model.next_log_probs(Encoded.from_documents([film.sentence[:-1]], VOCABULARY), np.array([size - 1]))
    )
    assert film.next[-1] == pytest.approx(chances[0, film.likely].tolist(), abs=1e-4)
    assert film.sentence[-1] in film.likely
    assert set(film.norms) == set(KINDS)
    assert all(len(norms) == len(film.norm_steps) and min(norms) > 0 for norms in film.norms.values())
    restored = FilmedTransformer(**small(200)).restore(model.state())
    assert restored.film == film


def test_the_norm_of_all_gradients_is_that_of_torch() -> None:
    network = fitted(Transformer(**small(4))).trained_network()
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    rest = [p.grad for name, p in network.named_parameters() if not any(part in name for part in KINDS.values())]
    left = sum(float(gradient.square().sum()) for gradient in rest if gradient is not None)
    total = torch.nn.utils.clip_grad_norm_(network.parameters(), 1e9)
    squares = sum(norm**2 for norm in gradient_norms(network).values())
    assert squares + left == pytest.approx(float(total) ** 2, rel=1e-4)


def test_the_gradient_of_word_vectors_counts_their_part_for_spelling() -> None:
    network = fitted(Transformer(**small(4))).trained_network()
    with spelled(network.head, [f"walk{letter}ing" for letter in "abcdefghijkl"]):
        for parameter in network.head.parameters():
            parameter.grad = torch.ones_like(parameter)
        numbers = sum(p.numel() for p in network.head.parameters() if p.dim() == 2)
        assert gradient_norms(network)["word vectors"] == pytest.approx(numbers**0.5)


def test_what_was_seen_outlives_an_interruption(tmp_path: Path) -> None:
    network = fitted(Transformer(**small(4))).trained_as(TransformerNetwork)
    given = network, np.array([2, 3, 4]), np.array([5, 6]), 50
    first = Camera(*given, tmp_path)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    first(0)
    first(1)
    again = Camera(*given, tmp_path)
    assert again.film(50) == first.film(50)
    assert again.film(50).steps == [0, 1, 50]


def test_the_plane_is_that_of_the_end() -> None:
    random = np.random.default_rng(0)
    last = random.normal(size=(30, 5)) * [5, 3, 0.1, 0.1, 0.1]
    found = projected(np.stack([last * 0.5, last]))
    assert found.shape == (2, 30, 2)
    spread = found[1].var(axis=0)
    assert spread[0] > spread[1] > 1
    assert spread.sum() == pytest.approx(last.var(axis=0).sum(), rel=0.02)


def test_the_sentence_has_a_length_that_can_be_shown() -> None:
    short, fitting = [2, 3, VOCABULARY.end], [2, 3, 4, 5, 6, 7, 8, 9, VOCABULARY.end]
    text = Encoded.from_documents([[*short, *fitting]], VOCABULARY)
    assert shown_sentence(text).tolist() == fitting[:-1]
    with_unknown = [2, UNKNOWN_ID, *fitting[2:]]
    both = Encoded.from_documents([[*with_unknown, *fitting]], VOCABULARY)
    assert shown_sentence(both).tolist() == fitting[:-1]
    assert shown_sentence(Encoded.from_documents([with_unknown], VOCABULARY)).tolist() == with_unknown[:-1]
    assert len(shown_sentence(chain(0, 1, 3))) <= 7
