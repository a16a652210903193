"""A back-off table and its words in one safetensors file that is mapped into memory.

The file has the arrays of ``BackoffTable.arrays``, and its metadata have one entry, the V tokens as JSON. Counts are
left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.counts.arpa import check_words, readable
from lmcompare.counts.level import compact, read_only
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError, one_line
from lmcompare.state import DamagedStateError, mapped_file
from lmcompare.tokens import Vocabulary

SUFFIX = ".safetensors"
FORMAT = "lmcompare n-grams 2"  # the name of the entry with the tokens


def write(table: BackoffTable, vocabulary: Vocabulary, path: Path) -> None:
    """Write the table; the same table gives the same bytes.

    Raises ``LmcompareError`` as ``check_words`` does, and ``OSError`` where there is no room.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    check_words(vocabulary.tokens)
    no_counts = np.zeros(0, np.int32)
    levels = (replace(level, counts=no_counts, offsets=compact(level.offsets)) for level in table.levels)
    arrays = {name: np.ascontiguousarray(array) for name, array in BackoffTable(tuple(levels)).arrays().items()}
    try:
        save_file(arrays, path, {FORMAT: json.dumps(vocabulary.tokens)})
    except SafetensorError as error:  # a full disk raises this error, too
        raise OSError(one_line(error)) from error


def read(path: Path, verify: bool = True) -> tuple[BackoffTable, Vocabulary]:
    """Return the table, its arrays mapped into memory and read-only, and its words.

    ``verify``: whether to read the arrays and check their values. If false, only the header, which is checked in any
    case, and the words are read: set it to false only for a file that you wrote yourself. Raises ``LmcompareError``
    for a file of another kind, a damaged file, and a file whose arrays are not a table.
    """
    with readable(path):
        try:
            arrays, about = mapped_file(path)
            _check_kind(path, about)
            order = sum(name.startswith("words_") for name in arrays)
            arrays = {name: read_only(array) for name, array in arrays.items()}
            table, vocabulary = BackoffTable.from_arrays(arrays, order, verify=verify), _vocabulary(about[FORMAT])
            if table.start != len(vocabulary):
                raise DamagedStateError(f"it has {len(vocabulary):,} tokens and {table.start:,} words")
        except DamagedStateError as damage:
            raise LmcompareError(
                f"{path} is damaged or not an n-gram file ({damage}): write or fetch it again"
            ) from None
    return table, vocabulary


def is_binary(path: Path) -> bool:
    """Return whether a file looks like a safetensors file; false if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError:
        return False


def check_kind(path: Path) -> None:
    """Raise ``LmcompareError`` for a safetensors file of another kind, such as an exported network."""
    try:
        about = mapped_file(path)[1]
    except (DamagedStateError, OSError):
        return  # reading the file later raises the error
    _check_kind(path, about)


def _check_kind(path: Path, about: Mapping[str, Any]) -> None:
    if FORMAT not in about:
        of = f"holds the network {about['model']}" if "model" in about else "is a safetensors file of another kind"
        raise LmcompareError(
            f"{path} {of}, not an n-gram model: give an ARPA file, or a file that 'lmcompare export' wrote of an"
            " n-gram model"
        )


def _vocabulary(text: str) -> Vocabulary:
    try:
        tokens = json.loads(text)
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise DamagedStateError("its tokens are not a list of texts")
        check_words(tokens)
        return Vocabulary(tokens)
    except (ValueError, RecursionError, LmcompareError) as error:
        raise DamagedStateError(one_line(error)) from None
