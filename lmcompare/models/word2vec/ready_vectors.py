"""Reads pre-trained word vectors from files of word2vec, fastText and GloVe."""

from __future__ import annotations

import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, one_line
from lmcompare.tokens import Vocabulary

Vector = npt.NDArray[np.float32]


def ready_vectors(path: Path, vocabulary: Vocabulary, width: int) -> tuple[Vector, npt.NDArray[np.bool_]]:
    """Return the vectors of a vocabulary's words from a file.

    Files named ``.bin`` or ``.bin.gz`` are in word2vec's binary format. All others are UTF-8 text, each line a word
    and its numbers, with the first line of word2vec and fastText or without it, as in GloVe. A word is looked up as
    it is written and then in lower case.

    Parameters
    ----------
    path : Path
        The file.
    vocabulary : Vocabulary
        The words.
    width : int
        The length of the vectors.

    Returns
    -------
    vectors : (V, width) array of float32
        Zero for words that are not in the file.
    found : (V,) array of bool
        The words that are in the file.

    Raises
    ------
    LmcompareError
        If the file cannot be read as word vectors, or its vectors are not ``width`` long and finite.
    """
    wanted = {name for i in range(len(vocabulary)) for name in (vocabulary[i], vocabulary[i].lower())}
    binary = path.name.removesuffix(".gz").endswith(".bin")
    try:
        given = dict((_from_binary if binary else _from_text)(path, wanted))
    except (OSError, ValueError, EOFError, MemoryError, OverflowError, zlib.error) as error:
        raise LmcompareError(
            f"{path} can't be read as word vectors ({one_line(error)}): give a file of word2vec, fastText (.vec) or"
            " GloVe (.txt), or a binary one of word2vec (.bin)"
        ) from error
    sizes = {len(vector) for vector in given.values()}
    if sizes - {width}:
        raise LmcompareError(
            f"the vectors of {path} have {max(sizes)} numbers each, the model has width {width}:"
            f" set width = {max(sizes)}"
        )
    if broken := next((name for name, vector in given.items() if not np.isfinite(vector).all()), None):
        raise LmcompareError(
            f"the vector of '{broken}' in {path} is not finite: remove the word, or write the file again"
        )
    vectors = np.zeros((len(vocabulary), width), np.float32)
    found = np.zeros(len(vocabulary), np.bool_)
    for i in range(len(vocabulary)):
        word = vocabulary[i]
        vector = given.get(word, given.get(word.lower()))
        if vector is not None:
            vectors[i], found[i] = vector, True
    return vectors, found


def _from_text(path: Path, wanted: set[str]) -> Iterator[tuple[str, Vector]]:
    """Yield the wanted words; a file may have millions of words, most of which are skipped.

    The first line decides how many numbers a word has, since GloVe's files have words with spaces.
    """
    length = 0
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file):
            parts = (line.removeprefix(BOM_UTF8) if number == 0 else line).split()
            if not parts or (number == 0 and len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit()):
                continue
            first, length = not length, length or len(parts) - 1
            if len(parts) <= max(length, 1):
                raise ValueError(f"line {number + 1} is not a word with {max(length, 1)} numbers")
            name = b" ".join(parts[:-length]).decode("utf-8", "replace")
            if name in wanted or first:
                with np.errstate(over="ignore"):  # the caller checks for infinite numbers
                    yield name, np.array(parts[-length:], np.float32)
    if not length:
        raise ValueError("it has no vectors")


def _from_binary(path: Path, wanted: set[str]) -> Iterator[tuple[str, Vector]]:
    from gensim.models import KeyedVectors

    given = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    for name in wanted & given.key_to_index.keys():
        yield name, given[name]
