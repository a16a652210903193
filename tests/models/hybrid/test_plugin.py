"""Tests of the mixture of a network and counts, against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Bars, WorkedEquation
from lmcompare.model import Budget, Setting
from lmcompare.models.hybrid.plugin import Hybrid
from lmcompare.models.hybrid.unseen_scores import PARTS, unseen_scores, without
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, Vocabulary
from lmcompare.training.class_softmax import ClassHead
from tests.models.mixture.cases import animals, encoded, sums_and_agrees

SMALL = {"width": 8, "hidden": 8, "steps": 20, "batch": 4, "length": 8, "precision": "float32"}
VOCABULARY = Vocabulary.build(animals(30, 0, strange=0.3))
TRAIN, VALID, TEST = (encoded(animals(size, seed), VOCABULARY) for size, seed in ((30, 0), (10, 1), (4, 2)))


@pytest.fixture(scope="module")
def model() -> Hybrid:
    return Hybrid(options=SMALL, order=3).fit(TRAIN, VALID, Setting(VOCABULARY))


def test_each_token_is_scored_by_counts_that_have_not_seen_it() -> None:
    seen: list[Encoded] = []

    def fitted(text: Encoded) -> NGram:
        seen.append(text)
        return NGram(3).fit(text, VALID, Setting(VOCABULARY))

    scores = unseen_scores(TRAIN, fitted)
    assert len(seen) == PARTS
    edges = np.linspace(0, len(TRAIN), PARTS + 1).astype(int)
    for text, first, last in zip(seen, edges[:-1], edges[1:], strict=True):
        assert text.ids.tolist() == [*TRAIN.ids[:first], *TRAIN.ids[last:]]
    own = NGram(3).fit(TRAIN, VALID, Setting(VOCABULARY)).log_probs(TRAIN)
    assert scores.mean() < own.mean() - 0.1  # counts of the text itself know it too well


def test_what_follows_a_part_that_is_left_out_begins_a_document() -> None:
    text = Encoded.from_documents([[2, 3, 4, 5], [3, 2], [4, 4, 1]], VOCABULARY)
    for first, last, starts in (
        (0, 2, [0, 2, 4]),
        (1, 3, [0, 1, 2, 4]),
        (3, 7, [0, 3]),
        (6, 9, [0, 4]),
        (4, 6, [0, 4]),
    ):
        left = without(text, first, last)
        assert left.ids.tolist() == [*text.ids[:first], *text.ids[last:]]
        assert left.starts.tolist() == starts


def test_the_mixture_is_that_of_its_parts(model: Hybrid) -> None:
    shares = model.shares(TEST)
    assert ((shares > 0) & (shares < 1)).all()
    assert shares.std() > 0  # it depends on what was read
    network, counts = model._base, model._counts
    expected = np.log((1 - shares) * np.exp(network.log_probs(TEST)) + shares * np.exp(counts.log_probs(TEST)))
    np.testing.assert_allclose(model.log_probs(TEST), expected, atol=1e-5)
    sums_and_agrees(model, TEST)


def test_a_step_agrees_with_reading(model: Hybrid) -> None:
    ids = TEST.ids[:5]
    stepper = model.stepper(ids[:0], VOCABULARY)
    document = Encoded.from_documents([ids], VOCABULARY)
    for at, token in enumerate(ids.tolist()):
        row = model.next_log_probs(document, np.array([at]))[0]
        np.testing.assert_allclose(stepper.log_probs(), row, atol=1e-5)
        stepper.push(token)


def test_it_is_better_than_the_counts_alone_and_is_restored(model: Hybrid) -> None:
    counts, mixture = model._losses
    assert mixture < counts
    again = Hybrid(options=SMALL, order=3).restore(model.state())
    np.testing.assert_array_equal(again.log_probs(TEST), model.log_probs(TEST))
    assert again._losses == model._losses
    assert "3-gram" in again.title()


def test_its_exhibits(model: Hybrid) -> None:
    worked, trusted, losses = model.exhibits(TEST)
    assert isinstance(worked, WorkedEquation)
    (_, of_net), (_, of_counts), (_, g), (_, both) = worked.lines
    assert both == pytest.approx((1 - g) * of_net + g * of_counts, abs=1e-5)
    assert isinstance(trusted, Bars)
    assert all(0 < value < 1 for value in trusted.values)
    assert isinstance(losses, Bars)


def test_a_limit_in_seconds_counts_the_counting() -> None:
    found = Hybrid(options=SMALL, order=2).fit(TRAIN, VALID, Setting(VOCABULARY, budget=Budget(seconds=2.0)))
    assert found.log_probs(TEST).shape == (len(TEST),)
    with pytest.raises(LmcompareError, match="budget of 0 s"):
        Hybrid(options=SMALL, order=2).fit(TRAIN, VALID, Setting(VOCABULARY, budget=Budget(seconds=1e-6)))


def test_what_can_not_be_mixed_is_refused() -> None:
    with pytest.raises(PluginError, match="choose a network"):
        Hybrid("ngram")
    with pytest.raises(PluginError, match="order"):
        Hybrid(order=0)
    with pytest.raises(LmcompareError, match="the page has no mixtures"):
        Hybrid(options=SMALL).in_page(VALID)
    with pytest.raises(LmcompareError, match="softmax over all words"):
        ClassHead(len(VOCABULARY), 4, np.arange(len(VOCABULARY)) % 2).open_gate()


def test_the_same_seed_gives_the_same_model(model: Hybrid) -> None:
    again = Hybrid(options=SMALL, order=3).fit(TRAIN, VALID, Setting(VOCABULARY))
    np.testing.assert_array_equal(again.log_probs(TEST), model.log_probs(TEST))


@pytest.mark.parametrize("candidates", [0, 9])
def test_both_kinds_of_softmax_learn_beside_counts(candidates: int) -> None:
    found = Hybrid(options={**SMALL, "candidates": candidates}, order=2).fit(TRAIN, VALID, Setting(VOCABULARY))
    gate = found._base.trained_network().head.gate
    assert gate is not None
    assert bool((gate != 0).any())
