"""The scores of the words of a text, for tokenizers of every kind; ``word_bits`` says what a word is charged."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lmcompare.corpora import Document
from lmcompare.measure.scoring import checked_log_probs
from lmcompare.measure.text_scores import opened
from lmcompare.measure.word_bits import WORD, WordEnds, WordsInTokens, places_of, word_bits, word_ending_types
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, encode, tokenise

_UNKNOWN = b"\0"
_BLOCK = 1 << 22  # numbers of a block of distributions


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
    """Count the words of the training text."""
    train, tokenizer = corpus.train, corpus.tokenizer
    pieces = np.array([tokenizer.token_bytes(token) for token in train.vocabulary.tokens], object)
    pieces[train.vocabulary.end] = b"\n"
    if train.vocabulary.unknown is not None:
        pieces[train.vocabulary.unknown] = _UNKNOWN
    strings = pieces[train.ids]
    if tokenizer.covers == "words" and len(train):
        assert train.spans is not None, "the training text was encoded"
        apart = np.append(False, train.spans[1:, 0] != train.spans[:-1, 1])  # white space, or another document
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

    def score(self, document: Document, *, ends: bool) -> list[WordScore]:
        """Score the words of a document.

        Parameters
        ----------
        document : Document
            The text; without ``ends`` the white space at its end is left out.
        ends : bool
            Whether the document ends with the text: a last row then has the bits of its end.

        Returns
        -------
        list of WordScore
            In the order of the text. With ``ends``, their bits together are the bits of the document; without, they
            are those of its tokens and of the end of the last word.
        """
        corpus = self.corpus
        document = document if ends else opened(document)
        cut = tokenise([document], corpus.tokenizer)
        text = encode(cut, corpus.tokenizer, corpus.vocabulary)
        if not len(text):
            return []
        assert text.spans is not None, "text was encoded"
        data = document.text.encode()
        places = places_of(data)
        words = WordsInTokens.of(text.spans, places)
        over = words.ends(text, self._ending_types, corpus.tokenizer)
        upto = len(text) - (not ends)
        bits = word_bits(
            words,
            over,
            checked_log_probs(self.model, text),
            self._end_log_probs(text, over),
            corpus.code.charge(cut, corpus.tokenizer, corpus.vocabulary),
            upto,
        )
        size, owner = len(words.first), words.owner[:upto]
        inside = owner >= 0
        unknown = np.bincount(owner[inside], text.vocabulary.is_unknown(text.ids[:upto][inside]), minlength=size)
        tokens = np.bincount(owner[inside], minlength=size)
        sentences = np.array([len(document.text[:start].encode()) for start, _ in document.sentences])
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

    def _end_log_probs(self, text: Encoded, ends: WordEnds) -> FloatArray:
        """(N,) nats of the end of the word before each token where ``ends`` says so, 0 elsewhere."""
        found = np.zeros(len(text))
        at = np.flatnonzero(ends.at)
        size = max(1, _BLOCK // len(text.vocabulary))
        for start in range(0, len(at), size):
            rows = at[start : start + size]
            found[rows] = ends.log_probs(self.model.next_log_probs(text, rows))
        return found
