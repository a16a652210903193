"""Word vectors that others have trained, from files of word2vec, fastText and GloVe."""

from __future__ import annotations

import gzip
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
    except (OSError, ValueError, EOFError) as error:
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
    vectors = np.zeros((len(vocabulary), width), np.float32)
    found = np.zeros(len(vocabulary), np.bool_)
    for i in range(len(vocabulary)):
        word = vocabulary[i]
        name = next((name for name in (word, word.lower()) if name in given), None)
        if name is not None:
            vectors[i], found[i] = given[name], True
    return vectors, found


def _from_text(path: Path, wanted: set[str]) -> Iterator[tuple[str, Vector]]:
    """Yield the words that are wanted; a text may hold millions, of which most are passed over unread."""
    length = 0
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file):
            word, *numbers = line.rstrip().split(b" ")
            if number == 0 and len(numbers) == 1 and word.isdigit() and numbers[0].isdigit():
                continue
            first, length = not length, length or len(numbers)
            if not numbers or len(numbers) != length:
                raise ValueError(f"line {number + 1} has {len(numbers)} numbers where others have {length}")
            name = word.decode("utf-8", "replace")
            if name in wanted or first:
                yield name, np.array(numbers, np.float32)
    if not length:
        raise ValueError("it holds no vectors")


def _from_binary(path: Path, wanted: set[str]) -> Iterator[tuple[str, Vector]]:
    from gensim.models import KeyedVectors

    given = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    for name in wanted & given.key_to_index.keys():
        yield name, given[name]
