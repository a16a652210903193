"""A training learns what a picture of a prompt is, and gives the same pictures again."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.lab.diffusion.data import Digits, Part, negated, random_vectors, single
from lmcompare.lab.diffusion.model import DiffusionModel, Recipe, rate_of, train

pytestmark = pytest.mark.slow

SHORT = Recipe(steps=6, batch=8, sampling_steps=5)


def trained(part: Part, recipe: Recipe, seed: int = 0) -> DiffusionModel:
    return train(part, random_vectors(8, 0), seed, recipe, lambda done: None)


@pytest.fixture(scope="module")
def part() -> Part:
    return Digits.load().diffusion


def test_the_same_seed_gives_the_same_pictures(part: Part) -> None:
    prompts = [single(3), negated(1)]
    one, again, other = (trained(part, SHORT, seed).sample(prompts, 2.0, 5) for seed in (0, 0, 1))
    assert (one == again).all()
    assert not np.allclose(one, other)
    model = trained(part, SHORT)
    assert not np.allclose(model.sample(prompts, 2.0, 6), one)
    assert one.shape == (2, 64)
    assert np.abs(one).max() <= 1


def test_without_strength_the_prompt_changes_nothing(part: Part) -> None:
    model = trained(part, SHORT)
    assert np.allclose(model.sample([single(3)], 0.0, 5), model.sample([single(8)], 0.0, 5), atol=1e-6)
    assert not np.allclose(model.sample([single(3)], 1.0, 5), model.sample([single(8)], 1.0, 5), atol=1e-6)


def test_a_film_ends_with_the_picture_and_its_attention_is_a_share(part: Part) -> None:
    model, prompts = trained(part, SHORT), [single(3), negated(1)]
    film = model.film(prompts, 2.0, 5)
    assert np.array_equal(film.pictures, model.sample(prompts, 2.0, 5))
    assert np.allclose(film.guesses[-1], film.pictures)
    assert film.noised.shape == film.guesses.shape == (5, 2, 64)
    assert film.attention.shape == (5, 2, 64, 3)
    assert np.allclose(film.attention.sum(-1), 1, atol=1e-5)
    assert not film.attention[:, 0, :, 2].any()  # "a three" has two words
    assert film.at[0] == 99
    assert film.at[-1] == 0


def test_two_pictures_are_learnt_by_their_words() -> None:
    black, white = np.full((1, 64), -0.9, np.float32), np.full((1, 64), 0.9, np.float32)
    part = Part(np.concatenate([black, white]), np.array([0, 6]), np.array([0, 1]))
    model = trained(part, Recipe(steps=150, batch=32, averaged=0.9, sampling_steps=10))
    dark, light = model.sample([single(0), single(6)], 2.0, 1).mean(axis=1)
    assert dark < -0.5
    assert light > 0.5


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = Recipe(steps=200, rate=1.0)
    rates = [rate_of(step, recipe) for step in range(200)]
    assert rates[0] == pytest.approx(1 / 50)
    assert max(rates) < 1
    assert int(np.argmax(rates)) == pytest.approx(49, abs=3)
    assert rates[-1] < 0.001
