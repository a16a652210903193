"""Reads pre-trained word vectors from files of word2vec and GloVe, and from fastText's text files."""

from __future__ import annotations

import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, one_line
from lmcompare.memory import gunzipped
from lmcompare.tokens import Vocabulary

Vector = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_PICKLE = 0x80  # the first byte of a pickle; the second is its version
_FAST_TEXT = (793712314).to_bytes(4, "little")
_LINE = 2**20  # bytes of the first vector that are looked at, to tell text from numbers


def ready_vectors(path: Path, vocabulary: Vocabulary, width: int) -> tuple[Vector, Bools]:
    """Return the vectors of a vocabulary's words from a file, (V, ``width``), and which words have one, (V,).

    The content of the file decides its format: text, each line a word and its numbers, with the first line of
    word2vec and fastText (``.vec``) or without it, as in GloVe; or word2vec's binary format. Each may be compressed
    by gzip. A word is looked up as it is written and then in lower case; the vector of a word without one is zero.

    Raises
    ------
    LmcompareError
        If the file cannot be read as word vectors, or its vectors are not ``width`` long and finite.
    """
    wanted = {name for word in vocabulary.tokens for name in (word, word.lower())}
    try:
        with _unpacked(path) as plain:
            given = _from_binary(plain, wanted) if _is_binary(plain) else dict(_lines(plain, wanted))
    except LmcompareError:
        raise
    except _RefusedError as refused:
        raise LmcompareError(f"{path} {refused}") from None
    except Exception as error:  # gensim raises many kinds of error for a broken file
        raise LmcompareError(
            f"{path} can't be read as word vectors ({one_line(error)[:200]}): give a file of word2vec or GloVe,"
            " or a text file of fastText"
        ) from error
    sizes = {len(vector) for vector in given.values()}
    if sizes - {width}:
        raise LmcompareError(
            f"the vectors of {path} have {max(sizes)} numbers each, but the width of the model is {width}:"
            f" set width = {max(sizes)}"
        )
    vectors, found = np.zeros((len(vocabulary), width), np.float32), np.zeros(len(vocabulary), np.bool_)
    for i, word in enumerate(vocabulary.tokens):
        vector = given.get(word, given.get(word.lower()))
        if vector is not None:
            vectors[i], found[i] = vector, True
    if broken := [name for name, vector in given.items() if not np.isfinite(vector).all()]:
        raise LmcompareError(
            f"the vector of '{broken[0]}' in {path} is not finite: remove the word, or write the file again"
        )
    return vectors, found


class _RefusedError(Exception):
    """A file is not a file of vectors at all; the message says why."""


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Yield the file, or a temporary file with its content if it is compressed."""
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == _ZIP:
        raise _RefusedError("is a Zip archive: unpack it and name the file in it")
    if begins[:2] != _GZIP:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "vectors"
        with plain.open("wb") as file:
            file.writelines(gunzipped(path))
        yield plain


def _is_binary(path: Path) -> bool:
    """Return whether a file is in word2vec's binary format, which its first bytes tell; false for text."""
    with path.open("rb") as file:
        begins = file.read(4)
        file.seek(0)
        header, vector = (file.readline(_LINE).removeprefix(BOM_UTF8).split() for _ in range(2))
    if len(begins) > 1 and begins[0] == _PICKLE and begins[1] <= 5:
        raise _RefusedError(
            "is a pickle, which can run code when it is read: if you trust it, write its vectors as text with"
            " gensim.models.KeyedVectors.load(FILE).save_word2vec_format('vectors.txt') (for a model,"
            " gensim.models.Word2Vec.load(FILE).wv.save_word2vec_format) and give that file"
        )
    if begins == _FAST_TEXT:
        raise _RefusedError(
            "is a binary model of fastText: write its vectors as text with"
            " gensim.models.fasttext.load_facebook_vectors(FILE).save_word2vec_format('vectors.txt') and give that"
            " file"
        )
    return _is_header(header) and not _is_text(vector, int(header[1]))


def _is_header(parts: list[bytes]) -> bool:
    return len(parts) == 2 and all(part.isdigit() for part in parts)


def _is_text(parts: list[bytes], numbers: int) -> bool:
    """Return whether this is a word, which may have spaces, and its numbers; a file may also end here."""
    if not parts:
        return True
    try:
        _ = [float(part) for part in parts[-numbers:]]  # nan is a number here, and is refused later
    except ValueError:
        return False
    return len(parts) > numbers and all(len(part) < 64 for part in parts[-numbers:])


def _lines(path: Path, wanted: set[str]) -> Iterator[tuple[str, Vector]]:
    """Yield the wanted words; a file may have millions of words, most of which are skipped.

    The first line decides how many numbers a word has, since GloVe's files have words with spaces.
    """
    length, number, promised = 0, -1, (0, 0)  # promised: the number of vectors and their length in the header
    with path.open("rb") as file:
        for number, line in enumerate(file):
            parts = (line.removeprefix(BOM_UTF8) if number == 0 else line).split()
            if number == 0 and _is_header(parts):
                promised = int(parts[0]), int(parts[1])
                continue
            if not parts:
                continue
            first, length = not length, length or len(parts) - 1
            if len(parts) <= max(length, 1):
                raise ValueError(f"line {number + 1} is not a word with {max(length, 1)} numbers")
            name = b" ".join(parts[:-length]).decode("utf-8", "replace")
            if name in wanted or first:
                with np.errstate(over="ignore"):  # the caller checks for infinite numbers
                    yield name, np.array(parts[-length:], np.float32)
    if promised[1] == length and number < promised[0]:
        raise ValueError(f"its first line promises {promised[0]:,} vectors, and {number:,} lines follow")
    if not length:
        raise ValueError("it has no vectors")


def _from_binary(path: Path, wanted: set[str]) -> dict[str, Vector]:
    from gensim.models import KeyedVectors

    with path.open("rb") as file:
        rows, length = map(int, file.readline(_LINE).split())
    if rows * (4 * length + 2) > path.stat().st_size:  # a vector has a name and a blank before it
        raise ValueError(
            f"it is too short for the {rows:,} vectors of {length:,} numbers that its first line promises"
        )
    found = KeyedVectors.load_word2vec_format(str(path), binary=True, unicode_errors="replace")
    return {name: found[name] for name in wanted & found.key_to_index.keys()}
