"""The scores of the words of texts, for tokenizers of every kind; ``word_bits`` says what a word is charged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lmcompare.corpora import Document
from lmcompare.measure.scoring import checked_log_probs
from lmcompare.measure.text_scores import opened
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
