"""Tests of the skip n-gram model: its gaps, their use, and small texts."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.errors import PluginError
from lmcompare.models.mixture.plugin import SkipNGram, contexts_with_gaps
from lmcompare.models.ngram.plugin import NGram
from tests.models.mixture.cases import animals, encoded, perplexity, sums_and_agrees, survives_small_texts, trained


def test_contexts_with_one_gap() -> None:
    assert list(contexts_with_gaps(1)) == [[]]
    assert list(contexts_with_gaps(2)) == [[1]]
    assert list(contexts_with_gaps(3)) == [[1, 2], [2]]
    assert list(contexts_with_gaps(5)) == [[1, 2, 3, 4], [2, 3, 4], [3, 4], [4], [1, 3, 4], [1, 4], [1, 2, 4]]


def test_it_skips_an_uninformative_word() -> None:
    """The last word is random, and the word before it determines the next word."""

    def draw(count: int, seed: int) -> list[list[str]]:
        rng = np.random.default_rng(seed)
        kinds = rng.integers(0, 8, count)
        return [[f"k{k}", f"n{rng.integers(0, 200)}", f"t{k}"] for k in kinds]

    train = draw(400, 0)
    skip, vocabulary = trained(SkipNGram(order=3), train, draw(100, 1))
    words, _ = trained(NGram(order=3), train, [])
    text = encoded(draw(300, 2), vocabulary)
    last = np.arange(2, len(text), 4)
    assert skip.log_probs(text)[last].mean() > np.log(0.8)
    assert words.log_probs(text)[last].mean() < np.log(0.5)


def test_distributions_scores_and_steps_agree() -> None:
    model, vocabulary = trained(SkipNGram(order=4), animals(100, 0), animals(40, 1, strange=0.2))
    sums_and_agrees(model, encoded([*animals(4, 7), ["zebra", "the"], []], vocabulary))
    assert any("<unk>" in note for note in model.notes)


def test_unknown_words_are_as_likely_as_in_the_validation_text() -> None:
    train, valid = animals(200, 0), animals(800, 1, strange=0.3)
    model, vocabulary = trained(SkipNGram(order=4), train, valid)
    last = np.arange(4, 7 * 100, 7)  # the positions of the zebras
    rows = np.exp(model.next_log_probs(encoded(animals(100, 2), vocabulary), last))
    assert rows[:, vocabulary.unknown].mean() == pytest.approx(0.3, abs=0.08)


def test_small_texts() -> None:
    survives_small_texts(lambda: SkipNGram(order=4))
    survives_small_texts(lambda: SkipNGram(order=1))


def test_an_invalid_order_is_refused() -> None:
    with pytest.raises(PluginError, match="order must be a whole number"):
        SkipNGram(order=0)


def test_training_again_gives_the_same_scores() -> None:
    one, two = (trained(SkipNGram(order=3), animals(80, 0), animals(40, 1)) for _ in range(2))
    text = encoded(animals(20, 2), one[1])
    assert np.array_equal(one[0].log_probs(text), two[0].log_probs(text))
    assert perplexity(one[0], text) < len(one[1])
