"""Which parts of the test text are shown: passages and sentences, chosen by a hash, the same for all models."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray

SHOWN_TOKENS = 20_000  # positions of the test text at which the most likely tokens are stored, at most
SHOWN_PROBABILITIES = 2 * 10**9  # positions times types, at most: a large vocabulary has fewer positions
PASSAGE_SENTENCES = 20
MOST_PROBABILITIES = 2 * 10**10  # tokens times types; for more, ranks are measured in a sample of the test text
SAMPLE_PROBABILITIES = 5 * 10**9  # of the sample
SAMPLE_TOKENS = range(5_000, 100_001)  # tokens of the sample, for every vocabulary
EXAMPLE_LENGTHS = range(8, 31)  # tokens of an example sentence
LONGEST_EXAMPLE = 100  # tokens shown of a longer sentence if none has such a length: text8 is one sentence


@dataclass(frozen=True)
class ExampleSentence:
    """A held-out sentence to show, and its tokens as in the text."""

    document: int
    start: int  # position in the whole test text
    first: int  # position in the document
    tokens: list[str]


@dataclass(frozen=True)
class Part:
    """The part of the test text for measurements that need all probabilities of a token, or a second reading.

    Parameters
    ----------
    at : (n,) int array
        The positions of its tokens in the test text, in rising order.
    text : Encoded
        It, in its documents.
    sentences : Encoded
        It, with every sentence a document of its own.
    """

    at: IntArray
    text: Encoded
    sentences: Encoded


def measured_part(corpus: TokenizedCorpus, whole: bool) -> Part:
    """Return the whole test text, or documents drawn by a hash if it is too long for the size of the vocabulary.

    The last of these documents is cut after a sentence, so that the part is not too long. If already the first
    sentence is too long, the part is its beginning. With ``whole`` it is always the whole text.
    """
    test, begins = corpus.test, corpus.sentence_starts("test")
    types = len(test.vocabulary)
    left = max(SAMPLE_TOKENS[0], min(SAMPLE_TOKENS[-1], SAMPLE_PROBABILITIES // types))
    if whole or len(test) <= left or len(test) * types <= MOST_PROBABILITIES:
        return Part(np.arange(len(test)), test, corpus.sentences("test"))
    ends = np.append(begins[1:], len(test))
    chosen: list[tuple[int, int]] = []
    for document in sorted(range(test.n_documents), key=lambda d: digest_of("part", test.names[d], d)):
        start, end = int(test.starts[document]), int(test.ends[document])
        if end - start > left:
            fitting = ends[(ends > start) & (ends <= start + left)]
            beginning = start if chosen else start + left  # text8 is one sentence
            end = int(fitting[-1]) if len(fitting) else beginning
        chosen.append((start, end))
        left -= end - start
        if end < int(test.ends[document]):
            break
    chosen = sorted((start, end) for start, end in chosen if end > start)
    at = np.concatenate([np.arange(start, end) for start, end in chosen])
    lengths = np.array([end - start for start, end in chosen])
    inside = begins[np.isin(begins, at)]
    ids = test.ids[at]
    return Part(
        at,
        Encoded(ids, np.cumsum(lengths) - lengths, test.vocabulary),
        Encoded(ids, np.searchsorted(at, inside), test.vocabulary),
    )


def fresh_documents(corpus: TokenizedCorpus) -> npt.NDArray[np.bool_]:
    """(D,) which test documents may be shown: those of which less than half occurs in earlier text, unless all do.

    A text that a table of counts has memorised does not show how it predicts.
    """
    documents = corpus.documents_of("test")
    spans = map(json.loads, documents["repeated_spans"])
    repeated = np.array([sum(end - start for start, end in of) for of in spans])
    fresh: npt.NDArray[np.bool_] = repeated < 0.5 * documents["bytes"].to_numpy()
    return fresh if fresh.any() else ~fresh


def shown_positions(corpus: TokenizedCorpus, measured: IntArray) -> IntArray:
    """(M,) the positions of the test text whose most likely tokens are stored, of those that are ``measured``.

    They are passages, drawn by hash: the same for all tokenizers, as far as there is room for them.
    """
    test, fresh = corpus.test, fresh_documents(corpus)
    begins = corpus.sentence_starts("test")
    document = test.document_of(begins)
    first = np.flatnonzero(np.append(True, document[1:] != document[:-1]))
    within = np.arange(len(begins)) - np.repeat(first, np.diff(np.append(first, len(begins))))
    opens = np.flatnonzero(within % PASSAGE_SENTENCES == 0)
    ends = np.append(begins[opens][1:], len(test))
    chosen: list[IntArray] = []
    left = min(SHOWN_TOKENS, SHOWN_PROBABILITIES // len(test.vocabulary))
    for i in sorted(range(len(opens)), key=lambda i: digest_of(test.names[document[opens[i]]], within[opens[i]])):
        start, end = int(begins[opens[i]]), int(ends[i])
        inside = np.searchsorted(measured, end) - np.searchsorted(measured, start) == end - start
        if inside and fresh[document[opens[i]]] and end - start <= left:
            chosen.append(np.arange(start, end))
            left -= end - start
    return np.sort(np.concatenate(chosen)) if chosen else measured[:left]


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
    """Return a digest that decides what is drawn: at random, but the same each time."""
    return hashlib.sha256("\x00".join(map(str, parts)).encode()).digest()
