"""Features of each token that no model decides: its count in train, its n-grams seen in train, its position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lmcompare.tokens import Encoded, IntArray, OverheadBits

if TYPE_CHECKING:
    import pandas as pd

ORDERS = (2, 3, 4, 5)
BLOCK = 1 << 20  # tokens of the training text that are looked up at a time


def seen_orders(train: Encoded, text: Encoded) -> dict[int, npt.NDArray[np.bool_]]:
    """Return for each order n of 2 to 5 an (N,) bool: does the n-gram that ends at this token occur in train?

    N-grams do not cross documents. Every n-gram of the text gets a number from the number of its first n-1 tokens and
    from its last token. The training text, which may be long, is read once, block by block, with these numbers: what
    is not in the text has none.
    """
    import pandas as pd

    types = len(train.vocabulary)
    tables: dict[int, IntArray] = {}  # the keys of the n-grams of the text, in rising order
    numbers: dict[int, IntArray] = {}  # of the n-gram that ends at each token
    number: IntArray = text.ids.astype(np.int64)
    for order in ORDERS:
        at = _inside(text, order)
        tables[order], inverse = np.unique(number[at - 1] * types + text.ids[at], return_inverse=True)
        number = np.full(len(text), -1, np.int64)
        number[at] = inverse
        numbers[order] = number
    occurs = {order: np.zeros(len(table), np.bool_) for order, table in tables.items()}
    hashed = {order: pd.Index(table) for order, table in tables.items()}  # eight times as fast as bisection
    for ids, begins in _overlapping(train):
        number = ids.astype(np.int64)
        for order in ORDERS:
            before = np.append(np.int64(-1), number[:-1])
            at = np.flatnonzero((before >= 0) & ~begins)
            number = np.full(len(ids), -1, np.int64)
            number[at] = hashed[order].get_indexer(pd.Index(before[at] * types + ids[at]))  # -1: not in the text
            occurs[order][number[number >= 0]] = True
    return {order: np.append(occurs[order], False)[numbers[order]] for order in ORDERS}


def _overlapping(train: Encoded) -> Iterator[tuple[IntArray, npt.NDArray[np.bool_]]]:
    """Yield the ids (n,) of blocks that overlap by the longest order less one, and which of them begin a document."""
    begins = np.zeros(len(train), np.bool_)
    begins[train.starts[train.starts < len(train)]] = True
    for start in range(0, len(train), BLOCK):
        rows = slice(max(0, start - ORDERS[-1] + 1), start + BLOCK)
        yield train.ids[rows], begins[rows]


def token_features(
    train: Encoded, text: Encoded, sentence_starts: IntArray, overhead: OverheadBits, split: str
) -> pd.DataFrame:
    """Return the feature table of one split, one row per token; see ``docs/metrics.md`` for the columns.

    Parameters
    ----------
    train, text : Encoded
        The training text and the text of the split.
    sentence_starts : (S,) int array
        The position of the first token of each sentence of ``text``.
    overhead : OverheadBits
        What each of the N tokens is charged beside the model's own bits.
    split : str
        The name of the split.
    """
    import pandas as pd

    seen = seen_orders(train, text)  # first, as it takes the most memory
    at = np.arange(len(text))
    document = text.document_of(at)
    sentence = np.searchsorted(sentence_starts, at, side="right") - 1
    first_of_document = np.searchsorted(sentence_starts, text.starts)
    # a token is repeated if its (document, id) pair occurs before it
    pairs = document.astype(np.int64) * len(text.vocabulary) + text.ids
    _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
    counts = np.where(text.vocabulary.is_unknown(text.ids), 0, train.vocabulary.counts[text.ids])
    return pd.DataFrame(
        {
            "split": split,
            "document": document.astype(np.int32),
            "position": (at - text.starts[document]).astype(np.int32),
            "token_id": text.ids,
            "train_count": counts,
            **{f"seen_{order}": of_order for order, of_order in seen.items()},
            "sentence": (sentence - first_of_document[document]).astype(np.int32),
            "position_in_sentence": (at - sentence_starts[sentence]).astype(np.int32),
            "repeated": first[inverse] < at,
            "overhead_bits": overhead.total,
            "spelling_bits": overhead.spelling,
        }
    )


def _inside(text: Encoded, order: int) -> IntArray:
    """(M,) the positions at which an n-gram of this order ends without leaving its document."""
    at = np.arange(order - 1, len(text))
    inside: IntArray = at[text.document_of(at) == text.document_of(at - order + 1)]
    return inside
