"""Reads long texts that are tokenised already from a file directly into ids."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from lmcompare import memory
from lmcompare.errors import LmcompareError
from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.vocabulary import IntArray, Vocabulary

BLOCK_BYTES = 2**22  # bytes of the file that are read at a time
PIECE = 2**20  # tokens that are processed at a time
LINE_END = -1  # in place of a token's number, while there is no vocabulary

T = TypeVar("T")
Block = tuple[IntArray, list[str]]  # the number of each token (n,), -1 at the end of each line, and the tokens


@memory.given_back()
def read_tokenised(
    path: str | Path, vocabulary: Vocabulary | None = None, *, min_count: int = 1, threads: int = 1
) -> Encoded:
    """Return the text of a UTF-8 file as one document: a sentence per line, tokens separated by white space.

    The result is that of the option ``sentences = "line"`` and the ``whitespace`` tokenizer, without byte spans
    and in a twentieth of the time: lines end at ``\\n``, a blank line is an empty sentence, and a byte order mark is
    left out. Only a ``<unk>`` or ``</s>`` in the text differs: here it is an unknown word; for a tokenizer that was
    fitted on a text with it, it is a word like any other.

    Parameters
    ----------
    path : str or Path
    vocabulary : Vocabulary, optional
        By default a new one, of the tokens that occur at least ``min_count`` times in the file.
    min_count : int
        The least count of a token in a new vocabulary.
    threads : int
        How many blocks of the file are processed at the same time.

    Raises
    ------
    LmcompareError
        For a file that can't be read, that is not UTF-8, or that has no tokens for a new vocabulary.
    """
    for name, value in (("threads", threads), ("min_count", min_count)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise LmcompareError(f"{name} must be a whole number, 1 or more, not {value!r}")
    if vocabulary is not None and min_count > 1:
        raise LmcompareError("min_count is for a new vocabulary, but a vocabulary was given: leave one of them out")
    path = Path(path)
    try:
        if vocabulary is not None:
            table = vocabulary.token_table
            ids = _text(path, threads, lambda block: table.ids(_checked(block)), lambda ids: ids)
        else:
            ids, vocabulary = _with_vocabulary(path, threads, min_count)
    except OSError as error:
        raise LmcompareError(f"{path} can't be read ({error.strerror}): give a file of tokenised text") from None
    except UnicodeDecodeError as error:
        raise LmcompareError(f"{path} is not UTF-8 ({error.reason}): convert it, for example with iconv") from None
    ids.flags.writeable = False  # so that Encoded does not copy it
    return Encoded(ids, np.zeros(1, np.int64), vocabulary, names=(path.name,))


def _with_vocabulary(path: Path, threads: int, min_count: int) -> tuple[IntArray, Vocabulary]:
    """Return the ids of the file's text and a vocabulary made of it."""
    numbers: dict[str, int] = {}  # the number of each token, in order of first appearance

    def numbered(block: Block) -> IntArray:
        codes, tokens = block
        new = [token for token in tokens if token not in numbers]
        numbers.update(zip(new, range(len(numbers), len(numbers) + len(new)), strict=True))
        number_of = np.fromiter(map(numbers.__getitem__, tokens), np.int32, len(tokens))
        return np.append(number_of, np.int32(LINE_END))[codes]

    ids = _text(path, threads, _split, numbered)
    if not numbers:
        raise LmcompareError(f"{path} contains no tokens: give a file of tokenised text")
    counts = np.zeros(len(numbers) + 1, np.int64)
    for block in _pieces(ids):
        counts += np.bincount(block + 1, minlength=len(counts))
    counted = dict(zip(numbers, counts[1:].tolist(), strict=True))
    vocabulary = Vocabulary.of_counts(counted, int(counts[0]), min_count=min_count)
    id_of = np.append(vocabulary.ids(numbers), np.int32(vocabulary.end))
    for block in _pieces(ids):
        block[:] = id_of[block]
    return ids, vocabulary


def _text(path: Path, threads: int, work: Callable[[bytes], T], ids_of: Callable[[T], IntArray]) -> IntArray:
    """(N,) int32: the ids of the file's text. Threads call ``work`` on blocks; ``ids_of`` gets the results in order.

    The result is one array that grows: blocks that are freed one by one would leave holes in memory.
    """
    ids, filled = np.empty(2**20 + path.stat().st_size // 4, np.int32), 0
    for done in _blocks(path, threads, work):
        block = ids_of(done)
        first, filled = filled, filled + len(block)
        if filled > len(ids):
            ids.resize(filled + filled // 4, refcheck=False)
        ids[first:filled] = block
    ids.resize(filled, refcheck=False)
    return ids


def _pieces(ids: IntArray) -> Iterator[IntArray]:
    """Yield views of the array, one after the other."""
    for first in range(0, len(ids), PIECE):
        yield ids[first : first + PIECE]


def _blocks(path: Path, threads: int, work: Callable[[bytes], T]) -> Iterator[T]:
    """Yield the results of ``work`` for the blocks of a file, in order; ``threads`` threads work at the same time."""
    with path.open("rb") as file, ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T]] = deque()
        left, first = b"", True
        while piece := file.read(BLOCK_BYTES):
            whole, newline, left = (left + piece).rpartition(b"\n")
            if newline:
                waiting.append(pool.submit(work, whole.removeprefix(codecs.BOM_UTF8) if first else whole))
                first = False
            if len(waiting) > threads:
                yield waiting.popleft().result()
        if left := left.removeprefix(codecs.BOM_UTF8) if first else left:
            waiting.append(pool.submit(work, left))
        while waiting:
            yield waiting.popleft().result()


def _split(block: bytes) -> Block:
    from lmcompare.tokens import reading_compiled as loops  # numba takes half a second to load

    text = np.frombuffer(_checked(block), np.uint8)
    codes = np.empty(len(block) + 1, np.int32)
    begins, ends = np.empty((2, len(block) // 2 + 1), np.int64)
    n_codes, n_tokens = loops.number(text, codes, begins, ends)
    places = zip(begins[:n_tokens].tolist(), ends[:n_tokens].tolist(), strict=True)
    return codes[:n_codes], [block[begin:end].decode() for begin, end in places]


def _checked(block: bytes) -> bytes:
    """Return the block. Raises ``UnicodeDecodeError`` if it is not UTF-8."""
    block.decode()
    return block
