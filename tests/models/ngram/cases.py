"""Texts for tables of n-grams, and what holds of every model that is such a table."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np

from lmcompare.model import LanguageModel, Setting
from lmcompare.models.ngram import plugin
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.ngram.brute_force import RawCounts, context_at

Documents = list[list[int]]
RTOL = 3e-6  # log10 probabilities are kept in float32


def vocabulary(size: int) -> Vocabulary:
    return Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, size))])


def text_of(documents: Documents, size: int) -> Encoded:
    return Encoded.from_documents(documents, vocabulary(size))


def random_documents(seed: int, size: int, documents: int = 20) -> Documents:
    """Documents of a few sentences, words by Zipf's law; about one in three ends without ``</s>``."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, size + 1)
    drawn = [rng.choice(size, rng.integers(0, 40), p=weights / weights.sum()) for _ in range(documents)]
    return [[int(i) for i in d] + [1] * int(rng.random() < 0.7) for d in drawn]


def trained(
    order: int, train: Documents, size: int, valid: Documents | None = None, threads: int = 1, **options: Any
) -> NGram:
    """An n-gram model of this text, which is the validation text too if there is no other."""
    held_out = text_of(train if valid is None else valid, size)
    setting = Setting(vocabulary(size), threads=threads)
    return NGram(order, **options).fit(text_of(train, size), held_out, setting)


def agrees(model: LanguageModel, truth: RawCounts, documents: Documents) -> None:
    """All probabilities of a text are those of the formula, and so is that of the word after its end."""
    text = text_of(documents, truth.size)
    contexts = [context_at(d, i, truth.order) for d in documents for i in range(len(d))]
    contexts.append(context_at(documents[-1], len(documents[-1]), truth.order))
    expected = np.array([[truth.probability(w, h) for w in range(truth.size)] for h in contexts])
    found = np.exp(model.next_log_probs(text, np.arange(len(text) + 1)))
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=1e-12)
    targets = expected[np.arange(len(text)), text.ids]
    np.testing.assert_allclose(np.exp(model.log_probs(text)), targets, rtol=RTOL, atol=1e-12)


def is_a_distribution(model: LanguageModel, text: Encoded) -> None:
    """Probabilities are finite, sum to one, and are the same word by word and in a stream of small blocks."""
    rows, size = model.next_log_probs(text, np.arange(len(text) + 1)), len(text.vocabulary)
    assert np.isfinite(rows).all()
    assert np.abs(np.exp(rows).sum(axis=1) - 1).max() < 1e-6
    np.testing.assert_allclose(rows[np.arange(len(text)), text.ids], model.log_probs(text), rtol=0, atol=1e-9)
    with patch.object(plugin, "BLOCK_ROWS", 50), patch.object(plugin, "CACHED_BYTES", 4 * size * 20):
        blocks = list(model.stream(text))
    assert all(len(at) <= 20 for at, _ in blocks)
    at, streamed = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    np.testing.assert_array_equal(at, np.arange(len(text)))
    np.testing.assert_allclose(streamed, rows[:-1], rtol=0, atol=1e-5)
