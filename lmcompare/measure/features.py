"""Features of each token that no model decides: its count in train, its n-grams seen in train, its position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    import pandas as pd

ORDERS = (2, 3, 4, 5)


def seen_orders(train: Encoded, text: Encoded) -> dict[int, IntArray]:
    """Return for each order n of 2 to 5 an (N,) bool: does the n-gram that ends at this token occur in train?

    N-grams do not cross documents. The n-grams of each order get integer ids from the ids of their first n-1 tokens,
    so that a pair of integers identifies any n-gram.
    """
    types = len(train.vocabulary)
    seen: dict[int, IntArray] = {}
    node_train, node_text = train.ids.astype(np.int64), text.ids.astype(np.int64)
    known = np.ones(len(text), bool)
    for order in ORDERS:
        at_train, at_text = _inside(train, order), _inside(text, order)
        keys = node_train[at_train - 1] * types + train.ids[at_train]
        table = np.unique(keys)
        wanted = node_text[at_text - 1] * types + text.ids[at_text]
        index = np.searchsorted(table, wanted)
        found = (
            known[at_text - 1] & (table[np.minimum(index, len(table) - 1)] == wanted) if len(table) else wanted < 0
        )
        known = np.zeros(len(text), bool)
        known[at_text] = found
        node_text = np.zeros(len(text), np.int64)
        node_text[at_text] = index
        node_train = np.zeros(len(train), np.int64)
        node_train[at_train] = np.searchsorted(table, keys)
        seen[order] = known
    return seen


def token_features(
    train: Encoded, text: Encoded, sentence_starts: IntArray, overhead_bits: FloatArray, split: str
) -> pd.DataFrame:
    """Return the feature table of one split, one row per token; see ``docs/metrics.md`` for the columns.

    Parameters
    ----------
    train, text : Encoded
        The training text and the text of the split.
    sentence_starts : (S,) int array
        The position of the first token of each sentence of ``text``.
    overhead_bits : (N,) float array
        What each token is charged beside the model's own bits.
    split : str
        The name of the split.
    """
    import pandas as pd

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
            "document": document,
            "position": at - text.starts[document],
            "token_id": text.ids,
            "train_count": counts,
            **{f"seen_{order}": seen for order, seen in seen_orders(train, text).items()},
            "sentence": sentence - first_of_document[document],
            "position_in_sentence": at - sentence_starts[sentence],
            "repeated": first[inverse] < at,
            "overhead_bits": overhead_bits,
        }
    )


def _inside(text: Encoded, order: int) -> IntArray:
    """(M,) the positions at which an n-gram of this order ends without leaving its document."""
    at = np.arange(order - 1, len(text))
    inside: IntArray = at[text.document_of(at) == text.document_of(at - order + 1)]
    return inside
