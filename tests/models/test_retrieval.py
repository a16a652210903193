"""Tests of retrieval: its neighbours and probabilities against brute force, and its errors."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from lmcompare import plugins
from lmcompare.exhibits import Sources, WorkedEquation
from lmcompare.model import LanguageModel, Setting
from lmcompare.models.retrieval import plugin
from lmcompare.models.retrieval.datastore import Contexts, Datastore
from lmcompare.models.retrieval.plugin import Retrieval
from lmcompare.tokens import Encoded, IntArray, Vocabulary
from tests.models.mixture.cases import animals, encoded, perplexity, sums_and_agrees

pytestmark = pytest.mark.slow

# In nats; the kit allows as much. A network that reads a text in other pieces rounds differently, and the contexts of
# these texts are so alike that the distances are 40,000 times smaller than the squared norms.
NETWORK = 1e-4

SMALL = {"width": 8, "heads": 1, "layers": 1, "steps": 6, "batch": 4, "length": 8, "precision": "float32"}
VOCABULARY = Vocabulary.build(animals(40, 0))
TRAIN, VALID = (encoded(animals(size, seed), VOCABULARY) for size, seed in ((40, 0), (20, 1)))
TEST = Encoded.from_documents([encoded(animals(3, seed), VOCABULARY).ids for seed in (2, 3)], VOCABULARY)


@pytest.fixture(scope="module")
def model() -> Retrieval:
    return Retrieval(options=SMALL, neighbours=8).fit(TRAIN, VALID, Setting(VOCABULARY))


def test_its_probabilities_are_those_of_brute_force(model: Retrieval) -> None:
    base, mixing = model._base, model._mixing
    keys = base.context_vectors(TRAIN, np.arange(len(TRAIN) - 1))
    assert keys is not None
    keys = keys.astype(np.float16).astype(np.float64)
    found = np.exp(model.next_log_probs(TEST, np.arange(len(TEST))))
    own = np.exp(base.next_log_probs(TEST, np.arange(len(TEST))).astype(np.float64))
    assert mixing.weight > 0
    for at in range(len(TEST)):
        if at in TEST.starts:  # nothing precedes it
            assert found[at] == pytest.approx(own[at], rel=1e-5)
            continue
        query = base.context_vectors(TEST, np.array([at - 1]))
        assert query is not None
        squares = ((keys - query.astype(np.float64)) ** 2).sum(1)
        order = np.argsort(squares, kind="stable")
        border = squares[order[8]]
        counts = np.zeros(len(VOCABULARY))
        for k in order[:8]:
            counts[TRAIN.ids[k + 1]] += np.exp((border - squares[k]) / mixing.temperature) - 1
        expected = own[at] if not counts.sum() else (1 - mixing.weight) * own[at]
        expected = expected + (mixing.weight * counts / counts.sum() if counts.sum() else 0.0)
        assert found[at] == pytest.approx(expected, abs=1e-5)


def test_contexts_are_not_rounded_so_that_one_read_in_other_pieces_is_the_same(model: Retrieval) -> None:
    vectors = Contexts.before(model._base, TEST, np.arange(1, 20)).vectors
    assert not np.array_equal(vectors, vectors.astype(np.float16))
    store = model._store
    assert store is not None
    there = np.ones(len(vectors), np.bool_)
    one, other = (
        model._mixing.shares(store.nearest(Contexts(vectors * np.float32(scale), there), 8))
        for scale in (1, 1 + 1e-6)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_they_agree_closely_where_the_network_gives_the_same_vectors(
    model: Retrieval, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Contexts.before

    def rounded(base: LanguageModel, text: Encoded, at: IntArray) -> Contexts:
        found = before(base, text, at)
        return Contexts(np.round(found.vectors * 256) / np.float32(256), found.there)

    monkeypatch.setattr(Contexts, "before", rounded)
    sums_and_agrees(model, TEST)


def test_what_was_chosen_on_the_validation_text_helps_there(model: Retrieval) -> None:
    before, after = model._mixing.perplexities
    assert after < before
    assert after == pytest.approx(perplexity(model, VALID), rel=1e-4)
    assert before == pytest.approx(perplexity(model._base, VALID), rel=1e-4)


def test_parts_of_a_long_text_are_searched_one_after_the_other(model: Retrieval) -> None:
    whole = model.log_probs(TEST)
    with patch.object(plugin, "PART", 8), patch.object(plugin, "QUERIES", 3):
        assert model.log_probs(TEST) == pytest.approx(whole, abs=1e-6)
        sums_and_agrees(model, TEST, rounding=NETWORK)


def test_a_large_datastore_is_a_sample(model: Retrieval) -> None:
    store = Datastore.of(model._base, TRAIN, 20, 0)
    assert len(store) == 20
    assert (store.following == TRAIN.ids[store.places]).all()
    again = Datastore.of(model._base, TRAIN, 20, 0)
    assert (store.places == again.places).all()
    itself = store.nearest(Contexts(store.vectors, np.ones(20, np.bool_)), 3)
    nearest = store.vectors[itself.which[:, 0]]
    assert (nearest == store.vectors).all()


def test_its_exhibits_have_its_own_numbers(model: Retrieval) -> None:
    sentences = TEST.split_sentences()
    shown = list(model.exhibits(sentences))
    worked = next(each for each in shown if isinstance(each, WorkedEquation))
    own, _, _, retrieved, weight, mixed = (value for _, value in worked.lines)
    assert mixed == pytest.approx((1 - weight) * own + weight * retrieved)
    sources = next(each for each in shown if isinstance(each, Sources))
    assert [guess.token for guess in sources.guesses] == [
        VOCABULARY[int(i)] for i in sentences.ids[: len(sources.guesses)]
    ]
    for guess in sources.guesses:
        assert all(passage.next == guess.guess for passage in guess.passages)
        assert guess.occurs in (0, 8)
    assert any(each.title.startswith("Without retrieval: ") for each in shown)


@pytest.mark.parametrize("train", [[["the"]], [["the", "cat", "."]]])
def test_small_texts(train: list[list[str]]) -> None:
    for valid in ([], [["a"]]):
        model = Retrieval(options=SMALL).fit(
            encoded(train, VOCABULARY), encoded(valid, VOCABULARY), Setting(VOCABULARY)
        )
        sums_and_agrees(model, encoded([["a", "strange", "cat"], []], VOCABULARY), rounding=NETWORK)


def test_a_base_may_be_any_network() -> None:
    options = {"width": 8, "hidden": 8, "steps": 3, "batch": 4, "length": 8, "precision": "float32"}
    model = Retrieval("rnn", options).fit(TRAIN, VALID, Setting(VOCABULARY))
    sums_and_agrees(model, TEST, rounding=NETWORK)
    assert (
        model.size().parameters
        == plugins.build("rnn", options).fit(TRAIN, VALID, Setting(VOCABULARY)).size().parameters + 2
    )
