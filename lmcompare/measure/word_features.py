"""The words of the held-out texts, whatever the tokens are, and features of them that depend on no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.words import ASCII_SPACES, batches, numbered_words
from lmcompare.measure.word_bits import places_of
from lmcompare.runfolder.layout import WORD_COLUMNS
from lmcompare.tokens import IntArray, sentence_begins

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.corpora import Document


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
