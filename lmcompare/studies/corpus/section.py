"""The corpus: splits, tokens, unknown words, contamination, and what a reader should know about the text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.repeats import FEW, MOST
from lmcompare.report.data import ReportData, Section
from lmcompare.runfolder.tokens import TokenizedCorpus

READABLE = range(40, 121)  # bytes of the sentence that is shown
LONGEST = 5
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")  # the form of a byte of a piece that is not text


@dataclass(frozen=True)
class Cut:
    """The test text under one tokenizer.

    Parameters
    ----------
    name : str
        The name of the tokens.
    per_word : float
        Tokens per word, a run of characters without white space; ``</s>`` is a token.
    bytes_per_token : float
    overhead : float
        Bits per byte that are charged beside every model, for unknown words and white space.
    longest : tuple of str
        The longest tokens of the vocabulary.
    sentence : tuple of str
        The tokens of the same sentence.
    strawberry : tuple of str
        The tokens of this word.
    """

    name: str
    per_word: float
    bytes_per_token: float
    overhead: float
    longest: tuple[str, ...]
    sentence: tuple[str, ...]
    strawberry: tuple[str, ...]


def cuts(data: ReportData) -> list[Cut]:
    """Return a row for each tokenizer, if the run has several."""
    prints = list(data.run.manifest.tokens)
    if len(prints) < 2:
        return []
    corpora = [data.run.tokens[fingerprint] for fingerprint in prints]
    place = _sentence(corpora[0])
    sizes = data.run.corpus.splits["test"]
    rows = []
    for fingerprint, corpus in zip(prints, corpora, strict=True):
        n_tokens = len(corpus.test)
        bits = sum(float(block["overhead_bits"].sum()) for block in corpus.feature_blocks("test", ["overhead_bits"]))
        rows.append(
            Cut(
                name=data.run.tokens_name(fingerprint),
                per_word=n_tokens / max(sizes.words, 1),
                bytes_per_token=sizes.bytes / max(n_tokens, 1),
                overhead=bits / max(sizes.bytes, 1),
                longest=longest_of(corpus.vocabulary.text_tokens()),
                sentence=_tokens_at(corpus, *place),
                strawberry=data.run.manifest.tokens[fingerprint].strawberry,
            )
        )
    return rows


def longest_of(tokens: Iterable[str]) -> tuple[str, ...]:
    def length(token: str) -> int:
        return len(_BYTE.sub("?", token))

    return tuple(sorted(tokens, key=lambda token: (-length(token), token))[:LONGEST])


def _sentence(corpus: TokenizedCorpus) -> tuple[int, int, int]:
    """The document, and the first and the last byte, of the first test sentence of readable length, or of any."""
    text, starts = corpus.test, corpus.sentence_starts("test")
    assert text.spans is not None, "text was encoded"
    last = np.append(starts[1:], len(text)) - 1
    begins, ends = text.spans[starts, 0], text.spans[last, 1]
    readable = np.flatnonzero(np.isin(ends - begins, list(READABLE)))
    chosen = int(readable[0]) if len(readable) else 0
    return int(text.document_of(starts[chosen : chosen + 1])[0]), int(begins[chosen]), int(ends[chosen])


def _tokens_at(corpus: TokenizedCorpus, document: int, begin: int, end: int) -> tuple[str, ...]:
    """The tokens of a part of a test document, including those that cross its ends, without ``</s>``."""
    text = corpus.test
    assert text.spans is not None, "text was encoded"
    start, stop = int(text.starts[document]), int(text.ends[document])
    spans = text.spans[start:stop]
    inside = (spans[:, 0] < end) & (spans[:, 1] > begin) & (spans[:, 1] > spans[:, 0])
    return tuple(corpus.test_strings[start:stop][inside].tolist())


RULE = (
    "Held-out text counts as repeated where it agrees with earlier text, word for word or nearly so, over so many"
    " words that neither chance nor a set phrase explains it: about seven, or four if a whole document is the same."
    " Validation text is compared with the training text, and test text with both. If more than"
    f" {100 * FEW:g} % of the test text is repeated, the models are compared without it, and if more than"
    f" {100 * MOST:g} % is, they are not ranked."
)
SPLITS = ("train", "valid", "test")
SIZES = ("documents", "sentences", "words", "bytes")


def build(data: ReportData) -> Section:
    """Return the section."""
    return Section.written(
        "text",
        "The text",
        __package__,
        corpus=data.run.corpus,
        names=SPLITS,
        sizes=SIZES,
        tokens=[(data.run.tokens_name(fp), entry) for fp, entry in data.run.manifest.tokens.items()],
        cuts=cuts(data),
        repeated=data.results["repeated_text"],
        rule=RULE,
    )
