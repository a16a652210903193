"""The n-gram model: word counts, smoothed by Kneser and Ney's method or another of the classical ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self, TextIO

import numpy as np

from lmcompare import memory
from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating.katz import CUTOFF
from lmcompare.counts.files import arpa
from lmcompare.counts.files import formats as files
from lmcompare.counts.lookup.table import BackoffTable, with_starts
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import Progress, Setting, State, fitted
from lmcompare.models.common.parameters import check_whole, is_whole
from lmcompare.models.ngram import exhibits
from lmcompare.models.ngram.smoothing import registry
from lmcompare.models.ngram.smoothing.base import Smoothing
from lmcompare.models.ngram.table_model import TableModel
from lmcompare.tokens import Encoded, IntArray, Vocabulary

K = 0.003  # what add-k adds where nothing is said


class NGram(TableModel):
    """Guesses the next word from how often words followed the last few ones, backing off to shorter contexts.

    Interpolated modified Kneser-Ney (Chen and Goodman 1999) as KenLM's ``lmplz`` estimates it, over the V words of
    the vocabulary: a word that train does not hold, ``<unk>`` among them, gets its share of the uniform
    distribution in the unigrams. The context never reaches back across ``</s>`` or the document's beginning;
    both stand for ``<s>``.

    Other ``smoothing``: "absolute" (absolute discounting), "witten-bell", "jelinek-mercer", "katz" and "add-k", each
    of which estimates every order from how often n-grams stand in train, and is described in a file of its own.

    Parameters: ``order``, the n in n-gram, 1 or more; ``fallback``, whether an order of which train is too small or
    too odd to give discounts takes 0.5, 1 and 1.5 (a note of the model says so) or is an error; ``prune``, from the
    unigrams up, how often an n-gram may stand in train and still be left out: ``(0, 0, 1)`` drops trigrams, and all
    that is longer, that were seen once. The last number holds for the orders above it; the first is 0, since
    unigrams are kept. ``smoothing``; ``k``, what "add-k" adds to each count, 0.003 if nothing is said; ``cutoff``,
    the greatest count that "katz" discounts, 5 if nothing is said. ``prune`` is for "kneser-ney" alone, ``fallback``
    for "absolute" and "katz" too (they take 0.5): what the smoothing does not heed is refused. ``setting.budget``
    changes nothing: counting is one pass.
    """

    def __init__(
        self,
        order: int = 5,
        fallback: bool = True,
        prune: Sequence[int] = (0,),
        smoothing: str = "kneser-ney",
        k: float | None = None,
        cutoff: int | None = None,
    ) -> None:
        check_whole("order", order, 1, " of words")
        self.order = order
        self.fallback = fallback
        self.prune = _thresholds(prune, order)
        self.smoothing = smoothing
        self.k, self.cutoff = _checked(smoothing, k, cutoff, prune=any(self.prune), fallback=not fallback)
        self.notes: tuple[str, ...] = ()
        self._places: IntArray = np.zeros(0, np.int64)
        self._method: Smoothing = self._new_method()

    @memory.given_back()
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count and estimate; valid is read by the smoothing "jelinek-mercer" alone, which fits its weights to it.

        Raises ``LmcompareError`` if train has no tokens, or without ``fallback`` if an order gives no discounts.
        """
        self._estimate(self._count(train, setting), valid, setting.vocabulary)
        fitted(self._table, self).prepare()
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def title(self) -> str:
        """Return its name for people: the order and the smoothing method."""
        return f"{self.order}-gram, {registry.method(self.smoothing).title}"

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the orders that matched on ``text`` and a back-off trace of each sentence."""
        yield from exhibits.exhibits(self._for(text.vocabulary), self._method, text)

    def write_arpa(self, vocabulary: Vocabulary, out: TextIO) -> None:
        """Write the model in the ARPA format, byte for byte as KenLM's ``lmplz`` does where train holds no ``<unk>``.

        Raises ``LmcompareError`` if the format can't write a token of the vocabulary.
        """
        arpa.write(self._for(vocabulary), vocabulary, self._places, out)

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return what writes it as ARPA, packed or not, and as a compact binary file."""
        return files.formats(fitted(self._table, self), self._places)

    def state(self) -> State:
        """Return the levels of the table, the constants of its smoothing, the order of the words in an ARPA file."""
        table = fitted(self._table, self)
        values = {
            "order": table.order,
            "prune": self.prune,
            "smoothing": self.smoothing,
            "k": self.k,
            "cutoff": self.cutoff,
            "constants": self._method.constants(),
            "notes": list(self.notes),
        }
        return State({**table.arrays(), "places": self._places}, values)

    def restore(self, state: State) -> Self:
        """Become the model of this state; its order, pruning and smoothing go before those given to ``__init__``."""
        self.order, self.prune = int(state.values["order"]), list(state.values["prune"])
        self.smoothing, self.k, self.cutoff = (state.values[name] for name in ("smoothing", "k", "cutoff"))
        self._method = self._new_method()
        self._method.restore(state.values["constants"])
        self.notes = tuple(state.values["notes"])
        self._table = BackoffTable.from_arrays(state.arrays, self.order)
        self._places = state.arrays["places"]
        return self

    def _count(self, train: Encoded, setting: Setting) -> Iterable[Counts]:
        """Count the n-grams, order by order. Raises ``LmcompareError`` if there are none."""
        if not len(train):
            raise LmcompareError("train holds no tokens to count: give the n-gram model a text to learn from")
        words = with_starts(train)
        self._places = counting.places(words, len(setting.vocabulary), setting.vocabulary.end)
        self._method = self._new_method()
        self._method.threads = self.threads = setting.threads
        vocabulary = setting.vocabulary
        return counting.count(words, self.order, len(vocabulary), vocabulary.end, threads=setting.threads)

    def _estimate(self, levels: Iterable[Counts], valid: Encoded, vocabulary: Vocabulary) -> None:
        """Make the table by the smoothing."""
        table = self._method.estimate(levels, len(vocabulary), with_starts(valid))
        lacks_unknown = not table.levels[0].counts[vocabulary.unknown]
        self.notes = (*self._method.notes, *([self._method.unknown_note] if lacks_unknown else []))
        self._table = table

    def _new_method(self) -> Smoothing:
        parameters = {"fallback": self.fallback, "prune": self.prune, "k": self.k, "cutoff": self.cutoff}
        return registry.make(self.smoothing, parameters)


