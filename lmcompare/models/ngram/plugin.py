"""The n-gram model with Kneser-Ney smoothing or another classical smoothing method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from lmcompare import memory
from lmcompare.counts import arpa, bounded
from lmcompare.counts import ngrams as counting
from lmcompare.counts.ngrams import Counts, Room, with_starts
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError, PluginError, unknown
from lmcompare.exhibits import Exhibit
from lmcompare.model import (
    HIGHEST_ORDER,
    SHORT_ORDER,
    LanguageModel,
    PageCopy,
    Progress,
    Setting,
    State,
    Stepper,
    check_reach,
    check_whole,
    fitted,
    is_whole,
    same_vocabulary,
)
from lmcompare.models.common.settings import begin_again, stored
from lmcompare.models.ngram import exhibits
from lmcompare.models.ngram.methods import Absolute, AddK, JelinekMercer, Katz, KneserNey, WittenBell
from lmcompare.models.ngram.smoothing import Smoothing
from lmcompare.state import DamagedStateError, whole
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

K = 0.003  # the default of k
LEAST_K, MOST_K = 1e-100, 1e100  # far from the limits of a float64, since k is multiplied by the number of types
METHODS: dict[str, type[Smoothing]] = {
    method.name: method for method in (KneserNey, Absolute, WittenBell, JelinekMercer, Katz, AddK)
}
BLOCK_ROWS = 4096  # positions whose contexts are looked up together
CACHED_BYTES = 2**22  # bytes of a block: its memory is soon reused, and is still in the processor's cache


class TableModel(LanguageModel):
    """A model whose probabilities come from its ``_table``; a subclass trains it and stores it.

    A subclass whose probabilities are not those of the table alone overrides ``as_context``, ``contexts_at``,
    ``advance`` and ``rows`` as it needs.
    """

    _table: BackoffTable | None = None

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
        return self._for(text.vocabulary).score(text)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the current contexts: appending a token takes one look-up per order."""
        return _Stepper(self, prefix, vocabulary)

    def state(self) -> State:
        table = fitted(self._table, self)
        return State(table.arrays(), stored(self))

    def restore(self, state: State) -> Self:
        begin_again(self, state)
        self._table = BackoffTable.from_arrays(state.arrays)
        return self

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

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        self._contexts = self._model.advance(self._contexts, token, self._vocabulary.end)


