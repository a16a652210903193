"""The cache over other models: its memory, its documents, and what it refuses."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from lmcompare import plugins
from lmcompare.errors import PluginError
from lmcompare.exhibits import Bars, Heatmap, WorkedEquation
from lmcompare.model import FloatArray, LanguageModel, Setting, State
from lmcompare.models.cache.plugin import CacheModel
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.models.agreement import comes_back
from tests.models.mixture.cases import animals, encoded, perplexity, sums_and_agrees, survives_small_texts

pytestmark = pytest.mark.slow

BASE: dict[str, Any] = {"base": "ngram", "options": {"order": 3}}


def topical(documents: int, seed: int) -> list[list[list[str]]]:
    """Return documents that each have one of forty names in every second sentence."""
    rng = np.random.default_rng(seed)
    names = [f"name{k}" for k in range(40)]
    return [
        [[name if rng.random() < 0.5 else str(rng.choice(names)), "sees", "a", "cat", "."] for _ in range(12)]
        for name in rng.choice(names, documents)
    ]


def joined(documents: list[list[list[str]]], vocabulary: Vocabulary) -> Encoded:
    """Return one text of several documents."""
    return Encoded.from_documents([encoded(d, vocabulary).ids for d in documents], vocabulary)


@cache
def fitted_to_topics(carry: bool = False) -> tuple[CacheModel, Vocabulary]:
    train = topical(30, 0)
    vocabulary = Vocabulary.build([sentence for document in train for sentence in document])
    texts = joined(train, vocabulary), joined(topical(30, 1), vocabulary), Setting(vocabulary)
    model = CacheModel(**BASE, half_lives=[20, 1000], carry=carry).fit(*texts)
    model.study(*texts)
    return model, vocabulary


@pytest.fixture
def model() -> tuple[CacheModel, Vocabulary]:
    return fitted_to_topics()


def test_words_that_occurred_become_more_likely(model: tuple[CacheModel, Vocabulary]) -> None:
    learner, vocabulary = model
    text = joined(topical(40, 2), vocabulary)
    assert perplexity(learner, text) < 0.95 * perplexity(learner._base, text)


def test_it_agrees_with_itself_and_comes_back(model: tuple[CacheModel, Vocabulary]) -> None:
    learner, vocabulary = model
    sums_and_agrees(learner, joined([*topical(2, 3), [["nobody", "sees"]], []], vocabulary))
    comes_back(learner, CacheModel(**learner.hyperparameters()), joined(topical(3, 6), vocabulary).split_sentences())
    assert learner.title() == "3-gram that remembers the document, Kneser-Ney"


def test_a_document_is_forgotten_unless_carried() -> None:
    for carry in (False, True):
        learner, vocabulary = fitted_to_topics(carry)
        assert learner.traits.adaptive == carry
        one, two = (joined(topical(1, seed), vocabulary) for seed in (4, 5))
        both = Encoded.from_documents([one.ids, two.ids], vocabulary)
        alone = np.concatenate([learner.log_probs(one), learner.log_probs(two)])
        assert np.allclose(learner.log_probs(both), alone, atol=1e-12) is not carry
        sums_and_agrees(learner, both)
        assert ("carried" in learner.notes[-1]) == carry
        tokens = len(joined(topical(30, 1), vocabulary))
        assert f"{tokens:,} tokens" in learner.notes[-1]


def test_its_equation_is_worked_with_its_own_numbers(model: tuple[CacheModel, Vocabulary]) -> None:
    learner, vocabulary = model
    shown = list(learner.exhibits(joined(topical(1, 6), vocabulary).split_sentences()))
    worked = next(e for e in shown if isinstance(e, WorkedEquation))
    gamma = next(value for what, value in worked.lines if what.startswith("γ"))
    levels = [value for what, value in worked.lines if what.startswith("P")][:-1]
    weights = [value for what, value in worked.lines if what.startswith("λ")]
    assert sum(weights) == pytest.approx(1)
    assert np.dot(weights, levels) == pytest.approx(worked.lines[-1][1])
    counted = [value for what, value in worked.lines if what.startswith("c(")]
    masses = [value for what, value in worked.lines if what.startswith("C")]
    for below, above, count, mass in zip(levels[:-1], levels[1:], counted, masses, strict=True):
        assert above == pytest.approx((count + gamma * below) / (mass + gamma))
    twice = next(e for e in shown if isinstance(e, Heatmap))
    first, second = (np.array(line, float) for line in twice.values[0])
    assert np.log(second).mean() > np.log(first).mean()
    gains, trusted, *_ = [e for e in shown if isinstance(e, Bars)]
    assert gains.labels == ("0 to 29", "30 to 99")
    assert gains.values[1] > gains.values[0] > 0
    assert sum(trusted.values) == pytest.approx(100)
    words = ("words, half-life 1,000", "words, half-life 20")
    assert trusted.labels[:4] == ("ngram, without memory", *words, "pairs, half-life 1,000")
    assert any(e.title == "Without memory, ngram: its equation" for e in shown)


def test_small_texts() -> None:
    survives_small_texts(lambda: CacheModel(**BASE))


def test_over_a_network_it_has_its_word_vectors() -> None:
    vocabulary = Vocabulary.build(animals(20, 0))
    learner = CacheModel(base="transformer", options={"width": 8, "heads": 1, "layers": 1, "steps": 5})
    learner.fit(encoded(animals(20, 0), vocabulary), encoded(animals(20, 1), vocabulary), Setting(vocabulary))
    sums_and_agrees(learner, encoded(animals(3, 2), vocabulary))
    assert learner.word_vectors() is not None


class Broken(LanguageModel):
    """A base that gives NaN, too few scores, or forgets to return itself."""

    def __init__(self, how: str = "nan") -> None:
        self.how = how

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Broken:
        return self if self.how != "none" else None  # type: ignore[return-value]

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        size = len(text.vocabulary)
        return np.full((len(at), size), -np.log(size), np.float16 if self.how == "half" else np.float64)

    def log_probs(self, text: Encoded) -> FloatArray:
        return {"nan": np.full(len(text), np.nan), "short": np.zeros(1)}.get(self.how, super().log_probs(text))

    def state(self) -> State:
        return State()

    def restore(self, state: State) -> Broken:
        return self


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("nan", "the base, '.*:Broken'.*gave NaN"),
        ("short", "the base, '.*:Broken'.*returned shape"),
        ("none", "the base, '.*:Broken'.*return self"),
        ("half", r"Broken\.next_log_probs returned float16"),
    ],
)
def test_a_base_that_breaks_the_contract_is_named(how: str, why: str) -> None:
    vocabulary = Vocabulary.build(animals(5, 0))
    text = encoded(animals(5, 0), vocabulary)
    with pytest.raises(PluginError, match=why):
        CacheModel(base=f"{__name__}:Broken", options={"how": how}).fit(text, text, Setting(vocabulary))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"base": "nothing"}, "unknown model 'nothing'"),
        ({"base": "cache"}, "has a base itself"),
        ({"base": "ngram-file", "options": {"path": "x.arpa"}}, "which reads files"),
        ({"base": "ngram", "options": {"ordre": 3}}, "did you mean 'order'"),
        ({"order": 0}, "order"),
        *(({"half_lives": lives}, "half_lives must be a list") for lives in ([], [0], "100", [1e17], [True])),
        ({"half_lives": [100, 100]}, "must not repeat"),
        ({"carry": "false"}, "carry must be true or false"),
        ({"options": "order=4"}, "options must be a table"),
        ({"base": 3}, "base must be the name"),
    ],
)
def test_invalid_hyperparameters_are_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(PluginError, match=why):
        CacheModel(**wrong)


def test_a_change_to_the_base_is_a_change_to_the_model() -> None:
    def digest(model: LanguageModel) -> str:
        return plugins.source_digest(model)

    assert digest(CacheModel(base="unigram")) != digest(CacheModel(base="ngram"))
    assert digest(CacheModel(base="unigram")) == digest(CacheModel(base="unigram", order=2))