def _thresholds(prune: Sequence[int], order: int) -> list[int]:
    """Return the pruning thresholds as a list. Raises ``PluginError`` if they make no sense."""
    valid = not isinstance(prune, str) and isinstance(prune, Sequence) and 1 <= len(prune) <= order
    if not valid or not all(is_whole(t) for t in prune) or prune[0] != 0 or sorted(prune) != list(prune):
        raise PluginError(
            f"prune is one whole number for each of the {order} orders or fewer, beginning with 0 for the unigrams"
            f" and never falling, as in [0, 0, 1], not {prune!r}"
        )
    return list(prune)


def _checked(name: str, k: float | None, cutoff: int | None, **given: bool) -> tuple[float | None, int | None]:
    """Return the parameters of the smoothing of this name; those left out have what they are by default.

    Raises ``PluginError`` for an unknown smoothing, one that makes no sense and one that the smoothing does not heed.
    """
    registry.check_used(name, {**given, "k": k is not None, "cutoff": cutoff is not None})
    uses = registry.method(name).uses
    k, cutoff = K if k is None and "k" in uses else k, CUTOFF if cutoff is None and "cutoff" in uses else cutoff
    if k is not None and (isinstance(k, bool) or not isinstance(k, (int, float)) or not 0 < k < float("inf")):
        raise PluginError(f"k is a number greater than 0, not {k!r}")
    if cutoff is not None:
        check_whole("cutoff", cutoff, 2)
    return k, cutoff
