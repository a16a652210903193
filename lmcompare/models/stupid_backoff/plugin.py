"""Stupid back-off: relative frequencies of n-grams as scores, which rank words but are no probabilities."""

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
    """Scores the next word by how often it followed the last words, times a fixed factor for each dropped word.

    ``S(w | h) = c(h w) / c(h)`` if w was seen after h, else ``α S(w | h')``, where h' is h without its first word
    (Brants et al. 2007, equation 5). A word that does not occur in the training text has the score α / V. The context
    begins with ``<s>`` at the start of each sentence and document, and never reaches further back.

    After a context of the training text the scores sum to more than one; after an unseen context they may sum to far
    less. So the model declares itself not normalised: it is trained and shown, but not ranked.

    Parameters
    ----------
    order : int, default 5
        n, the length of the longest n-gram in words; 1 or more.
    alpha : float, default 0.4
        α, the factor for each dropped word; greater than 0 and at most 1.
    """

    traits = Traits(normalised=False)
    known_failures: ClassVar[Mapping[str, str]] = {"is-a-language-model": _NO_MODEL, "sums-to-one": _NO_MODEL}

    def __init__(self, order: int = 5, alpha: float = 0.4) -> None:
        check_whole("order", order, 1)
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha <= 1:
            raise PluginError(f"alpha must be a number greater than 0 and at most 1, not {alpha!r}")
        self.order, self.alpha = order, alpha
        self.notes: tuple[str, ...] = ()
        self._table: BackoffTable | None = None

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count the training text; the validation text is not read.

        Raises
        ------
        LmcompareError
            If the training text has no tokens.
        """
        if not len(train):
            raise LmcompareError("the training text has no tokens: train stupid back-off on some text")
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
        """(N,) float64 nats: the logarithms of the scores, by one look-up per token and order."""
        table = self._for(text.vocabulary)
        scores = table.score(text)
        for first in range(0, len(text), BLOCK_TOKENS):
            at = np.arange(first, min(first + BLOCK_TOKENS, len(text)))
            scores[at] += self._cost_of_unseen(table.contexts_at(text, at), words_before(text, at))
        return scores

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the current contexts: appending a token takes one look-up per order."""
        return _Stepper(self, self._for(vocabulary), prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the orders that matched in ``text``, and a back-off trace of each document."""
        yield from exhibits.exhibits(self._for(text.vocabulary), Stupid(self.alpha), text)

    def state(self) -> State:
        """Return the table."""
        table = fitted(self._table, self)
        return State(table.arrays(), {"order": table.order, "alpha": self.alpha, "notes": list(self.notes)})

    def restore(self, state: State) -> Self:
        """Restore the model; the stored hyper-parameters replace those given to ``__init__``."""
        self.order, self.alpha = int(state.values["order"]), state.values["alpha"]
        self.notes = tuple(state.values["notes"])
        self._table = BackoffTable.from_arrays(state.arrays, self.order)
        return self

    def scores_after(self, contexts: IntArray, before: IntArray, dtype: type = np.float64) -> FloatArray:
        """(B, V) nats: the scores after these contexts, before which the sentence has ``before`` words, (B,)."""
        rows = fitted(self._table, self).distributions(contexts, dtype)
        rows += self._cost_of_unseen(contexts, before).astype(dtype)[:, None]
        return rows

    def _rows(self, text: Encoded, at: IntArray, dtype: type) -> FloatArray:
        table = self._for(text.vocabulary)
        return self.scores_after(table.contexts_at(text, at), words_before(text, at), dtype)

    def _cost_of_unseen(self, contexts: IntArray, before: IntArray) -> FloatArray:
        """(B,) nats: the cost of the contexts that do not occur in the training text, which the table lacks."""
        known = np.zeros(len(before), np.int64)
        for nodes in contexts:
            known += nodes != NOTHING
        cost: FloatArray = np.log(self.alpha) * (np.minimum(before, self.order - 1) - known)
        return cost

    def _for(self, vocabulary: Vocabulary) -> BackoffTable:
        table = fitted(self._table, self)
        same_vocabulary("this stupid back-off model", table.start, vocabulary)
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
