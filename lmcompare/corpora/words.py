"""Words between white space, numbered in C: most words of a long text occurred in it before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.sentences import PART, in_parts

IntArray = npt.NDArray[np.int64]
ASCII_SPACES = " \t\n\r\v\f"


def numbered_words(texts: Sequence[str], spaces: str | None = None) -> tuple[list[str], IntArray, IntArray]:
    """Number the words of texts in order of first appearance.

    Parameters
    ----------
    texts : sequence of str
        D texts that UTF-8 can store.
    spaces : str, optional
        ``ASCII_SPACES`` to split at these alone; by default at all white space of Unicode, as ``str.split`` does.

    Returns
    -------
    list of str
        The different words.
    array of shape (N,)
        The number of each word of the texts.
    array of shape (D,)
        How many words each text has.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    stripped = [text.strip(spaces) for text in texts]  # white space at an end would add an empty word
    split = pc.utf8_split_whitespace if spaces is None else pc.ascii_split_whitespace
    found = split(pa.array([text for text in stripped if text], pa.large_string()))
    coded = found.flatten().dictionary_encode()
    lengths = np.zeros(len(texts), np.int64)
    lengths[[bool(text) for text in stripped]] = pc.list_value_length(found).to_numpy()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64), lengths


def batches(texts: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield lists of about ``PART`` characters of numbered texts, the long ones in parts that end with a word."""
    batch: list[tuple[int, str]] = []
    size = 0
    for number, text in enumerate(texts):
        for part in in_parts(text):
            batch.append((number, part))
            size += len(part)
            if size >= PART:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
