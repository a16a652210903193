"""The ARPA format of back-off models, as KenLM's ``lmplz`` writes it."""

from __future__ import annotations

import gzip
import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from lmcompare.counts.files.words import START, check_words
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.tokens import IntArray, Vocabulary

BLOCK_LINES = 2**18


def write(table: BackoffTable, vocabulary: Vocabulary, places: IntArray, path: Path, packed: bool = False) -> None:
    """Write all n-grams: log10 probability, words, and below the highest order the log10 back-off weight.

    N-grams are sorted by their last word, then by the word before it, and so on. Each number is the shortest decimal
    that gives back the same float32. So the file equals that of ``lmplz`` byte for byte.

    Parameters
    ----------
    table : BackoffTable
        The table.
    vocabulary : Vocabulary
        Its words.
    places : IntArray of shape (V + 1,)
        The order of the words, from ``ngrams.places``.
    path : Path
        The file.
    packed : bool, default False
        Whether the file is compressed with gzip. The same table gives the same bytes.

    Raises
    ------
    LmcompareError
        If a token holds a blank or is ``<s>``: the format has no way to write it.
    """
    with ExitStack() as stack:
        file: Any = stack.enter_context(path.open("wb"))
        if packed:  # the header gets no file name and no time
            file = stack.enter_context(gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0))
        out = stack.enter_context(io.TextIOWrapper(file, encoding="utf-8", newline="\n"))
        _write(table, vocabulary, places, out)


def _write(table: BackoffTable, vocabulary: Vocabulary, places: IntArray, out: TextIO) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array(_names(vocabulary), pa.string())
    out.write("\\data\\\n" + "".join(f"ngram {k}={len(level)}\n" for k, level in enumerate(table.levels, 1)) + "\n")
    for k, (level, grams) in enumerate(zip(table.levels, table.grams(), strict=True), 1):
        out.write(f"\\{k}-grams:\n")
        order = np.lexsort(places[grams].T)
        for first in range(0, len(order), BLOCK_LINES):
            rows = order[first : first + BLOCK_LINES]
            words = [names.take(pa.array(column)) for column in grams[rows].T]
            columns = [_numbers(level.log10_probs[rows]), pc.binary_join_element_wise(*words, " ")]
            if k < table.order:
                columns.append(_numbers(level.log10_backoffs[rows]))
            lines = pc.binary_join_element_wise(*columns, "\t").to_pylist()
            out.write("\n".join(lines) + "\n")
        out.write("\n")
    out.write("\\end\\\n")


def _names(vocabulary: Vocabulary) -> list[str]:
    """Return the tokens as written, ``<s>`` last. Raises ``LmcompareError`` for a token that can't be written."""
    check_words(vocabulary.tokens)
    for token in vocabulary.tokens:
        if token == START or len(token.split()) != 1 or token.split()[0] != token or not _is_utf8(token):
            raise LmcompareError(
                f"the token {token!r} can't be written in the ARPA format, which separates words by blanks and"
                f" reserves {START}: export the model as .safetensors"
            )
    return [*vocabulary.tokens, START]


def _is_utf8(token: str) -> bool:
    try:
        return bool(token.encode())
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def _numbers(values: npt.NDArray[np.float32]) -> Any:
    import pyarrow as pa

    return pa.array(values + np.float32(0)).cast(pa.string())  # turns -0 into 0
