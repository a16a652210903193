"""A hash table from the bytes of tokens to their ids, for text that is read straight into ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmcompare.tokens import reading_compiled as loops


class TokenTable:
    """The ids of the tokens from ``first`` on; all others are ``unknown``."""

    def __init__(self, tokens: Sequence[str], first: int, unknown: int, end: int) -> None:
        self._unknown, self._end = unknown, end
        joined = "".join(tokens)
        encoded = tokens if joined.isascii() else [token.encode() for token in tokens]
        self._data = np.frombuffer(joined.encode(), np.uint8)
        self._ends = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(tokens)))
        self._begins = np.append(0, self._ends[:-1])
        self._slots = np.zeros(2 * 2 ** (3 * len(tokens) // 2).bit_length(), np.uint64)
        loops.enter(self._data, self._begins, self._ends, first, self._slots)

    def ids(self, text: bytes) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        """Return the ids of the tokens of UTF-8 text, which white space separates, and of the end of each line."""
        ids = np.empty(len(text) + 1, np.int32)
        table = self._slots, self._data, self._begins, self._ends
        return ids[: loops.look_up(np.frombuffer(text, np.uint8), *table, self._unknown, self._end, ids)]
