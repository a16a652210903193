"""What is known of a text without a model: features of its held-out tokens, and what compressors need for it."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lmcompare.memory import GrowingArray
from lmcompare.tokens import Encoded, IntArray, OverheadBits

if TYPE_CHECKING:
    import pandas as pd


ORDERS = (2, 3, 4, 5)
BLOCK = 1 << 18  # tokens of the training text that are looked up at a time


def seen_orders(train: Encoded, text: Encoded) -> dict[int, npt.NDArray[np.bool_]]:
    """Return for each order n of 2 to 5 an (N,) bool: does the n-gram that ends at this token occur in train?

    N-grams do not cross documents. Every n-gram of the text gets a number from the number of its first n-1 tokens and
    from its last token. The training text, which may be long, is read once an order, block by block, and the numbers
    of its n-grams are kept for the next order. N-grams that are not in the text have no number.
    """
    seen: dict[int, npt.NDArray[np.bool_]] = {}
    of_train: IntArray = train.ids
    of_text: IntArray = text.ids
    for order in ORDERS:
        seen[order], of_train, of_text = _longer(train, text, order, of_train, of_text)
    return seen


def _longer(
    train: Encoded, text: Encoded, order: int, of_train: IntArray, of_text: IntArray
) -> tuple[npt.NDArray[np.bool_], IntArray, IntArray]:
    """Return (N,) whether n-grams occur in train, and the numbers of those of train and of text.

    ``of_train`` and ``of_text`` are the numbers of the n-grams that are a token shorter, -1 where there is none.
    """
    import pandas as pd

    types = len(train.vocabulary)
    at = _inside(text, order)
    keys, inverse = np.unique(of_text[at - 1].astype(np.int64) * types + text.ids[at], return_inverse=True)
    found = np.full(len(text), -1, np.int32)
    found[at] = inverse
    del at, inverse
    hashed = pd.Index(keys)  # eight times as fast as bisection
    occurs = np.zeros(len(keys) + 1, np.bool_)  # index -1 is the last: no n-gram
    numbers = GrowingArray(np.int32)
    last: IntArray = np.full(1, -1, np.int32)
    for start in range(0, len(train), BLOCK):
        block = slice(start, start + BLOCK)
        ids, shorter = train.ids[block], of_train[block]
        before = np.append(last, shorter[:-1])
        last = shorter[-1:]
        first, stop = np.searchsorted(train.starts, [start, start + len(ids)])
        before[train.starts[first:stop] - start] = -1  # where a document begins
        known = np.flatnonzero(before >= 0)
        number = np.full(len(ids), -1, np.int32)
        number[known] = hashed.get_indexer(pd.Index(before[known].astype(np.int64) * types + ids[known]))
        occurs[number] = True
        numbers.append(number)
    occurs[-1] = False
    return occurs[found], numbers.finish(), found


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

    seen = seen_orders(train, text)  # first, since it needs the most memory
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


PAST = 3 << 20  # bytes; more would take longer than cutting a long text into tokens, and save xz about 1 %
GZIP_PAST = 1 << 16  # bytes; gzip looks back 32 KiB
BZIP2_BLOCK = 899_000  # bytes, a little less than a block of bzip2, which sees nothing of the block before
MOST = 1 << 20  # bytes of the text that are compressed
PPMD_ORDER, PPMD_MEMORY = 8, 256 << 20  # context and memory, in bytes
ZSTD_LEVEL = 19
NONE: Mapping[str, float] = {}


def _zstd(data: bytes) -> bytes:
    import pyarrow as pa

    packed: bytes = pa.Codec("zstd", compression_level=ZSTD_LEVEL).compress(data, asbytes=True)
    return packed


def _ppmd(data: bytes) -> bytes:
    import pyppmd

    packed: bytes = pyppmd.compress(data, max_order=PPMD_ORDER, mem_size=PPMD_MEMORY)
    return packed


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: zlib.compress(data, 9),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "ppmd": _ppmd,
}


def compressed(past: Sequence[str], text: Sequence[str], known: Mapping[str, float] = NONE) -> dict[str, float]:
    """Return what compressors need for a text if they have read another one before, in bits per byte.

    It is the compressed length of both texts together, minus that of the past. Only the last 3 MiB of a long past are
    used (for gzip 64 KiB, for bzip2 what fits into one block with the text), and the first 1 MiB of a long text.

    Parameters
    ----------
    past, text : sequence of str
        The documents of the training text and of the test text.
    known : mapping of str to float, optional
        Figures that were measured before.

    Returns
    -------
    dict of str to float
        By the name of the compressor. Left out are those that are not installed, and those for which the text adds no
        byte, because it is very short and occurs in the past; all for an empty text.
    """
    before, after = _end(past), _beginning(text)
    found = dict(known)
    for name, compress in COMPRESSORS.items() if after else ():
        if name not in found:
            limits = {"gzip": GZIP_PAST, "bzip2": max(0, BZIP2_BLOCK - len(after))}
            past_of = before[max(0, len(before) - limits.get(name, PAST)) :]
            with suppress(ImportError):
                found[name] = 8 * (len(compress(past_of + after)) - len(compress(past_of))) / len(after)
    return {name: found[name] for name in COMPRESSORS if found.get(name, 0.0) > 0}


def _beginning(documents: Sequence[str]) -> bytes:
    """Return the first bytes of some documents."""
    parts, size = list[bytes](), 0
    for document in documents:
        parts.append(document[:MOST].encode())
        size += len(parts[-1])
        if size >= MOST:
            break
    return b"".join(parts)[:MOST]


def _end(documents: Sequence[str]) -> bytes:
    """Return the last bytes of some documents."""
    parts, size = list[bytes](), 0
    for document in reversed(documents):
        parts.append(document[-PAST:].encode())
        size += len(parts[-1])
        if size >= PAST:
            break
    return b"".join(reversed(parts))[-PAST:]