@dataclass(eq=False)
class NGram(TableModel):
    """Predicts the next word from how often words followed the last few words, backing off to shorter contexts.

    The default is interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), as KenLM's ``lmplz`` estimates
    it, over the V types of the vocabulary. Types that do not occur in the training text share the uniform
    distribution below the unigrams. The context begins with ``<s>`` at the start of each sentence and document, and
    never reaches further back. Counting is one pass; ``setting.budget`` has no effect.

    Parameters
    ----------
    order : int, default 5
        n, the length of the longest n-gram in words; 1 to 100.
    prune : list of int, default (0,)
        For each order from the unigrams up, n-grams that occur this often or less are left out: (0, 0, 1) drops all
        n-grams of 3 words or more that occur once. The last number applies to all higher orders; the first must be 0.
        For "kneser-ney".
    smoothing : str, default "kneser-ney"
        The smoothing method: "kneser-ney", "absolute", "witten-bell", "jelinek-mercer", "katz" or "add-k".
    k : float, default 0.003
        The number that "add-k" adds to each count; 1e-100 to 1e100, and 0.003 if not set. For "add-k".
    """

    order: int = 5
    prune: Sequence[int] = (0,)
    smoothing: str = "kneser-ney"
    k: float | None = None

    def __post_init__(self) -> None:
        check_whole("order", self.order, 1, HIGHEST_ORDER)
        self.prune = _thresholds(self.prune, self.order)
        self.k = _checked(self.smoothing, any(self.prune), self.k)
        self._places: IntArray = np.zeros(0, np.int64)
        self._method: Smoothing = self._new_method()
        self.idea = _method(self.smoothing).idea

    @property
    def keeps_to_memory(self) -> bool:
        """Whether a limit of memory also bounds the estimation."""
        return self.smoothing == KneserNey.name

    def check_text(self, train: Encoded) -> None:
        check_reach("order", self.order, train, "sentence", SHORT_ORDER)

    def warm_up(self) -> None:
        """Compile or load the loops that count, estimate and score, by training a model on a few words."""
        vocabulary = Vocabulary.build([["a", "b"]])
        text = Encoded.from_documents([[2, 3, 1]], vocabulary)
        NGram(min(self.order, SHORT_ORDER)).fit(text, text, Setting(vocabulary)).log_probs(text)

    @memory.given_back()
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count the training text and estimate the table; only "jelinek-mercer" reads the validation text."""
        self._estimate(self._count(train, setting), valid, setting.vocabulary)
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def title(self) -> str:
        """Return the display name: the order and the smoothing method."""
        return f"{self.order}-gram, {_method(self.smoothing).title}"

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the orders that matched in ``text``, and a back-off trace of each document."""
        yield from exhibits.exhibits(self._for(text.vocabulary), self._method, text)

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return the functions that write the model as a plain or compressed ARPA file.

        The ARPA file equals that of KenLM's ``lmplz`` byte for byte if ``<unk>`` does not occur in the training text.
        """
        table, places = fitted(self._table, self), self._places
        return {
            ".arpa": lambda vocabulary, path: arpa.write(table, vocabulary, places, path),
            ".arpa.gz": lambda vocabulary, path: arpa.write(table, vocabulary, places, path, packed=True),
        }

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Return the order and the discounts, with which the page estimates the same table from the training text."""
        if self.smoothing != KneserNey.name or any(self.prune):
            raise LmcompareError("the page counts for Kneser-Ney smoothing without pruning only")
        discounts = [list(amounts) for amounts, _ in self._method.constants]
        return PageCopy({"kind": KneserNey.name, "order": self.order, "discounts": discounts})

    def state(self) -> State:
        """Return the table, the constants of its smoothing, and the order of the words in an ARPA file."""
        state = super().state()
        return State({**state.arrays, "places": self._places}, {**state.values, "constants": self._method.constants})

    def restore(self, state: State) -> Self:
        super().restore(state)
        self._method.constants = state.values["constants"]
        size = fitted(self._table, self).start + 1
        self._places = whole(state.arrays, "places", (size,), size)
        if not np.array_equal(np.sort(self._places), np.arange(size)):
            raise DamagedStateError("places is no order of the words")
        return self

    def _count(self, train: Encoded, setting: Setting) -> Iterable[Counts]:
        """Count the n-grams, order by order."""
        room, start, end = Room.allowed(), len(setting.vocabulary), setting.vocabulary.end
        words = with_starts(train, room)
        self._places = counting.places(words, start, end)
        self._method = self._new_method()
        self._method.threads = setting.threads
        self._method.room = room
        return bounded.count(words, self.order, start, end, room, setting.threads)

    def _estimate(self, levels: Iterable[Counts], valid: Encoded, vocabulary: Vocabulary) -> None:
        """Estimate the table and the notes."""
        table = self._method.estimate(levels, len(vocabulary), with_starts(valid, self._method.room))
        unknown = vocabulary.unknown
        lacks_unknown = unknown is not None and not table.levels[0].counts[unknown]
        self.notes = (*self._method.notes, *([self._method.unknown_note] if lacks_unknown else []))
        self._table = table

    def _new_method(self) -> Smoothing:
        method: Callable[..., Smoothing] = _method(self.smoothing)
        return method(**{name: getattr(self, name) for name in _method(self.smoothing).uses})


def _thresholds(prune: Sequence[int], order: int) -> list[int]:
    """Return the pruning thresholds as a list, after checking them."""
    valid = not isinstance(prune, str) and isinstance(prune, Sequence) and 1 <= len(prune) <= order
    if not valid or not all(is_whole(t) for t in prune) or prune[0] != 0 or sorted(prune) != list(prune):
        raise PluginError(
            f"prune must be a list of at most {order} whole numbers, one for each order, that begins with 0 and never"
            f" falls, as in {[0, 0, 1][:order]}, not {prune!r}"
        )
    return list(prune)


def _method(name: object) -> type[Smoothing]:
    if not isinstance(name, str) or name not in METHODS:
        raise PluginError(unknown("smoothing", str(name), METHODS))
    return METHODS[name]


def _checked(name: str, prunes: bool, k: float | None) -> float | None:
    """Return k or its default, after checking that the smoothing uses the options that were set."""
    uses = _method(name).uses
    for parameter, is_given in (("prune", prunes), ("k", k is not None)):
        if is_given and parameter not in uses:
            users = " and ".join(f'"{m.name}"' for m in METHODS.values() if parameter in m.uses)
            raise PluginError(f'{parameter} has no effect with smoothing = "{name}", only with {users}: leave it out')
    k = K if k is None and "k" in uses else k
    if k is not None and (isinstance(k, bool) or not isinstance(k, (int, float)) or not LEAST_K <= k <= MOST_K):
        raise PluginError(f"k must be a number from {LEAST_K} to {MOST_K}, not {k!r}")
    return k
