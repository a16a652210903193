"""Bits per byte is a code length: a text goes through an arithmetic coder and comes back, at the size claimed.

The ids are coded by a model that any decoder can run, an adaptive add-one unigram; everything else by the
distributions of ``TextCode``. The decoder sees bits and the fitted code, and no text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from lmcompare.coding import document_reader, read, symbols_of
from lmcompare.coding.arithmetic import Decoder, Encoder, EndOfDataError
from lmcompare.corpora import Document
from lmcompare.errors import PluginError
from lmcompare.model import Stepper
from lmcompare.tokens import FloatArray, TextCode, build_vocabulary, encode, make_tokenizer
from lmcompare.tokens.codelength.between import END, SpellingModel
from tests.tokens.texts import BYTE_PAIRS, KINDS, TRAIN, WILD, documents

pytestmark = pytest.mark.slow

FITTED: dict[tuple[str, int], Any] = {}


class AdaptiveUnigram(Stepper):
    """P(id) = (1 + how often it came so far) / (V + N so far)."""

    def __init__(self, types: int) -> None:
        self.counts = np.ones(types)

    def log_probs(self) -> FloatArray:
        nats: FloatArray = np.log(self.counts / self.counts.sum())
        return nats

    def push(self, token: int) -> None:
        self.counts[token] += 1

    def bits(self, ids: Sequence[int]) -> float:
        total = 0.0
        for i in ids:
            total -= float(self.log_probs()[i]) / math.log(2)
            self.push(i)
        return total


def fitted(kind: str, min_count: int) -> Any:
    """What the readers ask of a corpus: its tokenizer, vocabulary and code, the code as it is stored."""
    if (kind, min_count) not in FITTED:
        tokenizer = make_tokenizer({"kind": kind}).fit([d.text for d in TRAIN])
        vocabulary = build_vocabulary(TRAIN, tokenizer, min_count)
        stored = json.dumps(TextCode.fit(TRAIN, tokenizer, vocabulary).to_json())
        code = TextCode.from_json(json.loads(stored))
        FITTED[kind, min_count] = SimpleNamespace(tokenizer=tokenizer, vocabulary=vocabulary, code=code)
    return FITTED[kind, min_count]


def round_trip(document: Document, corpus: Any) -> None:
    encoder, symbols = Encoder(), symbols_of(document, corpus)

    def write(distribution: FloatArray) -> int:
        assert distribution.sum() == pytest.approx(1, abs=1e-9)
        assert distribution.min() > 0
        encoder.write(distribution, symbol := next(symbols))
        return symbol

    assert read(document_reader(AdaptiveUnigram(len(corpus.vocabulary)), corpus), write) == document.text
    assert next(symbols, None) is None
    data = encoder.finish()
    stepper = AdaptiveUnigram(len(corpus.vocabulary))
    assert read(document_reader(stepper, corpus), Decoder(data).read) == document.text
    ids = encode([document], corpus.tokenizer, corpus.vocabulary).ids.tolist()
    overhead = corpus.code.overhead_bits([document], corpus.tokenizer, corpus.vocabulary).sum()
    claimed = AdaptiveUnigram(len(corpus.vocabulary)).bits(ids) + float(overhead)
    assert -1 < 8 * len(data) - claimed < 3 + 8  # the coder ends in up to 2 bits, and in a whole byte


@pytest.mark.parametrize(("kind", "min_count"), [("word", 1), *((kind, 2) for kind in (*KINDS, BYTE_PAIRS))])
def test_a_decoder_gets_the_text_back_at_the_size_claimed(kind: str, min_count: int) -> None:
    for document in [*WILD, *TRAIN]:
        round_trip(document, fitted(kind, min_count))


@pytest.mark.parametrize("kind", [*KINDS, BYTE_PAIRS])
@given(docs=documents())
def test_any_text_survives(kind: str, docs: list[Document]) -> None:
    for document in docs:
        round_trip(document, fitted(kind, 2))


def test_a_word_without_end_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is read of it, again and again, is a few times as long as the word."""
    letters, read_again = 400, list[int]()
    events = SpellingModel.events

    def counted(model: SpellingModel, words: Sequence[bytes]) -> Any:
        read_again.extend(map(len, words))
        return events(model, words)

    monkeypatch.setattr(SpellingModel, "events", counted)
    round_trip(Document("long", "x" * letters, ((0, letters),)), fitted("word", 2))
    assert letters < sum(read_again) < 20 * letters


def test_what_is_no_distribution_is_refused() -> None:
    class Nothing(AdaptiveUnigram):
        def log_probs(self) -> FloatArray:
            return np.full(len(self.counts), np.nan)

    corpus = fitted("word", 1)
    with pytest.raises(PluginError, match="gives no distribution"):
        next(document_reader(Nothing(len(corpus.vocabulary)), corpus))


def test_an_unknown_word_without_letters_is_damage() -> None:
    corpus = fitted("word", 2)
    reader = document_reader(AdaptiveUnigram(len(corpus.vocabulary)), corpus)
    next(reader)
    reader.send(corpus.vocabulary.unknown)
    with pytest.raises(EndOfDataError):
        reader.send(END)
