"""The scores of texts, token by token and word by word, and how much of a text was training text of the model.

``word_bits`` says what a word is charged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lmcompare.corpora import Document
from lmcompare.corpora.repeats import EDGE, FACTOR, OTHER_EDGE, HashArray, aligned, covered
from lmcompare.measure.scoring import checked_log_probs
from lmcompare.measure.word_bits import (
    WORD,
    WordBits,
    WordEnds,
    WordsInTokens,
    places_of,
    word_bits,
    word_ending_types,
)
from lmcompare.model import FloatArray, LanguageModel, next_distributions
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray, OverheadBits, encode, sentence_begins, tokenise

if TYPE_CHECKING:
    import pandas as pd


FEW = 16  # positions whose distributions are computed together
TOGETHER = 2**16  # characters of the documents that are scored together


@dataclass(frozen=True)
class Scored:
    """The score of a text of N tokens.

    Parameters
    ----------
    name : str
        The name of the document.
    text : str
        What was scored.
    tokens : tuple of str
        The tokens; the last is ``</s>`` if the text was scored with its end.
    offsets : tuple of tuple of int
        Where each token starts and ends in the UTF-8 of the text, in bytes.
    unknown : tuple of bool
        Whether each token is an unknown word. Its surprisal is that of *any* unknown word, ``<unk>``.
    surprisal_bits : tuple of float
        −log2 of the probability of each token under the model.
    overhead_bits : tuple of float
        What each token is charged beside the model: for the white space before it, for its spelling if it is unknown,
        and for what is between two sentences.
    """

    name: str
    text: str
    tokens: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]
    unknown: tuple[bool, ...]
    surprisal_bits: tuple[float, ...]
    overhead_bits: tuple[float, ...]

    def after(self, byte: int) -> Scored:
        """Return the score of what comes after the first bytes, with the token that crosses the border."""
        here = (n for n, (start, end) in enumerate(self.offsets) if end > byte or start == end == byte)
        first = next(here, len(self.offsets))  # the end of a line, without bytes, comes after the token before it
        return Scored(
            name=self.name,
            text=self.text.encode()[byte:].decode(),
            tokens=self.tokens[first:],
            offsets=tuple((start - byte, end - byte) for start, end in self.offsets[first:]),
            unknown=self.unknown[first:],
            surprisal_bits=self.surprisal_bits[first:],
            overhead_bits=self.overhead_bits[first:],
        )

    @property
    def log_probability(self) -> float:
        """The natural logarithm of the probability that the model gives all tokens."""
        return -sum(self.surprisal_bits) * math.log(2)

    @property
    def bits(self) -> float:
        """The bits of the text: the surprisal and the overhead of all tokens."""
        return sum(self.surprisal_bits) + sum(self.overhead_bits)

    @property
    def bits_per_byte(self) -> float:
        """The bits for each byte of the text; NaN for a text without bytes."""
        n_bytes = len(self.text.encode())
        return self.bits / n_bytes if n_bytes else math.nan

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each token."""
        import pandas as pd

        return pd.DataFrame(
            {
                "token": self.tokens,
                "start": [start for start, _ in self.offsets],
                "end": [end for _, end in self.offsets],
                "unknown": self.unknown,
                "surprisal_bits": self.surprisal_bits,
                "overhead_bits": self.overhead_bits,
            }
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each token, for JSON: an infinite number is None."""
        columns = (self.tokens, self.offsets, self.unknown, self.surprisal_bits, self.overhead_bits)
        for token, (start, end), unknown, surprisal, overhead in zip(*columns, strict=True):
            yield {
                "token": token,
                "start": start,
                "end": end,
                "unknown": unknown,
                "surprisal_bits": _finite(surprisal),
                "overhead_bits": overhead,
            }

    def to_json(self) -> dict[str, Any]:
        """Return the figures of the whole text, for JSON: an infinite number is None."""
        return {
            "document": self.name,
            "text": self.text,
            "log_probability": _finite(self.log_probability),
            "bits": _finite(self.bits),
            "bits_per_byte": _finite(self.bits_per_byte),
            "unknown_tokens": sum(self.unknown),
        }


def score_together(
    model: LanguageModel, corpus: TokenizedCorpus, documents: Sequence[Document], *, ends: bool
) -> Iterator[Scored]:
    """Score documents, or with ``ends`` false the beginnings of some, without white space at their ends.

    They are given to the model as one text: for a network that is many times as fast as one by one.
    """
    read = [document if ends else opened(document) for document in documents]
    encoded, tokens, overhead_bits = corpus.read(read)
    nats = checked_log_probs(model, encoded)
    assert encoded.spans is not None, "text was encoded"
    for document, start, end in zip(read, encoded.starts.tolist(), encoded.ends.tolist(), strict=True):
        # without the last </s>, which would end the text
        kept = slice(start, end if ends else max(start, end - 1))
        yield Scored(
            name=document.name,
            text=document.text,
            tokens=tuple(tokens[kept]),
            offsets=tuple(zip(*encoded.spans[kept].T.tolist(), strict=True)),
            unknown=tuple(encoded.vocabulary.is_unknown(encoded.ids[kept]).tolist()),
            surprisal_bits=tuple((-nats[kept] / np.log(2)).tolist()),
            overhead_bits=tuple(overhead_bits[kept].tolist()),
        )


def batches(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    """Yield documents in lists of at most ``size``, and of about ``TOGETHER`` characters."""
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(getattr(document, "text", ""))
        if len(batch) >= size or characters >= TOGETHER:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def is_greedy(model: LanguageModel, corpus: TokenizedCorpus, document: Document, byte: int) -> bool:
    """Return whether each token that ends after a byte of the document is the most likely one where it is.

    White space at the end of the document is left out, as in ``score_together``. An unknown word is not the most
    likely text, whatever the probability of ``<unk>``.
    """
    encoded, _, _ = corpus.read([opened(document)])
    assert encoded.spans is not None, "text was encoded"
    starts, ends = encoded.spans[:-1].T
    at = np.flatnonzero((ends > byte) | ((starts == byte) & (ends == byte)))
    if encoded.vocabulary.is_unknown(encoded.ids[at]).any():
        return False
    for first in range(0, len(at), FEW):  # in most texts, one of the first tokens decides
        some = at[first : first + FEW]
        if not np.array_equal(next_distributions(model, encoded, some).argmax(axis=1), encoded.ids[some]):
            return False
    return True


def opened(document: Document) -> Document:
    """Return a document without the white space at its end: what comes after the last word is not known yet."""
    text = document.text.rstrip()
    sentences = tuple((start, min(end, len(text))) for start, end in document.sentences if start <= len(text))
    return replace(document, text=text, sentences=sentences)


def _finite(figure: float) -> float | None:
    return figure if np.isfinite(figure) else None


_UNKNOWN = b"\0"
_BLOCK = 1 << 22  # probabilities in a block of distributions


@dataclass(frozen=True)
class WordScore:
    """The score of a word, or of the end of a document.

    Parameters
    ----------
    word : str
        The word; several, if a token crosses from one to the next, so that they share one figure; "" for the end.
    start, end : int
        Where it is in the UTF-8 of the document, in bytes.
    sentence : int
        The sentence that it is in, counted from 0.
    words : int
        The number of words that share the figure, usually 1; 0 for the end.
    tokens : int
        How many tokens it is made of.
    unknown : bool
        Whether one of its tokens is an unknown word, whose surprisal is that of any unknown word.
    length : int
        Its characters.
    frequency : int
        How often the training text has the same tokens as a word.
    zipf : float
        The log10 of its frequency per 1,000 million words, (frequency + 1) / (N + T), where the training text has N
        words and T different ones (van Heuven et al. 2014, *SUBTLEX-UK*).
    surprisal_bits : float
        −log2 of the probability of the word and of its end.
    spelling_bits : float
        The bits that spell its unknown words.
    gap_bits : float
        The bits of what is between the word before and this one: the choice of the white space, and ``</s>`` where a
        sentence ends.
    """

    word: str
    start: int
    end: int
    sentence: int
    words: int
    tokens: int
    unknown: bool
    length: int
    frequency: int
    zipf: float
    surprisal_bits: float
    spelling_bits: float
    gap_bits: float

    @property
    def bits(self) -> float:
        """All bits of the word, with the white space before it."""
        return self.surprisal_bits + self.spelling_bits + self.gap_bits


@dataclass(frozen=True)
class TrainingWords:
    """The frequencies of the words of a training text.

    Parameters
    ----------
    counts : Counter
        How often each word occurs; words that have an unknown token are left out, since its spelling is not stored.
    words : int
        N, all words.
    """

    counts: Counter[bytes]
    words: int

    def zipf(self, word: bytes) -> float:
        """Return the log10 of the smoothed frequency per 1,000 million words."""
        return 9 + math.log10((self.counts[word] + 1) / (self.words + len(self.counts)))


def training_words(corpus: TokenizedCorpus) -> TrainingWords:
    """Count the words of the training text.

    If tokens are words, white space beyond ASCII between them ends a word as well, because only the length of this
    white space is stored.
    """
    train, tokenizer = corpus.train, corpus.tokenizer
    pieces = np.array([tokenizer.token_bytes(token) for token in train.vocabulary.tokens], object)
    pieces[train.vocabulary.end] = b"\n"
    if train.vocabulary.unknown is not None:
        pieces[train.vocabulary.unknown] = _UNKNOWN
    strings = pieces[train.ids]
    if tokenizer.covers == "words" and len(train):
        assert train.spans is not None, "the training text was encoded"
        apart = np.append(False, train.spans[1:, 0] != train.spans[:-1, 1])  # by white space, or a new document
        strings = np.where(apart, b" " + strings, strings)
    words = Counter(WORD.findall(b"".join(strings.tolist())))
    known = Counter({word: count for word, count in words.items() if _UNKNOWN not in word})
    return TrainingWords(known, words.total())


class WordScorer:
    """Scores the words of documents by a trained model.

    Parameters
    ----------
    model : LanguageModel
        A trained model.
    corpus : TokenizedCorpus
        The tokens that it was trained on.
    """

    def __init__(self, model: LanguageModel, corpus: TokenizedCorpus) -> None:
        self.model, self.corpus = model, corpus

    def score(self, documents: Sequence[Document], *, ends: bool) -> Iterator[list[WordScore]]:
        """Score the words of documents, which are given to the model as one text.

        Parameters
        ----------
        documents : sequence of Document
            The texts; without ``ends`` the white space at their ends is left out.
        ends : bool
            Whether each document ends with its text: a last row then has the bits of its end.

        Yields
        ------
        list of WordScore
            The words of a document in the order of its text. With ``ends``, their bits together are the bits of the
            document; without, they are those of its tokens and of the end of the last word.
        """
        read = [document if ends else opened(document) for document in documents]
        cut = tokenise(read, self.corpus.tokenizer)
        text = encode(cut, self.corpus.tokenizer, self.corpus.vocabulary)
        assert text.spans is not None, "text was encoded"
        overhead = self.corpus.code.charge(cut, self.corpus.tokenizer, self.corpus.vocabulary)
        log_probs = checked_log_probs(self.model, text)
        places = [places_of(document.text.encode()) for document in read]
        parts = [slice(a, b) for a, b in zip(text.starts.tolist(), text.ends.tolist(), strict=True)]
        words = [WordsInTokens.of(text.spans[part], found) for part, found in zip(parts, places, strict=True)]
        over = [
            each.ends(text.ids[part], self._ending_types, self.corpus.tokenizer)
            for part, each in zip(parts, words, strict=True)
        ]
        end_log_probs = self._end_log_probs(text, over)
        for n, part in enumerate(parts):
            if part.stop == part.start:
                yield []
                continue
            upto = part.stop - part.start - (not ends)
            charged = OverheadBits(overhead.spelling[part], overhead.white_space[part], overhead.separator[part])
            bits = word_bits(words[n], over[n], log_probs[part], end_log_probs[part], charged, upto)
            is_unknown = text.vocabulary.is_unknown(text.ids[part][:upto])
            yield self._rows(read[n], places[n], words[n], bits, is_unknown, ends)

    def _rows(
        self,
        document: Document,
        places: IntArray,
        words: WordsInTokens,
        bits: WordBits,
        is_unknown: npt.NDArray[np.bool_],
        ends: bool,
    ) -> list[WordScore]:
        """Return the words of a document, of which (N,) ``is_unknown`` tells whether a charged token is unknown."""
        data = document.text.encode()
        size, owner = len(words.first), words.owner[: len(is_unknown)]
        inside = owner >= 0
        unknown = np.bincount(owner[inside], is_unknown[inside], minlength=size)
        tokens = np.bincount(owner[inside], minlength=size)
        sentences = sentence_begins(data, document.sentences)
        sentence = np.searchsorted(sentences, places[words.first, 0], side="right") - 1
        rows = []
        for n in range(size):
            start, end = int(places[words.first[n], 0]), int(places[words.last[n], 1])
            rows.append(
                WordScore(
                    word=data[start:end].decode(),
                    start=start,
                    end=end,
                    sentence=int(sentence[n]),
                    words=int(words.last[n] - words.first[n]) + 1,
                    tokens=int(tokens[n]),
                    unknown=bool(unknown[n]),
                    length=len(data[start:end].decode()),
                    frequency=self._training_words.counts[data[start:end]],
                    zipf=self._training_words.zipf(data[start:end]),
                    surprisal_bits=float(bits.surprisal[n]),
                    spelling_bits=float(bits.spelling[n]),
                    gap_bits=float(bits.gap[n]),
                )
            )
        if ends:
            at = len(data)
            last_gap = float(bits.gap[size])
            rows.append(WordScore("", at, at, len(sentences) - 1, 0, 0, False, 0, 0, math.nan, 0.0, 0.0, last_gap))
        return rows

    @cached_property
    def _training_words(self) -> TrainingWords:
        return training_words(self.corpus)

    @cached_property
    def _ending_types(self) -> npt.NDArray[np.bool_]:
        return word_ending_types(self.corpus.vocabulary, self.corpus.tokenizer)

    def _end_log_probs(self, text: Encoded, ends: Sequence[WordEnds]) -> FloatArray:
        """(N,) nats of the end of the word before each token where its document's ``ends`` say so, 0 elsewhere."""
        found = np.zeros(len(text))
        at = np.flatnonzero(np.concatenate([each.at for each in ends])) if ends else np.zeros(0, np.int64)
        size = max(1, _BLOCK // len(text.vocabulary))
        for start in range(0, len(at), size):
            rows = at[start : start + size]
            found[rows] = ends[0].log_probs(next_distributions(self.model, text, rows))
        return found


class TrainingText:
    """The words of a training text, in which other texts are looked for.

    A word is what is between white space, as a sequence of tokens: the tokens of a run are all that is needed.
    """

    def __init__(self, corpus: TokenizedCorpus) -> None:
        train = corpus.train
        assert train.spans is not None, "a text that was tokenised has spans"
        self._vocabulary = corpus.vocabulary
        self._opens = np.array([token[:1].isspace() for token in corpus.vocabulary.tokens])
        parts = [
            self._words(train.ids[start:end], train.spans[start:end])[0]
            for start, end in zip(train.starts, train.ends, strict=True)
        ]
        self._documents = {part.tobytes() for part in parts}
        self._hashes = np.concatenate([np.append(EDGE, part) for part in [*parts, np.zeros(0, np.uint64)]])

    def _words(self, ids: IntArray, spans: IntArray) -> tuple[HashArray, IntArray]:
        """Return a hash of each word of a document, (W,), and its bytes, (W, 2)."""
        some = spans[:, 1] > spans[:, 0]  # the end of a sentence has no bytes
        ids, spans = np.asarray(ids)[some], np.asarray(spans)[some]
        if not len(ids):
            return np.zeros(0, np.uint64), np.zeros((0, 2), np.int64)
        opens = self._opens[ids] | (spans[:, 0] > np.append(-1, spans[:-1, 1]))
        first = np.flatnonzero(opens | (np.arange(len(ids)) == 0))
        place = np.arange(len(ids)) - np.repeat(first, np.diff(np.append(first, len(ids))))
        mixed = (ids.astype(np.uint64) + np.uint64(2)) * FACTOR
        mixed ^= mixed >> np.uint64(29)
        powers = np.cumprod(np.full(int(place.max()) + 1, FACTOR))
        hashes = np.add.reduceat(mixed * powers[place], first)
        return hashes, np.stack([spans[first, 0], spans[np.append(first[1:], len(ids)) - 1, 1]], axis=1)

    def shares(self, texts: Sequence[Scored]) -> list[float]:
        """Return which share of the bytes of each text is in the training text, word for word or nearly so."""
        read = [
            self._words(self._vocabulary.ids(text.tokens), np.array(text.offsets, np.int64).reshape(-1, 2))
            for text in texts
        ]
        mine = np.concatenate([np.append(OTHER_EDGE, words) for words, _ in [*read, (np.zeros(0, np.uint64), None)]])
        inside = covered(aligned(mine, self._hashes, len(mine)), len(mine))
        at, found = 1, []
        for text, (words, spans) in zip(texts, read, strict=True):
            mask = inside[at : at + len(words)]
            sizes = spans[:, 1] - spans[:, 0]
            gaps = np.append(spans[1:, 0], spans[-1:, 1]) - spans[:, 1]  # white space after each word
            amount = int(sizes[mask].sum() + gaps[:-1][mask[1:] & mask[:-1]].sum()) if len(words) else 0
            whole = len(words) > 0 and words.tobytes() in self._documents
            found.append(1.0 if whole else amount / max(len(text.text.encode()), 1))
            at += len(words) + 1
        return found
