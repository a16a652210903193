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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.sentences import ASCII_SPACES, batches, numbered_words
from lmcompare.model import FloatArray, LanguageModel, streamed
from lmcompare.runfolder.files import Array, upto_documents
from lmcompare.runfolder.layout import WORD_COLUMNS, Split
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray, OverheadBits, Tokenizer, Vocabulary, sentence_begins

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.corpora import Document


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


PART_BYTES = 1 << 22  # words of a long text are computed in parts of this size
END = -1  # the number of a document's end, which comes after all words


@dataclass(frozen=True)
class WordCounts:
    """How often the T words of a text occur.

    Parameters
    ----------
    ranks : mapping of str to int
        The rank of each word; 1 is the most frequent, and equals are in the order of their first occurrences.
    counts : (T + 1,) int array
        The count of the word of each rank; 0 for rank 0, which no word has.
    """

    ranks: Mapping[str, int]
    counts: IntArray

    @classmethod
    def of(cls, documents: Iterable[Document]) -> WordCounts:
        """Count the words of documents."""
        counted: Counter[str] = Counter()
        for batch in batches(document.text for document in documents):
            words, which, _ = numbered_words([text for _, text in batch], ASCII_SPACES)
            counted.update(dict(zip(words, np.bincount(which).tolist(), strict=True)))
        ranked = counted.most_common()
        counts = np.array([0, *(count for _, count in ranked)], np.int32)
        return cls({word: rank for rank, (word, _) in enumerate(ranked, 1)}, counts)


def word_features(documents: Sequence[Document], train: WordCounts, split: str) -> Iterator[pd.DataFrame]:
    """Yield the words of a split in parts; after the words of each document comes a row for its end.

    Parameters
    ----------
    documents : sequence of Document
        The documents of the split.
    train : WordCounts
        Those of the training text.
    split : str
        The name of the split.

    Yields
    ------
    DataFrame
        The columns ``WORD_COLUMNS``: the word as in the text ("" for an end), where it is, how often it occurs in the
        training text, its rank there (1 is the most frequent; 0 is not in it), its sentence, the number of words
        before it in the sentence and in the document, and whether it is in the document before.
    """
    part: list[Document] = []
    size = first = 0
    for document in documents:
        part.append(document)
        size += document.n_bytes
        if size >= PART_BYTES:
            yield _table(part, first, train, split)
            first += len(part)
            part, size = [], 0
    if part:
        yield _table(part, first, train, split)


def _table(documents: Sequence[Document], first: int, train: WordCounts, split: str) -> pd.DataFrame:
    """Return the rows of some documents, of which the first has the number ``first``."""
    import pandas as pd

    texts = [document.text for document in documents]
    different, which, lengths = numbered_words(texts, ASCII_SPACES)
    ranks = np.array([*(train.ranks.get(word, 0) for word in different), 0], np.int32)
    of_documents = np.split(which, np.cumsum(lengths)[:-1])
    rows = [
        {"document": np.full(len(found) + 1, number, np.int32), **_places(text, document, found)}
        for number, (text, document, found) in enumerate(zip(texts, documents, of_documents, strict=True), first)
    ]
    table = {name: np.concatenate([each[name] for each in rows]) for name in rows[0]}
    words = table.pop("number")
    return pd.DataFrame(
        {
            "split": split,
            "word": np.array([*different, ""], object)[words],
            "train_count": train.counts[ranks][words],
            "train_rank": ranks[words],
            **table,
        }
    )[list(WORD_COLUMNS)]


def _places(text: str, document: Document, words: IntArray) -> dict[str, npt.NDArray[np.generic]]:
    """Return the columns (W + 1,) of the words of a document and of its end, given the number of each word (W,)."""
    data = text.encode()
    places, at = places_of(data), np.arange(len(words))
    begins = sentence_begins(data, document.sentences)
    sentence = np.maximum(np.searchsorted(begins, places[:, 0], side="right") - 1, 0)
    opens = np.flatnonzero(np.append(True, sentence[1:] != sentence[:-1]))[: len(words)]
    repeated = np.ones(len(words) + 1, np.bool_)
    repeated[np.append(np.unique(words, return_index=True)[1], len(words))] = False

    def column(values: IntArray, of_end: int, kind: type[np.signedinteger] = np.int32) -> IntArray:
        return np.append(values, of_end).astype(kind)

    return {
        "number": column(words, END),
        "byte_start": column(places[:, 0], len(data), np.int64),
        "byte_end": column(places[:, 1], len(data), np.int64),
        "sentence": column(sentence, max(len(begins) - 1, 0)),
        "position_in_sentence": column(at - opens[np.searchsorted(opens, at, side="right") - 1], 0),
        "position": column(at, len(words)),
        "repeated": repeated,
    }


