"""The base class of models that consist of one back-off table after training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.model import LanguageModel, Stepper, fitted, same_vocabulary
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

BLOCK_ROWS = 4096  # positions whose contexts are looked up together
CACHED_BYTES = 2**22  # a block of this size is soon given out again, and is still in the processor's cache
FEW = 1000  # up to here the most likely words are found without sorting all of them


class TableModel(LanguageModel):
    """A model whose probabilities are those of its ``_table``; a subclass trains it and stores it.

    ``threads``: how many parts of a text are scored at a time; ``fit`` takes it from the setting.
    """

    _table: BackoffTable | None = None
    threads: int = 1

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one within 1e-6."""
        table = self._for(text.vocabulary)
        return table.distributions(table.contexts_at(text, at))

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32; rows sum to one within 1e-6."""
        table = self._for(text.vocabulary)
        rows = max(1, CACHED_BYTES // (4 * table.start))
        for piece in range(0, len(text), BLOCK_ROWS):
            at = np.arange(piece, min(piece + BLOCK_ROWS, len(text)))
            contexts = table.contexts_at(text, at)
            for first in range(0, len(at), rows):
                here = slice(first, first + rows)
                yield at[here], table.distributions(contexts[:, here], np.float32)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one look-up a token and order."""
        return self._for(text.vocabulary).score(text, self.threads)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the contexts it has reached: a push is one look-up an order."""
        return _Stepper(self._for(vocabulary), prefix, vocabulary)

    def _for(self, vocabulary: Vocabulary) -> BackoffTable:
        table = fitted(self._table, self)
        same_vocabulary("this n-gram model", table.start, vocabulary)
        return table


class _Stepper(Stepper):
    def __init__(self, table: BackoffTable, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._table, self._vocabulary = table, vocabulary
        text = Encoded.from_documents([prefix], vocabulary)
        self._contexts = table.contexts_at(text, np.array([len(text)]))

    def log_probs(self) -> FloatArray:
        row: FloatArray = self._table.distributions(self._contexts)[0]
        return row

    def top_k(self, k: int) -> tuple[IntArray, FloatArray]:
        if k > FEW:
            return super().top_k(k)
        ids, nats = self._table.top_k(self._contexts, min(k, self._table.start))
        return ids[0], nats[0]

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        word = self._table.start if token == self._vocabulary.end else token
        self._contexts = self._table.advance(self._contexts, np.array([word]))
