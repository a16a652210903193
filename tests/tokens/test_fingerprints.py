"""Fingerprints and overhead bits of the built-in tokenizers on a real text, as they always were."""

from __future__ import annotations

import pytest

from lmcompare import corpora
from lmcompare.corpora import CorpusOptions
from lmcompare.tokens import TextCode, build_vocabulary, make_tokenizer, tokenise, tokens_fingerprint


@pytest.mark.parametrize(
    ("kind", "fingerprint", "overhead_bits"),
    [
        ("word", "5fd8f8a69c7587ad", 18458.12890301626),
        ("whitespace", "a35bae7279473578", 21011.436059222142),
        ("char", "485ec89240a4d66e", 11.590120789478911),
        ("byte", "fb451341849796d0", 8.480731474246696e-06),
    ],
)
def test_lee_with_a_sentence_per_line(kind: str, fingerprint: str, overhead_bits: float) -> None:
    corpus = corpora.load("lee", CorpusOptions(sentences="line"))
    tokenizer = make_tokenizer({"kind": kind})
    train = tokenise(corpus.train, tokenizer)
    vocabulary = build_vocabulary(train, tokenizer, min_count=tokenizer.usual_min_count)
    assert tokens_fingerprint(corpus.fingerprint, tokenizer, vocabulary) == fingerprint
    code = TextCode.fit(train, tokenizer, vocabulary)
    assert code.overhead_bits(corpus.test, tokenizer, vocabulary).sum() == pytest.approx(overhead_bits, rel=1e-12)
