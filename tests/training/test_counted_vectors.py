"""Counted vectors against the definition, computed pair by pair, and the option by which networks begin with them."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import pytest

from lmcompare.errors import LmcompareError
from lmcompare.model import Budget, Setting
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.tokens import Encoded, FloatArray
from lmcompare.training.counted_vectors import counted_vectors
from tests.training.texts import VOCABULARY

SMALL: dict[str, Any] = {"width": 8, "hidden": 6, "batch": 4, "length": 16, "precision": "float32"}


def drawn(documents: int, length: int) -> Encoded:
    random = np.random.default_rng(3)
    share = 1 / np.arange(2, len(VOCABULARY) + 2)
    ids = [random.choice(len(VOCABULARY), length, p=share / share.sum()) for _ in range(documents)]
    return Encoded.from_documents(ids, VOCABULARY)


def by_definition(text: Encoded) -> FloatArray:
    """The positive information (V, 4 V), with the pairs of each place counted one by one."""
    types, blocks = len(VOCABULARY), []
    for distance in (1, 2):
        for side in (1, -1):
            counts = np.zeros((types, types))
            for ids in text.documents():
                for here in range(len(ids)):
                    there = here + side * distance
                    if 0 <= there < len(ids):
                        counts[ids[here], ids[there]] += 1
            context = counts.sum(0) ** 0.75 / (counts.sum(0) ** 0.75).sum()
            block = np.zeros_like(counts)
            for i, j in zip(*counts.nonzero(), strict=True):
                block[i, j] = max(log(counts[i, j] / (counts[i].sum() * context[j])), 0)
            blocks.append(block)
    return np.hstack(blocks)


def test_cosines_are_those_of_the_root_of_the_information() -> None:
    text = drawn(40, 30)
    information = by_definition(text)
    value, vector = np.linalg.eigh(information @ information.T)  # U S² Uᵀ
    wanted = vector * value.clip(min=0) ** 0.25  # U √S
    found = counted_vectors(text, 32, 0)
    seen = np.bincount(text.ids, minlength=len(VOCABULARY)) > 20
    assert seen.sum() >= 5
    np.testing.assert_allclose(np.linalg.norm(found[seen], axis=1), 1.0, atol=1e-4)
    length = np.linalg.norm(wanted, axis=1)
    cosines = wanted @ wanted.T / np.outer(length, length).clip(min=1e-9)
    np.testing.assert_allclose((found @ found.T)[np.ix_(seen, seen)], cosines[np.ix_(seen, seen)], atol=1e-3)


def test_words_with_the_same_neighbours_have_the_same_vector() -> None:
    sentences = [[2, word, 4, 5] for word in (6, 7)] * 20 + [[8, 9, 10, 2]] * 20
    vectors = counted_vectors(Encoded.from_documents([np.array(s) for s in sentences], VOCABULARY), 16, 0)
    assert vectors[6] @ vectors[7] == pytest.approx(1.0, abs=1e-4)
    assert abs(vectors[6] @ vectors[9]) < 0.1


@pytest.mark.parametrize("ids", [[], [2], [2, 2], [2, 3]])
def test_a_text_that_is_too_short_has_vectors_too(ids: list[int]) -> None:
    text = Encoded.from_documents([np.array(ids, np.int64)], VOCABULARY)
    vectors = counted_vectors(text, 64, 0)
    assert vectors.shape == (len(VOCABULARY), 64)
    assert 0.5 < np.linalg.norm(vectors, axis=1).mean() < 1.5
    assert (vectors == counted_vectors(text, 64, 0)).all()
    assert (vectors != counted_vectors(text, 64, 1)).any()


def test_a_network_begins_with_them_if_it_is_told() -> None:
    text = drawn(30, 20)
    setting = Setting(VOCABULARY, budget=Budget(steps=1))
    model = Rnn(**SMALL, start="counts", learning_rate=1e-9, weight_decay=0.0).fit(text, text, setting)
    np.testing.assert_allclose(model.word_vectors(), counted_vectors(text, 8, 0), atol=1e-6)
    with pytest.raises(LmcompareError, match="start is one of random, counts, not 'glove'"):
        Rnn(start="glove")
    assert sqrt(float((Rnn(**SMALL).fit(text, text, setting).word_vectors() - model.word_vectors()).std())) > 0.1
