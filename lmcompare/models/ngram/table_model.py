"""What all models share that are one back-off table once they are trained."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.model import BLOCK_BYTES, FloatArray, LanguageModel, Setting, Stepper, fitted, same_vocabulary
from lmcompare.tokens import Encoded, IntArray, Vocabulary

if TYPE_CHECKING:
    from lmcompare.counts.lookup.compiled import CompiledTable

BLOCK_ROWS = 4096  # with few types, what is written over the rows takes more memory than the rows
CACHED_BYTES = 2**22  # a block of this size is soon given out again, and is still in the processor's cache
# How much work there is before loading the compiled loops takes less time than they save; so much more of scoring
# that loading them, which is timed with it, says nothing of its cost
MANY_COUNTED = 1_000_000  # tokens to count
MANY_SCORED = 10_000_000  # tokens to score
MANY_CELLS = 10_000_000_000  # probabilities in whole distributions
MANY_STEPS = 1000  # words that are generated one by one
FEW_PLACES = 1000  # up to here the likeliest words are found without sorting all of them


class TableModel(LanguageModel):
    """A model whose ``_table`` says all; a subclass trains it and stores it.

    Long texts are scored by compiled loops, short ones without, to the same bits. ``threads``: how many parts of a
    text are scored at a time; ``fit`` takes it from the setting.
    """

    _table: BackoffTable | None = None
    threads: int = 1

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one within 1e-6."""
        table = self._for(text.vocabulary)
        return table.distributions(table.contexts_at(text, at), len(at))

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32; rows sum to one within 1e-6."""
        table = self._for(text.vocabulary)
        loops = self._compiled if _worthwhile(len(text) * table.start, MANY_CELLS) else None
        rows = max(1, (BLOCK_BYTES if loops is None else CACHED_BYTES) // (4 * table.start))
        for piece in range(0, len(text), BLOCK_ROWS):
            at = np.arange(piece, min(piece + BLOCK_ROWS, len(text)))
            contexts = table.contexts_at(text, at)
            for first in range(0, len(at), rows):
                here = slice(first, first + rows)
                part, number = [c[here] for c in contexts], len(at[here])
                if loops is None:
                    yield at[here], table.distributions(part, number, np.float32)
                else:
                    block = np.empty((number, table.start), np.float32)
                    loops.distributions(as_rows(part, number), block)
                    yield at[here], block

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one look-up a token and order."""
        table = self._for(text.vocabulary)
        if _worthwhile(len(text), MANY_SCORED):
            return self._compiled.score(text, self.threads)
        return table.score(text)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the contexts it stands after: a push is one look-up an order."""
        return _Stepper(self, prefix, vocabulary)

    @cached_property
    def _compiled(self) -> CompiledTable:
        from lmcompare.counts.lookup.compiled import CompiledTable

        return CompiledTable(fitted(self._table, self))

    def _become(self, table: BackoffTable) -> None:
        """Be the model of this table from now on."""
        self._table = table
        self.__dict__.pop("_compiled", None)

    def _for(self, vocabulary: Vocabulary) -> BackoffTable:
        table = fitted(self._table, self)
        same_vocabulary("this n-gram model", table.start, vocabulary)
        return table


def counted(words: IntArray, order: int, setting: Setting) -> tuple[Iterable[Counts], bool]:
    """Return the counts of a text, order by order, and whether it is so long that compiled loops make them.

    ``words``, (N + S,): sentences that each begin with ``<s>``. Loading the loops takes longer than counting a short
    text without them.
    """
    start, end = len(setting.vocabulary), setting.vocabulary.end
    if not _worthwhile(len(words), MANY_COUNTED):
        return counting.count(words, order, start, end), False
    from lmcompare.counts.counting import compiled as counting_compiled

    return counting_compiled.count(words, order, start, end, threads=setting.threads), True


def as_rows(contexts: list[IntArray], size: int) -> IntArray:
    """(n - 1, B) int32: the contexts of ``BackoffTable`` as ``CompiledTable`` takes them."""
    return np.array(contexts, np.int32).reshape(len(contexts), size)


def _worthwhile(work: int, much: int) -> bool:
    return work >= much or "lmcompare.counts.lookup.compiled" in sys.modules


class _Stepper(Stepper):
    def __init__(self, model: TableModel, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._model, self._table, self._vocabulary = model, model._for(vocabulary), vocabulary
        text = Encoded.from_documents([prefix], vocabulary)
        self._contexts = self._table.contexts_at(text, np.array([len(text)]))
        self._loops: CompiledTable | None = None
        self._pushed = 0

    def log_probs(self) -> FloatArray:
        row: FloatArray = self._table.distributions(list(self._contexts), 1)[0]
        return row

    def likeliest(self, places: int) -> tuple[IntArray, FloatArray]:
        if places > FEW_PLACES or self._loops is None:
            return super().likeliest(places)
        ids, nats = self._loops.likeliest(as_rows(self._contexts, 1), min(places, self._table.start))
        return ids[0], nats[0]

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        word = self._table.start if token == self._vocabulary.end else token
        self._pushed += 1
        if self._loops is None and _worthwhile(self._pushed, MANY_STEPS):
            self._loops = self._model._compiled
        if self._loops is None:
            self._contexts = self._table.advance(self._contexts, np.array([word]))
        else:
            self._contexts = list(self._loops.advance(as_rows(self._contexts, 1), np.array([word], np.int32)))
