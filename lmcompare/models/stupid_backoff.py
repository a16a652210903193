"""Stupid back-off: relative frequencies of n-grams as scores, which rank words but are not probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from lmcompare.counts import bounded
from lmcompare.counts.ngrams import Counts, Room, with_starts, words_before
from lmcompare.counts.table import NOTHING, BackoffTable
from lmcompare.errors import PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import HIGHEST_ORDER, SHORT_ORDER, FloatArray, Idea, Setting, Traits, check_reach, check_whole
from lmcompare.models.ngram import exhibits
from lmcompare.models.ngram import smoothing as raw
from lmcompare.models.ngram.plugin import TableModel
from lmcompare.models.ngram.smoothing import Case, Explanation, Lines
from lmcompare.tokens import Encoded, IntArray

BLOCK_TOKENS = 2**16  # tokens whose contexts are looked up together

_NO_MODEL = "stupid back-off gives scores, which do not sum to one"
_UNKNOWN_NOTE = "<unk> does not occur in the training text: its score is that of any word with the count 0, α / V."


@dataclass(eq=False)
class StupidBackoff(TableModel):
    """Scores the next word by how often it followed the last words, times a fixed factor for each dropped word.

    ``S(w | h) = c(h w) / c(h)`` if w was seen after h, else ``α S(w | h')``, where h' is h without its first word
    (Brants et al. 2007, equation 5). A word that does not occur in the training text has the score α / V. The context
    begins with ``<s>`` at the start of each sentence and document, and never reaches further back.

    After a context of the training text the scores sum to more than one; after an unseen context they may sum to far
    less. So the model declares itself not normalised: it is trained and shown, but not ranked.

    Parameters
    ----------
    order : int, default 5
        n, the length of the longest n-gram in words; 1 to 100.
    alpha : float, default 0.4
        α, the factor for each dropped word; greater than 0 and at most 1.
    """

    idea = Idea(2007, "Brants, Popat, Xu, Och and Dean", "Large language models in machine translation")
    traits = Traits(normalised=False)
    known_failures: ClassVar[Mapping[str, str]] = {"is-a-language-model": _NO_MODEL, "sums-to-one": _NO_MODEL}

    order: int = 5
    alpha: float = 0.4

    def __post_init__(self) -> None:
        check_whole("order", self.order, 1, HIGHEST_ORDER)
        alpha = self.alpha
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha <= 1:
            raise PluginError(f"alpha must be a number greater than 0 and at most 1, not {alpha!r}")

    def check_text(self, train: Encoded) -> None:
        check_reach("order", self.order, train, "sentence", SHORT_ORDER)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count the training text; the validation text is not read."""
        room, size = Room.allowed(), len(setting.vocabulary)
        counts = list(bounded.count(with_starts(train, room), self.order, size, setting.vocabulary.end, room))
        self._table = _estimate(counts, size, self.alpha)
        unknown = setting.vocabulary.unknown
        lacks_unknown = unknown is not None and not counts[0].raw[unknown]
        self.notes = (_UNKNOWN_NOTE,) if lacks_unknown else ()
        return self

    def title(self) -> str:
        return f"{self.order}-gram, stupid back-off"

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats: the logarithms of the scores, by one look-up per token and order."""
        scores = super().log_probs(text)
        for first in range(0, len(text), BLOCK_TOKENS):
            at = np.arange(first, min(first + BLOCK_TOKENS, len(text)))
            scores[at] += self._cost_of_unseen(self.contexts_at(text, at))
        return scores

    # The contexts are those of the table, and in a last row the number of words of the sentence before each position

    def contexts_at(self, text: Encoded, at: IntArray) -> IntArray:
        """Return the contexts of B positions of a text, (n, B)."""
        return np.vstack([super().contexts_at(text, at), words_before(text, at)])

    def advance(self, contexts: IntArray, token: int, end: int) -> IntArray:
        """Return the contexts after one more token; ``end`` is the id of ``</s>``."""
        before = np.ones(1, np.int64) if token == end else contexts[-1] + 1
        return np.vstack([super().advance(contexts[:-1], token, end), before])

    def rows(self, contexts: IntArray, dtype: npt.DTypeLike) -> FloatArray:
        """(B, V) nats: the scores after B contexts."""
        rows = super().rows(contexts[:-1], dtype)
        rows += self._cost_of_unseen(contexts).astype(dtype)[:, None]
        return rows

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the orders that matched in ``text``, and a back-off trace of each document."""
        yield from exhibits.exhibits(self._for(text.vocabulary), _Explanation(self.alpha), text)

    def _cost_of_unseen(self, contexts: IntArray) -> FloatArray:
        """(B,) nats: the cost of the contexts that do not occur in the training text, which the table lacks."""
        known = (contexts[:-1] != NOTHING).sum(axis=0)
        cost: FloatArray = np.log(self.alpha) * (np.minimum(contexts[-1], self.order - 1) - known)
        return cost


def _estimate(counts: Sequence[Counts], size: int, alpha: float) -> BackoffTable:
    """Return the table of scores over ``size`` types.

    Every context in the table backs off with α. A context that is not in the table costs α too; the table does not
    know it, so the model adds that factor.
    """
    orders = raw.orders(counts)
    scores = [raw.relative(order) for order in orders]
    scores[0] = np.where(orders[0].counts > 0, scores[0], alpha / size)
    return raw.table(counts, size, scores, [np.full(len(level), alpha) for level in counts[:-1]])


class _Explanation(Explanation):
    """The scores of stupid back-off with the factor ``alpha``."""

    caution = " The numbers are scores, not probabilities: after a context they do not sum to one."
    equation = (
        r"S(w \mid h) = \begin{cases} \frac{c(h\,w)}{\sum_v c(h\,v)} & \text{if } c(h\,w) > 0 \\"
        r" \alpha\,S(w \mid h') & \text{otherwise} \end{cases}"
    )
    saying = (
        "Use the frequency of the word after the longest context that was seen with it, and multiply by α for every"
        " word of context that is dropped. Nothing is subtracted from the counts, so the scores sum to more than one:"
        " they rank words, but are not probabilities."
    )

    def __init__(self, alpha: float) -> None:
        self.alpha = self.unseen = alpha

    def lines(self, case: Case) -> Lines:
        if case.count:
            return [case.count_line(), case.total_line(), (case.of_word("S"), case.count / case.total)]
        return [
            case.count_line(),
            ("α: the weight of the shorter context", self.alpha),
            case.lower_line("S"),
            (case.of_word("S"), self.alpha * case.lower),
        ]
