"""The n-gram model: interpolated modified Kneser-Ney over word counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self, TextIO

import numpy as np

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import Progress, Setting, State, fitted
from lmcompare.models.counts import arpa, counting, exhibits, kneser_ney
from lmcompare.models.counts.backoff import BackoffTable, with_starts
from lmcompare.models.counts.counting import Counts
from lmcompare.models.counts.table_model import TableModel, counted
from lmcompare.tokens import Encoded, IntArray, Vocabulary


class NGram(TableModel):
    """Guesses the next word from how often words followed the last few ones, backing off to shorter contexts.

    Interpolated modified Kneser-Ney (Chen and Goodman 1999) as KenLM's ``lmplz`` estimates it, over the V words of
    the vocabulary: a word that train does not hold, ``<unk>`` among them, gets its share of the uniform
    distribution in the unigrams. The context never reaches back across ``</s>`` or the document's beginning;
    both stand for ``<s>``.

    Parameters: ``order``, the n in n-gram, 1 or more; ``fallback``, whether an order of which train is too small or
    too odd to give discounts takes 0.5, 1 and 1.5 (a note of the model says so) or is an error; ``prune``, from the
    unigrams up, how often an n-gram may stand in train and still be left out: ``(0, 0, 1)`` drops trigrams, and all
    that is longer, that were seen once. The last number holds for the orders above it; the first is 0, since
    unigrams are kept. ``setting.budget`` changes nothing: counting is one pass.
    """

    def __init__(self, order: int = 5, fallback: bool = True, prune: Sequence[int] = (0,)) -> None:
        if not whole(order) or order < 1:
            raise PluginError(f"order is a whole number of words, 1 or more, not {order!r}")
        self.order = order
        self.fallback = fallback
        self.prune = _thresholds(prune, order)
        self.notes: tuple[str, ...] = ()
        self._places: IntArray = np.zeros(0, np.int64)
        self._discounts: tuple[kneser_ney.Discounts, ...] = ()

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count and estimate; valid is not read.

        Raises ``LmcompareError`` if train has no tokens, or without ``fallback`` if an order gives no discounts.
        """
        levels, loops = self._count(train, setting)
        self._estimate(levels, loops, setting)
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the orders that matched on ``text`` and a back-off trace of each sentence."""
        yield from exhibits.exhibits(self._for(text.vocabulary), self._discounts, text)

    def write_arpa(self, vocabulary: Vocabulary, out: TextIO) -> None:
        """Write the model in the ARPA format, byte for byte as KenLM's ``lmplz`` does where train holds no ``<unk>``.

        Raises ``LmcompareError`` if the format can't write a token of the vocabulary.
        """
        arpa.write(self._for(vocabulary), vocabulary, self._places, out)

    def state(self) -> State:
        """Return the levels of the table, the discounts and the order of the words in an ARPA file."""
        table = fitted(self._table, self)
        values = {
            "order": table.order,
            "prune": self.prune,
            "discounts": [[list(d.amounts), d.reason] for d in self._discounts],
            "notes": list(self.notes),
        }
        return State({**table.arrays(), "places": self._places}, values)

    def restore(self, state: State) -> Self:
        """Become the model of this state; its order and pruning go before those given to ``__init__``."""
        self.order, self.prune = int(state.values["order"]), list(state.values["prune"])
        self._discounts = tuple(
            kneser_ney.Discounts((d1, d2, d3), reason) for (d1, d2, d3), reason in state.values["discounts"]
        )
        self.notes = tuple(state.values["notes"])
        self._become(BackoffTable.from_arrays(state.arrays, self.order))
        self._places = state.arrays["places"]
        return self

    def _count(self, train: Encoded, setting: Setting) -> tuple[Iterable[Counts], bool]:
        """Count the n-grams, and say whether compiled loops do it. Raises ``LmcompareError`` if there are none."""
        if not len(train):
            raise LmcompareError("train holds no tokens to count: give the n-gram model a text to learn from")
        words = with_starts(train)
        self._places = counting.places(words, len(setting.vocabulary), setting.vocabulary.end)
        self.threads = setting.threads
        return counted(words, self.order, setting)

    def _estimate(self, levels: Iterable[Counts], loops: bool, setting: Setting) -> None:
        """Make the table by the discounts that the counts of counts give."""
        thresholds = [*self.prune, *self.prune[-1:] * (self.order - len(self.prune))]
        interpolation = kneser_ney.Interpolation(len(setting.vocabulary), thresholds, loops, setting.threads)
        self._discounts = ()
        for level in levels:
            self._discounts += (kneser_ney.discounts(level.statistics),)
            interpolation.add(level, self._discounts[-1])
            del level  # leave its room to the next
        table = interpolation.table()
        self.notes = self._what_to_know(int(table.levels[0].counts[setting.vocabulary.unknown]))
        self._become(table)

    def _what_to_know(self, unknown: int) -> tuple[str, ...]:
        """Return the notes of a trained model. Raises ``LmcompareError`` if discounts are lacking, unless allowed."""
        notes = []
        for k, discounts in enumerate(self._discounts, 1):
            if discounts.reason and not self.fallback:
                raise LmcompareError(
                    f"train gives the {k}-grams no discounts ({discounts.reason}): set fallback = true, lower the"
                    " order or train on more text"
                )
            if discounts.reason:
                notes.append(f"The {k}-grams take the discounts 0.5, 1 and 1.5 ({discounts.reason}).")
            if 0 in discounts.amounts:
                notes.append(
                    f"A discount of the {k}-grams is exactly 0: after some contexts unseen words are impossible."
                )
        if any(self.prune):
            thresholds = ", ".join(map(str, self.prune))
            notes.append(f"Pruned: of the orders 1, 2 …, n-grams seen at most {thresholds} times are left out.")
        if not unknown:
            notes.append(
                "Train holds no <unk>: its probability is what the unigrams leave, shared evenly by all types."
            )
        return tuple(notes)


def whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _thresholds(prune: Sequence[int], order: int) -> list[int]:
    """Return the pruning thresholds as a list. Raises ``PluginError`` if they make no sense."""
    valid = not isinstance(prune, str) and isinstance(prune, Sequence) and 1 <= len(prune) <= order
    if not valid or not all(whole(t) for t in prune) or prune[0] != 0 or sorted(prune) != list(prune):
        raise PluginError(
            f"prune is one whole number for each of the {order} orders or fewer, beginning with 0 for the unigrams"
            f" and never falling, as in [0, 0, 1], not {prune!r}"
        )
    return list(prune)
