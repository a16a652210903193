"""Stupid backoff: relative frequencies of n-grams as scores. It ranks words; it is no probability model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Self

import numpy as np

from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.table import BackoffTable, with_starts, words_before
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import (
    BLOCK_BYTES,
    FloatArray,
    LanguageModel,
    Setting,
    State,
    Stepper,
    Traits,
    fitted,
    same_vocabulary,
)
from lmcompare.models.common.parameters import check_whole
from lmcompare.models.ngram import exhibits
from lmcompare.models.stupid_backoff.estimator import estimate
from lmcompare.models.stupid_backoff.exhibits import Stupid
from lmcompare.tokens import Encoded, IntArray, Vocabulary

BLOCK_TOKENS = 2**16  # tokens whose contexts are looked up together

_NO_MODEL = "stupid back-off gives scores, which do not sum to one"
_UNKNOWN_NOTE = "<unk> does not occur in the training text: its score is that of any word with the count 0, α / V."


class StupidBackoff(LanguageModel):
    """Scores the next word by how often it followed the last few, a fixed share lower for each word given up.

    ``S(w | h) = c(h w) / c(h)`` where w was seen after h, else ``α S(w | h')``, h' being h without its first word
    (Brants et al. 2007, equation 5). The empty context counts all of train; a word that train does not hold has α / V
    of the V words of the vocabulary, for the paper's recursion ends before such words. The context never reaches back
    across ``</s>`` or the document's beginning; both stand for ``<s>``.

    The scores after a context that train holds sum to more than one; after one that it does not hold they may sum to
    far less. So it declares itself not normalised: it is run and shown, and never ranked.

    Parameters: ``order``, the n in n-gram, 1 or more; ``alpha``, above 0 and at most 1.
    """

    traits = Traits(normalised=False)
    known_failures: ClassVar[Mapping[str, str]] = {"is-a-language-model": _NO_MODEL, "sums-to-one": _NO_MODEL}

    def __init__(self, order: int = 5, alpha: float = 0.4) -> None:
        check_whole("order", order, 1, " of words")
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha <= 1:
            raise PluginError(f"alpha is a number above 0 and at most 1, not {alpha!r}")
        self.order, self.alpha = order, alpha
        self.notes: tuple[str, ...] = ()
        self._table: BackoffTable | None = None

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count; valid is not read. Raises ``LmcompareError`` if train has no tokens."""
        if not len(train):
            raise LmcompareError("train holds no tokens to count: give the model a text to learn from")
        size, words = len(setting.vocabulary), with_starts(train)
        counts = list(counting.count(words, self.order, size, setting.vocabulary.end))
        self._table = estimate(counts, size, self.alpha)
        lacks_unknown = not counts[0].raw[setting.vocabulary.unknown]
        self.notes = (_UNKNOWN_NOTE,) if lacks_unknown else ()
        return self

    def title(self) -> str:
        """Return its name for people."""
        return f"{self.order}-gram, stupid back-off"

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats: the logarithms of the scores."""
        return self._rows(text, at, np.float64)

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the rows in text order as float32."""
        rows = max(1, BLOCK_BYTES // (4 * self._for(text.vocabulary).start))
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, self._rows(text, at, np.float32)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats: the logarithms of the scores, by one look-up a token and order."""
        table = self._for(text.vocabulary)
        scores = table.score(text)
        for first in range(0, len(text), BLOCK_TOKENS):
            at = np.arange(first, min(first + BLOCK_TOKENS, len(text)))
            scores[at] += self._given_up(table.contexts_at(text, at), words_before(text, at))
        return scores

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the contexts it stands after: a push is one look-up an order."""
        return _Stepper(self, self._for(vocabulary), prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the orders that matched on ``text`` and a back-off trace of each sentence."""
        yield from exhibits.exhibits(self._for(text.vocabulary), Stupid(self.alpha), text)

    def state(self) -> State:
        """Return the levels of the table."""
        table = fitted(self._table, self)
        return State(table.arrays(), {"order": table.order, "alpha": self.alpha, "notes": list(self.notes)})

    def restore(self, state: State) -> Self:
        """Become the model of this state; its order and alpha go before those given to ``__init__``."""
        self.order, self.alpha = int(state.values["order"]), state.values["alpha"]
        self.notes = tuple(state.values["notes"])
        self._table = BackoffTable.from_arrays(state.arrays, self.order)
        return self

    def scores_after(self, contexts: IntArray, before: IntArray, dtype: type = np.float64) -> FloatArray:
        """(B, V) nats: the scores after these contexts of a table, ``before`` words of the sentence among them."""
        rows = fitted(self._table, self).distributions(contexts, dtype)
        rows += self._given_up(contexts, before).astype(dtype)[:, None]
        return rows

    def _rows(self, text: Encoded, at: IntArray, dtype: type) -> FloatArray:
        table = self._for(text.vocabulary)
        return self.scores_after(table.contexts_at(text, at), words_before(text, at), dtype)

    def _given_up(self, contexts: IntArray, before: IntArray) -> FloatArray:
        """(B,) nats: what the contexts cost that train does not hold, which a table knows nothing of."""
        known = np.zeros(len(before), np.int64)
        for nodes in contexts:
            known += nodes != NOTHING
        cost: FloatArray = np.log(self.alpha) * (np.minimum(before, self.order - 1) - known)
        return cost

    def _for(self, vocabulary: Vocabulary) -> BackoffTable:
        table = fitted(self._table, self)
        same_vocabulary("this model", table.start, vocabulary)
        return table


class _Stepper(Stepper):
    def __init__(self, model: StupidBackoff, table: BackoffTable, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._model, self._table, self._end, self._vocabulary = model, table, vocabulary.end, vocabulary
        text = Encoded.from_documents([prefix], vocabulary)
        at = np.array([len(text)])
        self._contexts, self._before = table.contexts_at(text, at), words_before(text, at)

    def log_probs(self) -> FloatArray:
        row: FloatArray = self._model.scores_after(self._contexts, self._before)[0]
        return row

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        word = self._table.start if token == self._end else token
        self._contexts = self._table.advance(self._contexts, np.array([word]))
        self._before = np.ones(1, np.int64) if token == self._end else self._before + 1
