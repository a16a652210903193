"""The base class of models that consist of one back-off table after training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from lmcompare.counts.table import BackoffTable
from lmcompare.model import LanguageModel, Stepper, fitted, same_vocabulary
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

BLOCK_ROWS = 4096  # positions whose contexts are looked up together
CACHED_BYTES = 2**22  # bytes of a block: its memory is soon reused, and is still in the processor's cache
FEW = 1000  # up to this number, the most likely words are found without sorting all of them


class TableModel(LanguageModel):
    """A model whose probabilities come from its ``_table``; a subclass trains it and stores it.

    A subclass whose probabilities are not those of the table alone overrides ``as_context``, ``contexts_at``,
    ``advance`` and ``rows`` as it needs, and sets ``table_alone`` to false. ``threads``: how many parts of a text are
    scored at a time; ``fit`` takes it from the setting.
    """

    _table: BackoffTable | None = None
    threads: int = 1
    table_alone: ClassVar[bool] = True
    trains_in_steps = False

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats."""
        return self.rows(self.contexts_at(self.as_context(text), at), np.float64)

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32."""
        text, rows = self.as_context(text), max(1, CACHED_BYTES // (4 * len(text.vocabulary)))
        for piece in range(0, len(text), BLOCK_ROWS):
            at = np.arange(piece, min(piece + BLOCK_ROWS, len(text)))
            contexts = self.contexts_at(text, at)
            for first in range(0, len(at), rows):
                here = slice(first, first + rows)
                yield at[here], self.rows(contexts[:, here], np.float32)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one look-up per token and order."""
        return self._for(text.vocabulary).score(text, self.threads)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the current contexts: appending a token takes one look-up per order."""
        return _Stepper(self, prefix, vocabulary)

    def as_context(self, text: Encoded) -> Encoded:
        """Return the text in which contexts are looked up."""
        return text

    def contexts_at(self, text: Encoded, at: IntArray) -> IntArray:
        """Return the contexts of B positions of a text, an array whose columns are the positions."""
        return self._for(text.vocabulary).contexts_at(text, at)

    def advance(self, contexts: IntArray, token: int, end: int) -> IntArray:
        """Return the contexts after one more token; ``end`` is the id of ``</s>``."""
        table = fitted(self._table, self)
        return table.advance(contexts, np.array([table.start if token == end else token]))

    def rows(self, contexts: IntArray, dtype: npt.DTypeLike) -> FloatArray:
        """(B, V) nats: the distributions after B contexts."""
        return fitted(self._table, self).distributions(contexts, dtype)

    def _for(self, vocabulary: Vocabulary) -> BackoffTable:
        table = fitted(self._table, self)
        same_vocabulary(f"this {type(self).__name__}", table.start, vocabulary)
        return table


class _Stepper(Stepper):
    def __init__(self, model: TableModel, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._model, self._vocabulary = model, vocabulary
        text = model.as_context(Encoded.from_documents([prefix], vocabulary))
        self._contexts = model.contexts_at(text, np.array([len(text)]))

    def log_probs(self) -> FloatArray:
        row: FloatArray = self._model.rows(self._contexts, np.float64)[0]
        return row

    def top_k(self, k: int) -> tuple[IntArray, FloatArray]:
        if k > FEW or not self._model.table_alone:
            return super().top_k(k)
        table = fitted(self._model._table, self._model)
        ids, nats = table.top_k(self._contexts, min(k, table.start))
        return ids[0], nats[0]

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._contexts = self._model.advance(self._contexts, token, self._vocabulary.end)
