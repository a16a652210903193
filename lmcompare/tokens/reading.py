"""Reads long texts that are tokenised already from a file directly into ids."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.vocabulary import IntArray, Vocabulary

BLOCK_BYTES = 2**22  # of the file, cut at a time
_WHITE_SPACE = "[\t\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"  # Unicode's, without \n
_SEPARATORS = re.compile("[\x1c-\x1f]")  # which Arrow takes for white space, too

# An Arrow array of strings (n,), empty ones among them at the ends of lines, and how many precede each line end
Words = tuple[Any, IntArray]


def read_tokenised(
    path: str | Path, vocabulary: Vocabulary | None = None, *, min_count: int = 1, threads: int = 1
) -> Encoded:
    """Return the text of a UTF-8 file as one document: a sentence per line, tokens separated by white space.

    The result is that of the option ``sentences = "line"`` and the ``whitespace`` tokenizer, without byte spans
    and in a fraction of the time: lines end at ``\\n``, a blank line is an empty sentence, and a byte order mark is
    left out.

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
    import pyarrow as pa  # half a second: only when it is needed
    from pyarrow import compute

    for name, value in (("threads", threads), ("min_count", min_count)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise LmcompareError(f"{name} is a whole number, 1 or more, not {value!r}")
    if vocabulary is not None and min_count > 1:
        raise LmcompareError("min_count makes a new vocabulary, and one was given: leave one of the two out")
    path = Path(path)
    with ThreadPoolExecutor(threads) as pool:
        try:
            blocks = list(pool.map(_cut, _blocks(path)))
        except OSError as error:
            raise LmcompareError(f"{path} can't be read ({error.strerror}): name a file of tokenised text") from None
        except UnicodeDecodeError as error:
            raise LmcompareError(f"{path} is not UTF-8 ({error.reason}): convert it, with iconv for one") from None
        if vocabulary is None:
            found = compute.value_counts(pa.chunked_array([words for words, _ in blocks], pa.string()))
            tokens = found.field("values").to_numpy(zero_copy_only=False).tolist()
            counted = dict(zip(tokens, found.field("counts").to_numpy().tolist(), strict=True))
            counted.pop("", None)
            if not counted:
                raise LmcompareError(f"{path} contains no tokens: name a file of tokenised text")
            vocabulary = Vocabulary.of_counts(counted, sum(len(ends) for _, ends in blocks), min_count=min_count)
        end = vocabulary.end
        table = pa.array(["" if token == end else text for token, text in enumerate(vocabulary.tokens)])

        def ids_of(block: Words) -> IntArray:
            words, ends = block
            ids = compute.index_in(words, value_set=table).fill_null(Vocabulary.unknown).to_numpy()
            filled = ids != end
            return np.insert(ids[filled], np.append(0, np.cumsum(filled))[ends], end)

        ids = np.concatenate([np.zeros(0, np.int32), *pool.map(ids_of, blocks)])
    return Encoded(ids, np.zeros(1, np.int64), vocabulary, names=(path.name,))


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield whole lines of the file together, without the last line end of each block and the byte order mark."""
    with path.open("rb") as file:
        file.seek(len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0)
        left = b""
        while piece := file.read(BLOCK_BYTES):
            whole, newline, left = (left + piece).rpartition(b"\n")
            if newline:
                yield whole
        if left:
            yield left


def _cut(block: bytes) -> Words:
    """Cut a block at white space. Raises ``UnicodeDecodeError`` if it is not UTF-8."""
    import pyarrow as pa
    from pyarrow import compute

    text = block.decode()
    lines = compute.split_pattern(pa.array([text]), "\n").flatten()
    if text.isascii():
        words = compute.ascii_split_whitespace(lines)
    elif _SEPARATORS.search(text):
        words = compute.split_pattern_regex(lines, _WHITE_SPACE)
    else:
        words = compute.utf8_split_whitespace(lines)
    return words.flatten(), words.offsets.to_numpy()[1:]
