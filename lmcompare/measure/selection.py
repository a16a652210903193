"""Which parts of the test text are shown: passages and sentences, chosen by a hash, the same for all models."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import IntArray

SHOWN_TOKENS = 20_000  # the most likely tokens are stored at no more positions of the test text than this
PASSAGE_SENTENCES = 20
EXAMPLE_LENGTHS = range(8, 31)  # tokens of an example sentence
LONGEST_EXAMPLE = 100  # tokens that are shown of a sentence where none has such a length: text8 is one sentence


@dataclass(frozen=True)
class ExampleSentence:
    """A held-out sentence to show, and its tokens as in the text."""

    document: int
    start: int  # position in the whole test text
    first: int  # position in the document
    tokens: list[str]


def fresh_documents(corpus: TokenizedCorpus) -> npt.NDArray[np.bool_]:
    """(D,) which test documents may be shown: those that do not also occur in the training text, unless all do.

    That a table of counts memorised a text is no example of how it predicts.
    """
    fresh: npt.NDArray[np.bool_] = ~corpus.documents_of("test")["repeated"].to_numpy(np.bool_)
    return fresh if fresh.any() else ~fresh


def shown_positions(corpus: TokenizedCorpus) -> IntArray:
    """(M,) the positions of the test text whose most likely tokens are stored: passages, drawn by hash."""
    test, fresh = corpus.test, fresh_documents(corpus)
    begins = corpus.sentence_starts("test")
    document = test.document_of(begins)
    first = np.flatnonzero(np.append(True, document[1:] != document[:-1]))
    within = np.arange(len(begins)) - np.repeat(first, np.diff(np.append(first, len(begins))))
    passage_begins = begins[within % PASSAGE_SENTENCES == 0]
    passages = list(zip(passage_begins, np.append(passage_begins[1:], len(test)), strict=True))
    chosen: list[IntArray] = []
    left = SHOWN_TOKENS
    for start, end in sorted(passages, key=lambda p: digest_of(corpus.fingerprint, int(p[0]))):
        if fresh[test.document_of(start)] and end - start <= left:
            chosen.append(np.arange(start, end))
            left -= int(end - start)
    return np.sort(np.concatenate(chosen)) if chosen else np.arange(min(len(test), SHOWN_TOKENS))


def example_sentences(corpus: TokenizedCorpus, count: int) -> list[ExampleSentence]:
    """Return ``count`` held-out sentences of readable length, drawn by hash: the same for all models.

    If no sentence has a readable length, the first ``LONGEST_EXAMPLE`` tokens of a longer one are its example.
    """
    test = corpus.test
    begins = corpus.sentence_starts("test")
    lengths = np.diff(np.append(begins, len(test)))
    fresh = np.flatnonzero(fresh_documents(corpus)[test.document_of(begins)]).tolist()
    fitting = [i for i in fresh if lengths[i] in EXAMPLE_LENGTHS] or fresh
    fitting.sort(key=lambda i: digest_of("sentence", corpus.fingerprint, i))
    strings = corpus.test_strings
    chosen = []
    for index in sorted(fitting[:count]):
        start, length = int(begins[index]), min(int(lengths[index]), LONGEST_EXAMPLE)
        document = int(test.document_of(np.array([start]))[0])
        first = start - int(test.starts[document])
        chosen.append(ExampleSentence(document, start, first, strings[start : start + length].tolist()))
    return chosen


def digest_of(*parts: object) -> bytes:
    """Return a digest by which things are drawn: at random, and the same each time."""
    return hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()
