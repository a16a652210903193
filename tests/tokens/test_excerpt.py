"""An excerpt of a text is about as long as is asked for, and has parts from all over it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmcompare.tokens import Encoded, Vocabulary, excerpt, excerpt_parts

VOCABULARY = Vocabulary(["<unk>", "</s>", *(f"w{k}" for k in range(12))])


def test_an_excerpt_of_one_long_document_is_spread_over_it() -> None:
    ids = np.tile([2, 3, 4, 5, 1], 8000)
    ids[ids == 2] = np.arange(8000) % 7 + 5
    text = Encoded.from_documents([ids], VOCABULARY)
    part = excerpt(text, 4096)
    assert part.n_documents == 8
    assert len(part) == 4096
    for number, stretch in enumerate(part.documents()):
        start = number * 5000  # a sentence begins there
        np.testing.assert_array_equal(stretch, ids[start : start + len(stretch)])


def test_an_excerpt_has_a_share_of_every_document() -> None:
    lengths = [37, 1, 0, 12, 64, 5]
    text = Encoded.from_documents([np.arange(size) % 11 + 2 for size in lengths], VOCABULARY)
    part = excerpt(text, 40)
    assert 40 <= len(part) <= 40 + text.n_documents
    for whole, cut in zip(text.documents(), part.documents(), strict=True):
        assert len(cut) == math.ceil(len(whole) * 40 / len(text))
        np.testing.assert_array_equal(cut, whole[: len(cut)])
    assert excerpt(text, 10_000) is text


@pytest.mark.parametrize("tokens", [40, 4096, 10**6])
@pytest.mark.parametrize("lengths", [(40_000,), (30, 0, 70, 25), (9000, 9000)])
def test_the_parts_are_where_its_tokens_are_in_the_text(lengths: tuple[int, ...], tokens: int) -> None:
    text = Encoded.from_documents([np.arange(size) % 11 + 1 for size in lengths], VOCABULARY)
    parts = [text.ids[begin:end] for begin, end in zip(*excerpt_parts(text, tokens), strict=True)]
    for cut, part in zip(excerpt(text, tokens).documents(), parts, strict=True):
        np.testing.assert_array_equal(cut, part)
