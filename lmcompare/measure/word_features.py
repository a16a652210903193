"""The words of the held-out texts, which are the same whatever the tokens are, and what no model decides of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare.measure.word_bits import WORD, places_of

if TYPE_CHECKING:
    import pandas as pd

    from lmcompare.corpora import Document


def counted_words(documents: Iterable[Document]) -> Counter[bytes]:
    """Count the words of documents, in UTF-8."""
    counts: Counter[bytes] = Counter()
    for document in documents:
        counts.update(WORD.findall(document.text.encode()))
    return counts


def word_features(documents: Sequence[Document], train_words: Mapping[bytes, int], split: str) -> pd.DataFrame:
    """Return the words of a split, and after those of each document a row for its end, which is no word.

    Parameters
    ----------
    documents : sequence of Document
        The documents of the split.
    train_words : mapping of bytes to int
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

    rank = {word: number for number, word in enumerate(train_words, 1)}
    parts: list[dict[str, Any]] = []
    for index, document in enumerate(documents):
        data = document.text.encode()
        places = places_of(data)
        words = [data[start:end] for start, end in places.tolist()]
        ascii_only = len(data) == len(document.text)
        begins = [a if ascii_only else len(document.text[:a].encode()) for a, _ in document.sentences]
        sentence = np.maximum(np.searchsorted(np.array(begins, np.int64), places[:, 0], side="right") - 1, 0)
        at = np.arange(len(words))
        first = np.flatnonzero(np.append(True, sentence[1:] != sentence[:-1]))[: len(words)]
        seen: set[bytes] = set()
        repeated = [word in seen or bool(seen.add(word)) for word in words]  # type: ignore[func-returns-value]
        parts.append(
            {
                "document": np.full(len(words) + 1, index),
                "word": [*(word.decode() for word in words), ""],
                "byte_start": np.append(places[:, 0], len(data)),
                "byte_end": np.append(places[:, 1], len(data)),
                "train_count": np.array([*(train_words.get(word, 0) for word in words), 0]),
                "train_rank": np.array([*(rank.get(word, 0) for word in words), 0]),
                "sentence": np.append(sentence, max(len(begins) - 1, 0)),
                "position_in_sentence": np.append(at - first[np.searchsorted(first, at, side="right") - 1], 0),
                "position": np.append(at, len(words)),
                "repeated": [*repeated, False],
            }
        )
    table = {name: [value for part in parts for value in part[name]] for name in (parts[0] if parts else ())}
    return pd.DataFrame({"split": split, **table})
