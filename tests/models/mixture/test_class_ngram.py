"""Tests of the class n-gram model: its formula, its gain on rare words, and small texts."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Neighbours
from lmcompare.model import Setting
from lmcompare.models.mixture.plugin import ClassNGram
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Vocabulary
from tests.models.mixture.cases import (
    NOUNS,
    animals,
    encoded,
    perplexity,
    sums_and_agrees,
    survives_small_texts,
    trained,
)


@pytest.fixture(scope="module")
def model() -> tuple[ClassNGram, Vocabulary]:
    fitted, vocabulary = trained(ClassNGram(classes=5, order=4), animals(300, 0), animals(60, 1))
    assert isinstance(fitted, ClassNGram)
    return fitted, vocabulary


def test_the_word_depends_only_on_the_classes_of_the_words_before(
    model: tuple[ClassNGram, Vocabulary],
) -> None:
    fitted, vocabulary = model
    text = encoded([["the", "cat", "sees"], ["the", "dog", "sees"]], vocabulary)
    after_cat, after_dog = np.exp(fitted.next_log_probs(text, np.array([2, 6])))
    np.testing.assert_allclose(after_cat, after_dog, rtol=1e-6)
    # within a class the shares do not depend on the context
    nouns = vocabulary.ids(NOUNS)
    after_the = np.exp(fitted.next_log_probs(text, np.array([1])))[0]
    np.testing.assert_allclose(
        after_the[nouns] / after_the[nouns].sum(), after_cat[nouns] / after_cat[nouns].sum(), rtol=1e-5
    )


def test_classes_help_if_words_are_rare() -> None:
    train, test = animals(25, 3), animals(300, 4)
    classes, vocabulary = trained(ClassNGram(classes=4, order=4), train, animals(100, 5))
    words, _ = trained(NGram(order=4), train, [])
    text = encoded(test, vocabulary)
    assert perplexity(classes, text) < perplexity(words, text) - 0.1


def test_distributions_scores_and_steps_agree(model: tuple[ClassNGram, Vocabulary]) -> None:
    fitted, vocabulary = model
    sums_and_agrees(fitted, encoded([*animals(5, 7), ["zebra", "the"], []], vocabulary))


def test_small_texts() -> None:
    survives_small_texts(lambda: ClassNGram(classes=3, order=3))
    survives_small_texts(lambda: ClassNGram(classes=1, order=1))


def test_the_classes_are_shown(model: tuple[ClassNGram, Vocabulary]) -> None:
    fitted, vocabulary = model
    shown = [e for e in fitted.exhibits(encoded(animals(2, 0), vocabulary)) if isinstance(e, Neighbours)]
    assert len(shown) == 1
    kinds = [{w, *near} for w, near in zip(shown[0].words, shown[0].neighbours, strict=True)]
    assert set(NOUNS) in kinds
    assert all(0 <= s <= 1 for each in shown[0].similarities for s in each)


@pytest.mark.parametrize("wrong", [{"classes": 0}, {"classes": 2.5}, {"order": 0}, {"order": True}])
def test_invalid_hyperparameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PluginError, match="whole number"):
        ClassNGram(**wrong)  # type: ignore[arg-type]


def test_no_text_and_another_vocabulary(model: tuple[ClassNGram, Vocabulary]) -> None:
    vocabulary = Vocabulary.build([["a"]])
    nothing = encoded([], vocabulary)
    with pytest.raises(LmcompareError, match="no tokens"):
        ClassNGram().fit(nothing, nothing, Setting(vocabulary))
    with pytest.raises(PluginError, match="vocabulary"):
        model[0].log_probs(encoded([["a"]], vocabulary))
