"""Tests of the n-gram mixture: better than its members, and correct on small texts."""

from __future__ import annotations

import json

import pytest

from lmcompare.errors import PluginError
from lmcompare.exhibits import Bars, Heatmap
from lmcompare.models.mixture.plugin import ClassNGram, NGramMixture
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Vocabulary
from tests.models.mixture.cases import animals, encoded, perplexity, sums_and_agrees, survives_small_texts, trained


@pytest.fixture(scope="module")
def model() -> tuple[NGramMixture, Vocabulary]:
    fitted, vocabulary = trained(NGramMixture(classes=[3, 6], order=4), animals(60, 0), animals(60, 1))
    assert isinstance(fitted, NGramMixture)
    return fitted, vocabulary


def test_it_is_better_than_words_and_no_worse_than_classes(model: tuple[NGramMixture, Vocabulary]) -> None:
    mixture, vocabulary = model
    text = encoded(animals(300, 2), vocabulary)
    words, _ = trained(NGram(order=4), animals(60, 0), [])
    classes, _ = trained(ClassNGram(classes=6, order=4), animals(60, 0), animals(60, 1))
    assert perplexity(mixture, text) < perplexity(words, text) - 0.05
    assert perplexity(mixture, text) < perplexity(classes, text) * 1.01


def test_distributions_scores_and_steps_agree(model: tuple[NGramMixture, Vocabulary]) -> None:
    mixture, vocabulary = model
    sums_and_agrees(mixture, encoded([*animals(4, 7), ["zebra", "the"], []], vocabulary))


def test_restoring_the_state_gives_the_same_model(model: tuple[NGramMixture, Vocabulary]) -> None:
    mixture, vocabulary = model
    state = mixture.state()
    kept = type(state)(state.arrays, json.loads(json.dumps(state.values)))
    again = NGramMixture().restore(kept)
    text = encoded(animals(5, 3), vocabulary)
    assert again.hyperparameters() == {"classes": [3, 6], "order": 4}
    assert (again.log_probs(text) == mixture.log_probs(text)).all()
    assert list(again.exhibits(text)) == list(mixture.exhibits(text))
    assert again.notes == mixture.notes


def test_it_shows_the_gain_and_the_weights_of_each_member(model: tuple[NGramMixture, Vocabulary]) -> None:
    mixture, vocabulary = model
    shown = list(mixture.exhibits(encoded(animals(1, 3), vocabulary)))
    (gains,) = [e for e in shown if isinstance(e, Bars)]
    assert gains.labels == ("words", "words and classes", "3 classes, then words", "6 classes, then words")
    when, who = [e for e in shown if isinstance(e, Heatmap)]
    assert all(sum(row) == pytest.approx(1) for row in when.values[0])  # type: ignore[arg-type]
    for column in zip(*who.values[0], strict=True):
        assert sum(column) == pytest.approx(1)


def test_contexts_stay_within_the_order() -> None:
    for order in (2, 3, 4, 5):
        for spec in NGramMixture(classes=[2, 4], order=order).member_specs():
            for chain in [*spec.chains, *spec.within]:
                assert len(set(chain)) == len(chain)
                assert max(distance for distance, _ in chain) < order


def test_small_texts() -> None:
    survives_small_texts(lambda: NGramMixture(classes=[2, 3], order=3))


@pytest.mark.parametrize(
    "wrong", [{"classes": []}, {"classes": "50"}, {"classes": [500, 50]}, {"classes": [0]}, {"order": 1}]
)
def test_invalid_hyperparameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PluginError):
        NGramMixture(**wrong)  # type: ignore[arg-type]
