"""Word vectors that others have trained, from files of word2vec, fastText and GloVe."""

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
    """Return (V, width) the vectors of the vocabulary's words, and (V,) which of them the file has.

    Formats: word2vec's binary one for names in ``.bin`` or ``.bin.gz``, else UTF-8 text, a word and its numbers a
    line, with word2vec's and fastText's first line or, as GloVe has it, without. A word is looked up as it is
    written, then in lower case; one that is not there has the zero vector. Raises ``LmcompareError`` for a file that
    is none, or whose vectors are not ``width`` long.
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
            f"the vector of '{broken}' in {path} holds what is no finite number: remove it, or make the file anew"
        )
    vectors = np.zeros((len(vocabulary), width), np.float32)
    found = np.zeros(len(vocabulary), np.bool_)
    for i in range(len(vocabulary)):
        word = vocabulary[i]
        name = next((name for name in (word, word.lower()) if name in given), None)
        if name is not None:
            vectors[i], found[i] = given[name], True
    return vectors, found


def _from_text(path: Path, wanted: set[str]) -> Iterator[tuple[str, Vector]]:
    """Yield the words that are wanted; a text may hold millions, of which most are passed over unread.

    The first line says how many numbers a word has: GloVe's files hold words with blanks in them.
    """
    length = 0
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file):
            parts = (line.removeprefix(BOM_UTF8) if number == 0 else line).split()
            if not parts or (number == 0 and len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit()):
                continue
            first, length = not length, length or len(parts) - 1
            if len(parts) <= max(length, 1):
                raise ValueError(f"line {number + 1} is no word with {max(length, 1)} numbers")
            name = b" ".join(parts[:-length]).decode("utf-8", "replace")
            if name in wanted or first:
                with np.errstate(over="ignore"):  # seen to by the caller
                    yield name, np.array(parts[-length:], np.float32)
    if not length:
        raise ValueError("it holds no vectors")


def _from_binary(path: Path, wanted: set[str]) -> Iterator[tuple[str, Vector]]:
    from gensim.models import KeyedVectors

    given = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    for name in wanted & given.key_to_index.keys():
        yield name, given[name]
