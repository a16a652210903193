"""Reads long texts that are tokenised already from a file directly into ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lmcompare import memory
from lmcompare.corpora.sentences import numbered_words
from lmcompare.errors import LmcompareError
from lmcompare.memory import GrowingArray
from lmcompare.tokens.encoded import Encoded
from lmcompare.tokens.vocabulary import IntArray, Vocabulary

BLOCK = 2**22  # characters of the file that are read at a time
LINE_END = -1  # in place of a token's number, while there is no vocabulary
# Arrow takes the separators U+001C to U+001F for white space, Unicode's property White_Space does not
HIDDEN = {c: 0xFDD0 + c for c in range(0x1C, 0x20)}  # by characters that no text has
SHOWN = {hidden: c for c, hidden in HIDDEN.items()}


@memory.given_back()
def read_tokenised(path: str | Path, vocabulary: Vocabulary | None = None, *, min_count: int = 1) -> Encoded:
    """Return the text of a UTF-8 file as one document: a sentence per line, tokens separated by white space.

    The result is that of the option ``sentences = "line"`` and the ``whitespace`` tokenizer, without byte spans
    and in a fraction of the time: lines end at ``\\n``, a blank line is an empty sentence, and a byte order mark is
    left out. Only a ``<unk>`` or ``</s>`` in the text differs: here it is an unknown word; for a tokenizer that was
    fitted on a text with it, it is a word like any other.

    Parameters
    ----------
    path : str or Path
    vocabulary : Vocabulary, optional
        By default a new one, of the tokens that occur at least ``min_count`` times in the file.
    min_count : int
        The least count of a token in a new vocabulary.

    Raises
    ------
    LmcompareError
        For a file that can't be read, that is not UTF-8, or that has no tokens for a new vocabulary.
    """
    if isinstance(min_count, bool) or not isinstance(min_count, int) or min_count < 1:
        raise LmcompareError(f"min_count must be a whole number, 1 or more, not {min_count!r}")
    if vocabulary is not None and min_count > 1:
        raise LmcompareError("min_count is for a new vocabulary, but a vocabulary was given: leave one of them out")
    path = Path(path)
    numbers: dict[str, int] = {}  # the number of each token, in order of first appearance
    try:
        ids = _numbered(path, numbers, vocabulary)
    except OSError as error:
        raise LmcompareError(f"{path} can't be read ({error.strerror}): give a file of tokenised text") from None
    except UnicodeDecodeError as error:
        raise LmcompareError(f"{path} is not UTF-8 ({error.reason}): convert it, for example with iconv") from None
    if vocabulary is None:
        if not numbers:
            raise LmcompareError(f"{path} contains no tokens: give a file of tokenised text")
        counts = np.bincount(ids + 1, minlength=len(numbers) + 1).tolist()
        counted = dict(zip(numbers, counts[1:], strict=True))
        vocabulary = Vocabulary.of_counts(counted, counts[0], min_count=min_count)
        ids = np.append(vocabulary.ids(numbers), np.int32(vocabulary.end))[ids]
        ids.flags.writeable = False  # so that Encoded does not copy it
    return Encoded(ids, np.zeros(1, np.int64), vocabulary, names=(path.name,))


def _numbered(path: Path, numbers: dict[str, int], vocabulary: Vocabulary | None) -> IntArray:
    """(N,) int32: the ids of the file's tokens and line ends; without a vocabulary ``numbers``, which grow."""
    found = GrowingArray(np.int32)
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        while lines := file.readlines(BLOCK):
            words, which, sizes = numbered_words([line.translate(HIDDEN) for line in lines])
            words = [word.translate(SHOWN) for word in words]
            if vocabulary is None:
                known = (numbers.setdefault(word, len(numbers)) for word in words)
                ids = np.fromiter(known, np.int32, len(words))
            else:
                ids = vocabulary.ids(words).astype(np.int32)
            found.append(np.insert(ids[which], np.cumsum(sizes), LINE_END if vocabulary is None else vocabulary.end))
    return found.finish()
