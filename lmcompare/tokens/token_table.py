"""A hash table from the bytes of tokens to their ids, for text that is read straight into ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.tokens import reading_compiled as loops

if TYPE_CHECKING:
    from lmcompare.tokens.vocabulary import Vocabulary

_NONE = -1  # in place of the id of a token that a vocabulary without ``<unk>`` lacks


class TokenTable:
    """The ids of the tokens of a vocabulary by their bytes, as ``Vocabulary.ids`` gives them."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._unknown, self._end = _NONE if vocabulary.unknown is None else vocabulary.unknown, vocabulary.end
        tokens = vocabulary.tokens
        joined = "".join(tokens)
        encoded = tokens if joined.isascii() else [token.encode() for token in tokens]
        self._data = np.frombuffer(joined.encode(), np.uint8)
        self._ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(tokens)))
        self._begins = np.append(0, self._ends[:-1])
        self._slots = np.zeros(2 * 2 ** (3 * len(tokens) // 2).bit_length(), np.uint64)
        text = np.delete(np.arange(len(tokens)), vocabulary.special)
        loops.enter(self._data, self._begins, self._ends, text, self._slots)

    def ids(self, text: bytes) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """Return the ids of the tokens of a UTF-8 text, cut at white space, and of ``</s>`` at each line end.

        Raises ``LmcompareError`` for a token that is not in a vocabulary without ``<unk>``.
        """
        ids = np.empty(len(text) + 1, np.int32)
        table = self._slots, self._data, self._begins, self._ends
        found = ids[: loops.look_up(np.frombuffer(text, np.uint8), *table, self._unknown, self._end, ids)]
        if self._unknown == _NONE and len(found) and found.min() == _NONE:
            raise LmcompareError(
                "the text has tokens that are not in the vocabulary, which has no <unk>: cut it with the tokenizer of"
                " the vocabulary"
            )
        return found
