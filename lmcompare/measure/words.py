"""Surprisal per word, for tokenizers of every kind.

A word is a longest run of characters without white space (of ASCII). It has all the bits of its tokens, and its end
belongs to it. A model of characters, or of pieces such as " the", tells that a word is over only by the token after
it. The probability of that token is the probability that a word ends here times that of what comes next, and the
first of the two is given to the word that ends (Pimentel and Meister 2024, *How to compute the probability of a
word*; Oh and Schuler 2024, *Leading whitespaces of language models' subword vocabulary pose a confound for
calculating word probabilities*; both EMNLP). Nothing is lost by that: the bits of the words, of what is between them
and of the end are together the bits of the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lmcompare.corpora import Document
from lmcompare.measure.scoring import checked_log_probs
from lmcompare.measure.text_scores import opened
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray, OverheadBits, encode, tokenise

_WORD = re.compile(rb"[^\s]+")  # white space of ASCII
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
    words = Counter(_WORD.findall(b"".join(strings.tolist())))
    known = Counter({word: count for word, count in words.items() if _UNKNOWN not in word})
    return TrainingWords(known, words.total())


class _Cut(NamedTuple):
    """A document of N tokens and W words: ``places`` (W, 2), and the arrays of ``_owners`` and ``_ends_word``."""

    document: Document
    places: IntArray
    owner: IntArray
    first: IntArray
    last: IntArray
    over: IntArray
    is_unknown: npt.NDArray[np.bool_]


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
        bits = -checked_log_probs(self.model, text) / np.log(2)  # (N,)
        places = [_places(document) for document in read]
        parts = [slice(a, b) for a, b in zip(text.starts.tolist(), text.ends.tolist(), strict=True)]
        owners = [_owners(text.spans[part], found) for part, found in zip(parts, places, strict=True)]
        overs = [self._ends_word(text.ids[part], owner) for part, (owner, _, _) in zip(parts, owners, strict=True)]
        over = np.concatenate([part.start + found for part, found in zip(parts, overs, strict=True)])
        end_bits = np.zeros(len(text))  # of the event that a word is over, at the token after it
        end_bits[over] = self._end_bits(text, over)
        for document, part, where, (owner, first, last), over in zip(read, parts, places, owners, overs, strict=True):
            if part.stop == part.start:
                yield []
                continue
            charged = OverheadBits(overhead.spelling[part], overhead.white_space[part], overhead.separator[part])
            found = _Cut(document, where, owner, first, last, over, text.vocabulary.is_unknown(text.ids[part]))
            yield self._rows(found, bits[part], end_bits[part], charged, ends)

    def _rows(
        self, cut: _Cut, bits: FloatArray, end_bits: FloatArray, overhead: OverheadBits, ends: bool
    ) -> list[WordScore]:
        """Return the words of a document from the bits of its N tokens and of the ends of words before them."""
        document, places, owner, first, last, over, is_unknown = cut
        data, bits = document.text.encode(), bits - end_bits
        kept = np.arange(len(bits)) < len(bits) - (not ends)
        inside, size = kept & (owner >= 0), len(first)
        surprisal = np.bincount(owner[inside], bits[inside], minlength=size)
        surprisal += np.bincount(owner[over - 1], end_bits[over], minlength=size)
        between = overhead.white_space + overhead.separator + np.where(owner < 0, bits + overhead.spelling, 0)
        gap = np.bincount(_next_owner(owner, size)[kept], between[kept], minlength=size + 1)
        spelling = np.bincount(owner[inside], overhead.spelling[inside], minlength=size)
        unknown = np.bincount(owner[inside], is_unknown[inside], minlength=size)
        tokens = np.bincount(owner[inside], minlength=size)
        sentences = np.array([len(document.text[:start].encode()) for start, _ in document.sentences])
        sentence = np.searchsorted(sentences, places[first, 0], side="right") - 1
        rows = []
        for n in range(size):
            start, end = int(places[first[n], 0]), int(places[last[n], 1])
            rows.append(
                WordScore(
                    word=data[start:end].decode(),
                    start=start,
                    end=end,
                    sentence=int(sentence[n]),
                    words=int(last[n] - first[n]) + 1,
                    tokens=int(tokens[n]),
                    unknown=bool(unknown[n]),
                    length=len(data[start:end].decode()),
                    frequency=self._training_words.counts[data[start:end]],
                    zipf=self._training_words.zipf(data[start:end]),
                    surprisal_bits=float(surprisal[n]),
                    spelling_bits=float(spelling[n]),
                    gap_bits=float(gap[n]),
                )
            )
        if ends:
            at = len(data)
            last_gap = float(gap[size])
            rows.append(WordScore("", at, at, len(sentences) - 1, 0, 0, False, 0, 0, math.nan, 0.0, 0.0, last_gap))
        return rows

    @cached_property
    def _training_words(self) -> TrainingWords:
        return training_words(self.corpus)

    @cached_property
    def _white_types(self) -> npt.NDArray[np.bool_]:
        """(V,) which types end the word before them: ``</s>``, and those that begin with white space."""
        vocabulary, tokenizer = self.corpus.vocabulary, self.corpus.tokenizer
        found = np.zeros(len(vocabulary), np.bool_)
        for index, token in enumerate(vocabulary.tokens):
            found[index] = index == vocabulary.end or (
                index != vocabulary.unknown and _WORD.match(tokenizer.token_bytes(token)) is None
            )
        return found

    def _ends_word(self, ids: IntArray, owner: IntArray) -> IntArray:
        """Return the positions (E,) of the tokens of a document that tell that the word before them is over.

        There are none if white space is between tokens and not in them: the model then says nothing about it.
        """
        if self.corpus.tokenizer.covers == "words":
            return np.zeros(0, np.int64)
        after_word = np.append(False, (owner[:-1] >= 0) & (owner[1:] != owner[:-1]))
        return np.flatnonzero(after_word & self._white_types[ids])

    def _end_bits(self, text: Encoded, at: IntArray) -> FloatArray:
        """Return −log2 of the probability that the token at each position (E,) ends the word before it."""
        bits = np.zeros(len(at))
        size = max(1, _BLOCK // len(text.vocabulary))
        for start in range(0, len(at), size):
            nats = self.model.next_log_probs(text, at[start : start + size]).astype(np.float64)  # (B, V)
            bits[start : start + size] = -np.log2(np.exp(nats[:, self._white_types]).sum(axis=1))
        return bits


def _places(document: Document) -> IntArray:
    """Return where the words of a document are in its UTF-8, (W, 2)."""
    found = [word.span() for word in _WORD.finditer(document.text.encode())]
    return np.array(found, np.int64).reshape(-1, 2)


def _owners(spans: IntArray, places: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return the group of words that each token belongs to, and the first and last word of each group.

    Words that one token crosses are a group; other words are groups of their own.

    Parameters
    ----------
    spans : (N, 2) int array
        Where the tokens are.
    places : (W, 2) int array
        Where the words are.

    Returns
    -------
    owner : (N,) int array
        -1 for a token of white space and for ``</s>`` between words.
    first, last : (G,) int arrays
    """
    from_word = np.searchsorted(places[:, 1], spans[:, 0], side="right")
    to_word = np.searchsorted(places[:, 0], spans[:, 1], side="left") - 1
    joined = np.zeros(len(places), np.bool_)  # with the word before
    for a, b in zip(from_word[to_word > from_word], to_word[to_word > from_word], strict=True):
        joined[a + 1 : b + 1] = True
    group = np.cumsum(~joined) - 1
    first = np.flatnonzero(~joined)
    last = np.append(first[1:], len(places)) - 1
    owner = np.full(len(spans), -1, np.int64)
    within = to_word >= from_word
    owner[within] = group[from_word[within]]
    return owner, first, last


def _next_owner(owner: IntArray, size: int) -> IntArray:
    """(N,) the group of each token, or of the next token that has one; ``size`` after the last."""
    places = np.where(owner >= 0, np.arange(len(owner)), len(owner))
    following = np.minimum.accumulate(places[::-1])[::-1]
    found: IntArray = np.append(owner, size)[following]
    return found
