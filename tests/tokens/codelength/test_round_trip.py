"""Bits per byte is a code length: a text goes through an arithmetic coder and comes back, at the size claimed.

The ids are coded by a model that any decoder can run, an adaptive add-one unigram; everything else by the
distributions of ``TextCode``. The decoder sees bits, the fitted code and the number of documents, and no text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings

from lmcompare.corpora import Document
from lmcompare.tokens import (
    FloatArray,
    Separator,
    TextCode,
    Tokenizer,
    Vocabulary,
    build_vocabulary,
    encode,
    make_tokenizer,
    tokenise,
)
from tests.tokens.codelength.arithmetic_coder import Decoder, Encoder
from tests.tokens.codelength.decoding import (
    decisions,
    read,
    separator_reader,
    separator_symbols,
    space_reader,
    space_symbols,
    word_reader,
    word_symbols,
)
from tests.tokens.texts import BYTE_PAIRS, KINDS, TRAIN, WILD, documents


class AdaptiveUnigram:
    """P(id) = (1 + how often it came so far) / (V + N so far)."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.counts = np.ones(len(vocabulary))

    def distribution(self) -> FloatArray:
        p: FloatArray = self.counts / self.counts.sum()
        return p

    def bits(self, ids: Sequence[int]) -> float:
        total = 0.0
        for i in ids:
            total -= math.log2(self.distribution()[i])
            self.counts[i] += 1
        return total


def compressed(docs: Sequence[Document], tokenizer: Tokenizer, vocabulary: Vocabulary, code: TextCode) -> list[int]:
    """Return the bits of the documents."""
    coder, model = Encoder(), AdaptiveUnigram(vocabulary)
    for one in docs:
        text = tokenise([one], tokenizer)
        ids = encode(text, tokenizer, vocabulary).ids.tolist()
        sentence: list[str | None] = []
        spaces: list[str] = []
        before: Separator | None = None
        for at, index in enumerate(ids):
            coder.write(model.distribution(), index)
            model.counts[index] += 1
            token = None if text.tokens[at] == 0 else text.types[text.tokens[at]]
            if index == vocabulary.unknown:
                assert token is not None
                symbols = word_symbols(tokenizer.token_bytes(token))
                for distribution, symbol in decisions(word_reader(code.spelling), symbols):
                    coder.write(distribution, symbol)
            sentence.append(token)
            space = text.space_types[text.spaces[at]]
            if code.white_space is not None:
                steps = decisions(
                    space_reader(code.white_space, sentence, spaces, vocabulary),
                    space_symbols(code.white_space, space),
                )
                for distribution, symbol in steps:
                    coder.write(distribution, symbol)
            spaces.append(space)
            if token is None and code.separators is not None:
                separator = text.separator_types[text.separators[at]]
                last = sentence[-2] if len(sentence) > 1 else None
                for distribution, symbol in decisions(
                    separator_reader(code.separators, last, before), separator_symbols(code.separators, separator)
                ):
                    coder.write(distribution, symbol)
                sentence, spaces, before = [], [], separator
    return coder.finish()


def restored(
    bits: Sequence[int], count: int, tokenizer: Tokenizer, vocabulary: Vocabulary, code: TextCode
) -> list[str]:
    """Return the texts of ``count`` documents from their bits."""
    choose, model = Decoder(bits).read, AdaptiveUnigram(vocabulary)
    return [_document(choose, model, tokenizer, vocabulary, code) for _ in range(count)]


def _document(
    choose: Callable[[FloatArray], int],
    model: AdaptiveUnigram,
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    code: TextCode,
) -> str:
    data = b""
    separator: Separator | None = None
    while separator is None or not separator.closes:
        sentence: list[str | None] = []
        spaces: list[str] = []
        while not sentence or sentence[-1] is not None:
            index = choose(model.distribution())
            model.counts[index] += 1
            if index == vocabulary.end:
                token, spelled = None, b""
            elif index == vocabulary.unknown:
                spelled = read(word_reader(code.spelling), choose)
                token = spelled.decode()
            else:
                token = vocabulary[index]
                spelled = tokenizer.token_bytes(token)
            sentence.append(token)
            space = ""
            if code.white_space is not None:
                space = read(space_reader(code.white_space, sentence, spaces, vocabulary), choose)
            spaces.append(space)
            data += space.encode() + spelled
        if code.separators is None:
            return data.decode()
        last = sentence[-2] if len(sentence) > 1 else None
        separator = read(separator_reader(code.separators, last, separator), choose)
        data += separator.text.encode()
    return data.decode()


FITTED: dict[tuple[str, int], tuple[Tokenizer, Vocabulary, TextCode]] = {}


def fitted(kind: str, min_count: int) -> tuple[Tokenizer, Vocabulary, TextCode]:
    if (kind, min_count) not in FITTED:
        tokenizer = make_tokenizer({"kind": kind}).fit([d.text for d in TRAIN])
        vocabulary = build_vocabulary(TRAIN, tokenizer, min_count)
        stored = json.dumps(TextCode.fit(TRAIN, tokenizer, vocabulary).to_json())
        FITTED[kind, min_count] = tokenizer, vocabulary, TextCode.from_json(json.loads(stored))
    return FITTED[kind, min_count]


def claimed_bits(docs: Sequence[Document], tokenizer: Tokenizer, vocabulary: Vocabulary, code: TextCode) -> float:
    ids = encode(docs, tokenizer, vocabulary).ids.tolist()
    return AdaptiveUnigram(vocabulary).bits(ids) + float(code.overhead_bits(docs, tokenizer, vocabulary).sum())


@pytest.mark.parametrize("min_count", [1, 2])
@pytest.mark.parametrize("kind", [*KINDS, BYTE_PAIRS])
def test_a_decoder_gets_the_bytes_back_at_the_size_claimed(kind: str, min_count: int) -> None:
    tokenizer, vocabulary, code = fitted(kind, min_count)
    docs = [*WILD, *TRAIN]
    bits = compressed(docs, tokenizer, vocabulary, code)
    assert restored(bits, len(docs), tokenizer, vocabulary, code) == [d.text for d in docs]
    assert -1 < len(bits) - claimed_bits(docs, tokenizer, vocabulary, code) < 3  # the coder ends in up to 2 bits


@pytest.mark.parametrize("kind", [*KINDS, BYTE_PAIRS])
@settings(max_examples=12)
@given(docs=documents())
def test_any_text_survives(kind: str, docs: list[Document]) -> None:
    tokenizer, vocabulary, code = fitted(kind, 2)
    bits = compressed(docs, tokenizer, vocabulary, code)
    assert restored(bits, len(docs), tokenizer, vocabulary, code) == [d.text for d in docs]
    assert -1 < len(bits) - claimed_bits(docs, tokenizer, vocabulary, code) < 3  # the coder ends in up to 2 bits