TOGETHER = 1 << 18  # words of a long text are computed in parts of this size


class HeldOutWords:
    """The words of a split of a corpus under one tokenizer, which are looked at in parts of whole documents.

    Parameters
    ----------
    corpus : TokenizedCorpus
    split : {"valid", "test"}
    """

    def __init__(self, corpus: TokenizedCorpus, split: Split) -> None:
        self._corpus, self._split, self._text = corpus, split, corpus.split(split)

    @cached_property
    def ends(self) -> WordEnds:
        """Where the tokens of the split tell that the word before them is over."""
        tokenizer, ids = self._corpus.tokenizer, self._text.ids
        types = word_ending_types(self._text.vocabulary, tokenizer)
        at = np.zeros(len(ids), np.bool_)
        for tokens, _, words in self._parts():
            at[tokens] = words.ends(ids[tokens], types, tokenizer).at
        return WordEnds(at, types)

    def tables(self, log_probs: FloatArray, end_log_probs: FloatArray) -> Iterator[pd.DataFrame]:
        """Yield the rows of ``words.parquet`` in parts, in the order of the words of the corpus.

        Words that one token crosses share its bits equally; ``joined`` says of each but the first that it shares
        them with the word before.

        Parameters
        ----------
        log_probs : (N,) float array
            Nats of the tokens of the split.
        end_log_probs : (N,) float array
            Nats of the end of the word before each token, where ``ends`` says so.
        """
        import pandas as pd

        features = self._corpus.feature_blocks(self._split, ["document", "overhead_bits", "spelling_bits"])
        for (tokens, document, words), charged in zip(self._parts(), self._cut(features), strict=True):
            spelling = charged["spelling_bits"].astype(np.float64)
            between = charged["overhead_bits"].astype(np.float64) - spelling
            overhead = OverheadBits(spelling=spelling, white_space=between, separator=np.zeros(len(between)))
            ends = replace(self.ends, at=self.ends.at[tokens])
            bits = word_bits(words, ends, log_probs[tokens], end_log_probs[tokens], overhead)
            joined = np.ones(len(document), np.bool_)
            joined[words.first] = False
            yield pd.DataFrame(
                {
                    "split": self._split,
                    "document": document,
                    "surprisal_bits": _shared(words, bits.surprisal),
                    "spelling_bits": _shared(words, bits.spelling),
                    "gap_bits": _shared(words, bits.gap[:-1]),
                    "joined": joined,
                }
            )

    def _parts(self) -> Iterator[tuple[slice, IntArray, WordsInTokens]]:
        """Yield for each part the slice of its tokens, the document (W,) of each of its words, and their tokens."""
        words = self._cut(self._corpus.word_blocks(self._split, ("document", "byte_start", "byte_end")))
        begin = 0
        for part, rows in zip(self._text.parts(TOGETHER), words, strict=True):
            assert part.spans is not None, "text was encoded"
            document, places = rows["document"].astype(np.int64), np.stack([rows["byte_start"], rows["byte_end"]], 1)
            is_end = places[:, 0] == places[:, 1]  # words have one byte or more
            places[is_end, 1] += 1  # documents follow each other, and the end of each gets a byte of its own
            before = np.append(0, np.cumsum(places[is_end, 1]))
            of_tokens = before[part.document_of(np.arange(len(part)))]
            of_words = before[document - document[0]]
            found = WordsInTokens.of(part.spans + of_tokens[:, None], places + of_words[:, None])
            yield slice(begin, begin + len(part)), document, found
            begin += len(part)

    def _cut(self, blocks: Iterable[dict[str, Array]]) -> Iterator[dict[str, Array]]:
        """Yield the rows of a table of the split, which has ``document``, in the same parts as the text."""
        ends = np.cumsum([part.n_documents for part in self._text.parts(TOGETHER)])
        return upto_documents(blocks, ends.tolist())


def _shared(words: WordsInTokens, values: FloatArray) -> FloatArray:
    """(W,) the part of each word in the value of its group, given the values (G,)."""
    size = words.last - words.first + 1
    found: FloatArray = np.repeat(values / size, size).astype(np.float32)
    return found
