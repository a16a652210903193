"""A tokenizer plug-in that learns: byte pair encoding of whole documents, for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from lmcompare import State
from lmcompare.tokens import IntArray, Tokenizer

MARK = "‹{}›"  # names are never <unk> or </s>


class BytePairs(Tokenizer):
    """Byte pair encoding (Sennrich et al. 2016) of the bytes of a whole document.

    Parameters
    ----------
    merges : int
        How many pairs are merged: the vocabulary has 256 + ``merges`` tokens, ``<unk>`` and ``</s>``.
    """

    description = "Byte pair encoding, learnt from the training text; white space is part of the tokens."
    covers = "documents"
    fixed_vocabulary = True

    def __init__(self, merges: int = 60) -> None:
        self.merges = merges
        self.pieces: list[bytes] = [bytes([b]) for b in range(256)]
        self.pairs: list[tuple[int, int]] = []

    def fit(self, texts: Sequence[str]) -> BytePairs:
        self._learn([])
        documents = [list(text.encode()) for text in texts]
        for _ in range(self.merges):
            counts = Counter(pair for ids in documents for pair in pairwise(ids))
            if not counts:
                break
            pair = min(counts, key=lambda p: (-counts[p], p))
            self._learn([*self.pairs, pair])
            documents = [self._merged(ids, len(self.pairs) - 1) for ids in documents]
        return self

    def _learn(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.pairs, self.pieces = list(pairs), [bytes([b]) for b in range(256)]
        for left, right in pairs:
            self.pieces.append(self.pieces[left] + self.pieces[right])

    def _merged(self, ids: Sequence[int], merge: int) -> list[int]:
        found: list[int] = []
        for i in ids:
            if found and (found[-1], i) == self.pairs[merge]:
                found[-1] = 256 + merge
            else:
                found.append(i)
        return found

    def state(self) -> State:
        return State({"pairs": np.array(self.pairs, np.int64).reshape(-1, 2)})

    def restore(self, state: State) -> None:
        self._learn([(int(a), int(b)) for a, b in state.arrays["pairs"]])

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        ids = list(text.encode())
        for merge in range(len(self.pairs)):
            ids = self._merged(ids, merge)
        ends = np.cumsum([len(self.pieces[i]) for i in ids], dtype=np.int64)
        starts = np.append(0, ends)[:-1]
        return [self._name(i) for i in ids], np.stack([starts, ends], axis=1)

    def _name(self, i: int) -> str:
        return MARK.format(self.pieces[i].decode("latin-1"))

    @property
    def always_tokens(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._name(i) for i in range(len(self.pieces))))

    def token_bytes(self, token: str) -> bytes:
        return token[1:-1].encode("latin-1") if token.startswith("‹") else token.encode()
