"""Vectors of words have one scale, belong to their words, and are drawn for words that a text lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lmcompare.lab.diffusion.data import (
    TextVectors,
    all_prompts,
    context_vectors,
    either,
    random_vector,
    random_vectors,
    single,
    static_vectors,
    unknown_words,
)
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.run import Run
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray


class Told:
    """A model whose vectors are known: of a word its id and a constant, in a context also its place."""

    def word_vectors(self) -> Array:
        return np.stack([np.arange(10_000.0), np.ones(10_000)], axis=1)

    def context_vectors(self, text: Encoded, at: IntArray) -> Array:
        return np.stack([text.ids[at].astype(np.float64), at - text.context_starts(at)], axis=1)


TOLD: Any = Told()


@pytest.fixture
def corpus(run: Run) -> TokenizedCorpus:
    return run.tokens[run.scored[0].tokens_fingerprint]


def test_vectors_are_centred_and_scaled_over_all_prompts() -> None:
    vectors, there = random_vectors(16, 3).of(all_prompts())
    words = vectors[there]
    assert words.mean(0) == pytest.approx(np.zeros(16), abs=1e-5)
    assert (words**2).mean() == pytest.approx(1.0, rel=1e-5)
    assert not vectors[~there].any()


def test_a_random_vector_is_that_of_its_word_in_every_prompt() -> None:
    vectors, there = random_vectors(8, 0).of([single(7), either(7, 3)])
    assert there.tolist() == [[True, True, False], [True, True, True]]
    assert (vectors[0, 1] == vectors[1, 0]).all()
    assert (random_vector("seven", 8, 0) == random_vector("seven", 8, 0)).all()
    assert not (random_vector("seven", 8, 0) == random_vector("seven", 8, 1)).any()
    assert not (random_vector("seven", 8, 0) == random_vector("three", 8, 0)).any()


def test_words_that_the_text_lacks_are_named_and_drawn(corpus: TokenizedCorpus) -> None:
    word = next(token for token in corpus.vocabulary.tokens[5:] if token.isalpha() and token.islower())
    assert unknown_words(corpus, [word, "zyzzyva"]) == ["zyzzyva"]
    for made in (static_vectors, context_vectors):
        raw = made(TOLD, corpus, 0).raw
        known, lacking = raw((word, "zyzzyva"))
        assert known[0] == corpus.vocabulary.id(word)
        assert lacking[0] != corpus.prompt_ids("zyzzyva")[-1]
        assert (raw((word, "zyzzyva"))[1] == lacking).all()


def test_context_vectors_are_of_the_words_before(corpus: TokenizedCorpus) -> None:
    words = [token for token in corpus.vocabulary.tokens[5:] if token.isalpha() and token.islower()][:3]
    found = context_vectors(TOLD, corpus, 0).raw(tuple(words))
    assert found[:, 0].tolist() == [corpus.vocabulary.id(word) for word in words]
    assert found[:, 1].tolist() == [0, 1, 2]
    assert static_vectors(TOLD, corpus, 0).raw(tuple(words))[:, 1].tolist() == [1, 1, 1]


def test_vectors_that_are_all_alike_stay_finite() -> None:
    vectors, there = TextVectors.scaled(lambda words: np.ones((len(words), 4))).of([single(1)])
    assert vectors[there].tolist() == [[0.0] * 4] * 2
