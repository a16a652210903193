"""The class, skip and mixture n-gram models: what each of them gains, and that all are distributions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.exhibits import Bars, Heatmap, Neighbours, WorkedEquation
from lmcompare.model import LanguageModel, Setting
from lmcompare.models.mixture import plugin
from lmcompare.models.mixture.plugin import ClassNGram, MixtureModel, NGramMixture, SkipNGram, contexts_with_gaps
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.agreement import comes_back
from tests.models.mixture.cases import (
    NOUNS,
    animals,
    encoded,
    perplexity,
    sums_and_agrees,
    survives_small_texts,
    trained,
)

pytestmark = pytest.mark.slow

KINDS: dict[str, Callable[[], MixtureModel]] = {
    "class": lambda: ClassNGram(classes=5, order=4),
    "skip": lambda: SkipNGram(order=4),
    "mixture": lambda: NGramMixture(classes=[3, 6], order=4),
}
TRAIN = animals(60, 0)


@cache
def model_of(kind: str) -> tuple[LanguageModel, Vocabulary]:
    return trained(KINDS[kind](), TRAIN, animals(600, 1, strange=0.3) if kind == "skip" else animals(60, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_distributions_scores_and_steps_agree(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, vocabulary = model_of(kind)
    monkeypatch.setattr(plugin, "BLOCK_BYTES", 8 * len(vocabulary) * 7)
    text = encoded([*animals(4, 7), ["zebra", "the"], []], vocabulary)
    sums_and_agrees(model, text)
    assert all(len(at) <= 7 for at, _ in model.stream(text))
    comes_back(model, KINDS[kind]().__class__(), text)


@pytest.mark.parametrize(
    "make", [lambda: ClassNGram(1, 1), lambda: SkipNGram(4), lambda: NGramMixture([2, 3], 3)], ids=KINDS
)
def test_small_texts(make: Callable[[], MixtureModel]) -> None:
    survives_small_texts(make)


def test_a_mixture_is_better_than_words_and_no_worse_than_classes() -> None:
    words, vocabulary = trained(NGram(order=4), TRAIN, [])
    (classes, _), (mixture, _) = model_of("class"), model_of("mixture")
    text = encoded(animals(300, 2), vocabulary)
    assert perplexity(classes, text) < perplexity(words, text) - 0.1
    assert perplexity(mixture, text) < perplexity(words, text) - 0.1
    assert perplexity(mixture, text) < perplexity(classes, text) * 1.05


def test_more_classes_than_words_are_stored_and_come_back() -> None:
    vocabulary = Vocabulary.build([["a", "b", "c"]])
    text = Encoded.from_documents([[2, 3, 4, 1] * 30], vocabulary)
    model = ClassNGram(classes=50, order=2).fit(text, text, Setting(vocabulary))
    again = ClassNGram().restore(model.state())
    np.testing.assert_array_equal(again.log_probs(text), model.log_probs(text))


def test_a_word_depends_only_on_the_classes_of_the_words_before() -> None:
    model, vocabulary = model_of("class")
    text = encoded([["the", "cat", "sees"], ["the", "dog", "sees"]], vocabulary)
    after_the, after_cat, after_dog = np.exp(model.next_log_probs(text, np.array([1, 2, 6])))
    np.testing.assert_allclose(after_cat, after_dog, rtol=1e-6)
    # within a class the shares do not depend on the context
    nouns = vocabulary.ids(NOUNS)
    shares = [row[nouns] / row[nouns].sum() for row in (after_the, after_cat)]
    np.testing.assert_allclose(shares[0], shares[1], rtol=1e-5)
    (shown,) = [e for e in model.exhibits(encoded(animals(2, 0), vocabulary)) if isinstance(e, Neighbours)]
    assert set(NOUNS) in [{w, *near} for w, near in zip(shown.words, shown.neighbours, strict=True)]
    assert all(0 <= s <= 1 for each in shown.similarities for s in each)


def test_contexts_with_one_gap() -> None:
    assert list(contexts_with_gaps(1)) == [[]]
    assert list(contexts_with_gaps(2)) == [[1]]
    assert list(contexts_with_gaps(3)) == [[1, 2], [2]]
    assert list(contexts_with_gaps(5)) == [[1, 2, 3, 4], [2, 3, 4], [3, 4], [4], [1, 3, 4], [1, 4], [1, 2, 4]]
    assert [spec.name for spec in SkipNGram(4).member_specs()] == ["· · · w", "· · _ w", "· _ _ w", "· _ · w"]


def test_an_uninformative_word_is_skipped() -> None:
    """The last word is random, and the word before it determines the next word."""

    def draw(count: int, seed: int) -> list[list[str]]:
        rng = np.random.default_rng(seed)
        return [[f"k{k}", f"n{rng.integers(0, 200)}", f"t{k}"] for k in rng.integers(0, 8, count)]

    train = draw(400, 0)
    (skip, vocabulary), (words, _) = (
        trained(model, train, draw(100, 1)) for model in (SkipNGram(order=3), NGram(order=3))
    )
    text = encoded(draw(300, 2), vocabulary)
    last = np.arange(2, len(text), 4)
    assert skip.log_probs(text)[last].mean() > np.log(0.8)
    assert words.log_probs(text)[last].mean() < np.log(0.5)


def test_unknown_words_are_as_likely_as_in_the_validation_text() -> None:
    model, vocabulary = model_of("skip")
    last = np.arange(4, 7 * 100, 7)  # the positions of the zebras
    rows = np.exp(model.next_log_probs(encoded(animals(100, 2), vocabulary), last))
    assert rows[:, vocabulary.unknown].mean() == pytest.approx(0.3, abs=0.08)
    assert any("<unk>" in note for note in model.notes)
    assert any("4,200 tokens" in note for note in model.notes)
    assert not any("<unk>" in note for note in model_of("class")[0].notes)


def test_a_mixture_shows_the_gain_and_the_weights_of_each_member() -> None:
    model, vocabulary = model_of("mixture")
    text = encoded(animals(1, 3), vocabulary)
    shown = list(model.exhibits(text))
    (worked,) = [e for e in shown if isinstance(e, WorkedEquation)]
    assert min(abs(np.exp(model.log_probs(text)) - worked.lines[-1][1])) < 1e-6
    (gains,) = [e for e in shown if isinstance(e, Bars)]
    assert gains.labels == ("words", "words and classes", "3 classes, then words", "6 classes, then words")
    when, who = [e for e in shown if isinstance(e, Heatmap)]
    assert all(sum(row) == pytest.approx(1) for row in when.values[0])  # type: ignore[arg-type]
    for column in zip(*who.values[0], strict=True):
        assert sum(column) == pytest.approx(1)


def test_contexts_of_a_mixture_stay_within_the_order() -> None:
    chains = {}
    for order in (2, 3, 4, 5):
        chains[order] = [c for s in NGramMixture([2, 4], order).member_specs() for c in [*s.chains, *s.within]]
        assert all(len(set(chain)) == len(chain) for chain in chains[order])
        assert max(distance for chain in chains[order] for distance, _ in chain) == order - 1
    assert all(len(fewer) <= len(more) for fewer, more in pairwise(chains.values()))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ClassNGram(classes=0), "whole number"),
        (lambda: ClassNGram(classes=2.5), "whole number"),  # type: ignore[arg-type]
        (lambda: ClassNGram(order=0), "order"),
        (lambda: SkipNGram(order=0), "order"),
        (lambda: NGramMixture(order=1), "order"),
        (lambda: NGramMixture(classes=[]), "list of whole numbers"),
        (lambda: NGramMixture(classes="50"), "list of whole numbers"),  # type: ignore[arg-type]
        (lambda: NGramMixture(classes=[500, 50]), "ascending"),
        (lambda: NGramMixture(classes=[0]), "each of classes"),
    ],
)
def test_invalid_hyperparameters_are_refused(make: Callable[[], MixtureModel], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        make()


def test_what_a_model_may_not_be_asked() -> None:
    vocabulary = Vocabulary.build([["a"]])
    nothing = encoded([], vocabulary)
    with pytest.raises(LmcompareError, match="no tokens"):
        ClassNGram().fit(nothing, nothing, Setting(vocabulary))
    with pytest.raises(PluginError, match="vocabulary"):
        model_of("class")[0].log_probs(encoded([["a"]], vocabulary))
    with pytest.raises(NotFittedError):
        SkipNGram().state()
