"""The words of the held-out texts, which are the same whatever the tokens are, and what no model decides of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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


_NUMBERS = ("document", "byte_start", "byte_end", "sentence", "position_in_sentence", "position")
END = -1  # the number of an end, which is the last of the words


def counted_words(documents: Iterable[Document]) -> Counter[str]:
    """Count the words of documents."""
    counts: Counter[str] = Counter()
    for batch in batches(document.text for document in documents):
        words, which, _ = numbered_words([text for _, text in batch], ASCII_SPACES)
        counts.update(dict(zip(words, np.bincount(which).tolist(), strict=True)))
    return counts


def word_features(documents: Sequence[Document], train_words: Mapping[str, int], split: str) -> pd.DataFrame:
    """Return the words of a split, and after those of each document a row for its end, which is no word.

    Parameters
    ----------
    documents : sequence of Document
        The documents of the split.
    train_words : mapping of str to int
        The count of each word of the training text, the most frequent first.
    split : str
        The name of the split.

    Returns
    -------
    DataFrame
        The columns ``WORD_COLUMNS``: the word as in the text ("" for an end), where it is, how often it occurs in the
        training text, its rank there (1 is the most frequent; 0 is not in it), its sentence, the number of words
        before it in the sentence and in the document, and whether it is in the document before.
    """
    import pandas as pd

    different, which, lengths = numbered_words([document.text for document in documents], ASCII_SPACES)
    words: list[IntArray] = []
    columns: dict[str, list[IntArray]] = {name: [] for name in _NUMBERS}
    repeated: list[npt.NDArray[np.bool_]] = []
    of_documents = np.split(which, np.cumsum(lengths)[:-1])
    for index, (document, found) in enumerate(zip(documents, of_documents, strict=True)):
        data = document.text.encode()
        places, n_words = places_of(data), len(found)
        words.append(np.append(found, END))
        begins = sentence_begins(data, document.sentences)
        sentence = np.maximum(np.searchsorted(begins, places[:, 0], side="right") - 1, 0)
        at = np.arange(n_words)
        first = np.flatnonzero(np.append(True, sentence[1:] != sentence[:-1]))[:n_words]
        last_sentence = max(len(begins) - 1, 0)
        rows = {
            "document": np.full(n_words, index),
            "byte_start": places[:, 0],
            "byte_end": places[:, 1],
            "sentence": sentence,
            "position_in_sentence": at - first[np.searchsorted(first, at, side="right") - 1],
            "position": at,
        }
        of_end = (index, len(data), len(data), last_sentence, 0, n_words)
        for (name, values), end in zip(rows.items(), of_end, strict=True):
            kind = np.int64 if name.startswith("byte") else np.int32
            columns[name].append(np.append(values, end).astype(kind))
        again = np.ones(n_words + 1, np.bool_)
        again[np.append(np.unique(found, return_index=True)[1], n_words)] = False
        repeated.append(again)
    rank = {word: number for number, word in enumerate(train_words, 1)}
    none = np.zeros(0, np.int32)
    all_words = np.concatenate([none, *words])
    table = {name: np.concatenate([none, *parts]) for name, parts in columns.items()}
    return pd.DataFrame(
        {
            "split": split,
            "word": np.array([*different, ""], object)[all_words],
            "train_count": np.array([*(train_words.get(word, 0) for word in different), 0], np.int32)[all_words],
            "train_rank": np.array([*(rank.get(word, 0) for word in different), 0], np.int32)[all_words],
            **table,
            "repeated": np.concatenate([np.zeros(0, np.bool_), *repeated]),
        }
    )[list(WORD_COLUMNS)]
