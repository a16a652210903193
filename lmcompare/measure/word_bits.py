"""The bits of words, from those of tokens of any kind.

A word is a longest run of characters without white space (of ASCII). It has all the bits of its tokens, and its end
belongs to it. A model of characters, or of pieces such as " the", tells that a word is over only by the token after
it. The probability of that token is the probability that a word ends here times that of what comes next, and the
first of the two is given to the word that ends (Pimentel and Meister 2024, *How to compute the probability of a
word*; Oh and Schuler 2024, *Leading whitespaces of language models' subword vocabulary pose a confound for
calculating word probabilities*; both EMNLP). Nothing is lost by that: the bits of the words, of what is between them
and of the end are together the bits of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lmcompare.model import FloatArray, LanguageModel, streamed
from lmcompare.tokens import Encoded, IntArray, OverheadBits, Tokenizer, Vocabulary

WORD = re.compile(rb"[^\s]+")  # white space of ASCII
_BLANK = np.isin(np.arange(256), np.frombuffer(b" \t\n\r\v\f", np.uint8))
LN2 = float(np.log(2))


def places_of(data: bytes) -> IntArray:
    """(W, 2) the first byte of each word of a document in UTF-8, and the byte after its last."""
    filled = np.zeros(len(data) + 2, np.bool_)  # with white space added before and after
    filled[1:-1] = ~_BLANK[np.frombuffer(data, np.uint8)]
    return np.flatnonzero(filled[1:] != filled[:-1]).reshape(-1, 2)


@dataclass(frozen=True)
class WordEnds:
    """Where the tokens of a text tell that the word before them is over.

    Parameters
    ----------
    at : (N,) bool array
        The tokens that tell it. There are none if white space is between tokens and not in them: the model then gives
        no probability of it.
    types : (V,) bool array
        Which tokens end the word before them: ``</s>``, and those that begin with white space.
    """

    at: npt.NDArray[np.bool_]
    types: npt.NDArray[np.bool_]

    def log_probs(self, distributions: FloatArray) -> FloatArray:
        """(B,) nats of the event that a word ends, from (B, V) log-probabilities in nats."""
        ending = distributions[:, self.types].astype(np.float64)
        with np.errstate(divide="ignore"):
            found: FloatArray = np.log(np.exp(ending).sum(axis=1))
        return found


def word_ending_types(vocabulary: Vocabulary, tokenizer: Tokenizer) -> npt.NDArray[np.bool_]:
    """(V,) which tokens of a vocabulary end the word before them."""
    found = np.zeros(len(vocabulary), np.bool_)
    for index, token in enumerate(vocabulary.tokens):
        found[index] = index == vocabulary.end or (
            index != vocabulary.unknown and WORD.match(tokenizer.token_bytes(token)) is None
        )
    return found


@dataclass(frozen=True)
class WordsInTokens:
    """How the N tokens of a text make up its W words. Words that one token crosses are a group and share a figure.

    Parameters
    ----------
    first, last : (G,) int arrays
        The first and the last word of each group.
    owner : (N,) int array
        The group that a token is part of; -1 for white space and for ``</s>`` between words.
    following : (N,) int array
        The group of a token, or of the next word if it is part of none.
    """

    first: IntArray
    last: IntArray
    owner: IntArray
    following: IntArray

    @classmethod
    def of(cls, spans: IntArray, places: IntArray) -> WordsInTokens:
        """Return the groups, given the places of the tokens (N, 2) and of the words (W, 2)."""
        from_word = np.searchsorted(places[:, 1], spans[:, 0], side="right")
        to_word = np.searchsorted(places[:, 0], spans[:, 1], side="left") - 1
        joined = np.zeros(len(places), np.bool_)  # whether a token joins a word to the word before
        for a, b in zip(from_word[to_word > from_word], to_word[to_word > from_word], strict=True):
            joined[a + 1 : b + 1] = True
        group = np.cumsum(~joined) - 1
        first = np.flatnonzero(~joined)
        last = np.append(first[1:], len(places)) - 1
        following = np.append(group, len(first))[from_word]  # len(first) after the last word
        return cls(first, last, np.where(to_word >= from_word, following, -1), following)

    def ends(self, ids: IntArray, types: npt.NDArray[np.bool_], tokenizer: Tokenizer) -> WordEnds:
        """Return which of the tokens, of ids (N,), tell that the word before them is over."""
        after_word = np.append(False, (self.owner[:-1] >= 0) & (self.owner[1:] != self.owner[:-1]))[: len(self.owner)]
        inside = tokenizer.covers != "words"
        return WordEnds(after_word & types[ids] & inside, types)


@dataclass(frozen=True)
class WordBits:
    """The bits of G groups of words.

    Parameters
    ----------
    surprisal : (G,) float array
        −log2 of the probability of the tokens and of the end of the word.
    spelling : (G,) float array
        What spells the unknown tokens in it.
    gap : (G + 1,) float array
        What is between the word before and this one: the choice of the white space, and ``</s>`` where a sentence
        ends. The last is what comes after all words.
    """

    surprisal: FloatArray
    spelling: FloatArray
    gap: FloatArray


def word_bits(
    words: WordsInTokens,
    ends: WordEnds,
    log_probs: FloatArray,
    end_log_probs: FloatArray,
    overhead: OverheadBits,
    upto: int | None = None,
) -> WordBits:
    """Return the bits of words.

    Parameters
    ----------
    words : WordsInTokens
    ends : WordEnds
    log_probs : (N,) float array
        Nats of the tokens.
    end_log_probs : (N,) float array
        Nats of the end of the word before each token where ``ends`` says so; other values are not read.
    overhead : OverheadBits
        What the N tokens are charged beside the model.
    upto : int, optional
        Tokens from here on are charged nothing, but still end the word before them.
    """
    size, n_tokens = len(words.first), len(log_probs)
    over = np.flatnonzero(ends.at)
    end_bits = np.zeros(n_tokens)
    end_bits[over] = -end_log_probs[over] / LN2
    bits = -log_probs / LN2
    with np.errstate(invalid="ignore"):  # an impossible end makes the token impossible too: inf - inf
        bits = np.where(np.isinf(end_bits), 0.0, bits - end_bits)
    kept = np.arange(n_tokens) < (n_tokens if upto is None else upto)
    inside = kept & (words.owner >= 0)
    surprisal = _summed(bits[inside], words.owner[inside], size)
    surprisal += _summed(end_bits[over], words.owner[over - 1], size)
    spelling = _summed(overhead.spelling[inside], words.owner[inside], size)
    between = overhead.white_space + overhead.separator
    between = between + np.where(words.owner < 0, bits + overhead.spelling, 0)
    gap = _summed(between[kept], words.following[kept], size + 1)
    return WordBits(surprisal, spelling, gap)


def _summed(values: FloatArray, of: IntArray, size: int) -> FloatArray:
    """(size,) float64 the sums of values by where they belong."""
    found: FloatArray = np.bincount(of, values, minlength=size).astype(np.float64)
    return found


def streamed_end_log_probs(
    model: LanguageModel, text: Encoded, ends: WordEnds, seen: Callable[[int], None] = lambda tokens: None
) -> FloatArray:
    """(N,) nats of the end of the word before each token where ``ends`` says so, 0 elsewhere."""
    found = np.zeros(len(text))
    if ends.at.any():
        for at, block in streamed(model, text):
            rows = np.flatnonzero(ends.at[at])
            found[at[rows]] = ends.log_probs(block[rows])
            seen(len(at))
    return found
