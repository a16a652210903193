"""The n-gram model: interpolated modified Kneser-Ney over word counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self, TextIO

import numpy as np

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Exhibit
from lmcompare.model import BLOCK_BYTES, FloatArray, LanguageModel, Progress, Setting, State, Stepper, fitted
from lmcompare.models.counts import arpa, counting, exhibits, files, kneser_ney
from lmcompare.models.counts.backoff import BackoffTable, with_starts
from lmcompare.tokens import Encoded, IntArray, Vocabulary

BLOCK_ROWS = 4096  # with few types, what is written over the rows takes more memory than the rows


class NGram(LanguageModel):
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
        if not _whole(order) or order < 1:
            raise PluginError(f"order is a whole number of words, 1 or more, not {order!r}")
        self.order = order
        self.fallback = fallback
        self.prune = _thresholds(prune, order)
        self.notes: tuple[str, ...] = ()
        self._table: BackoffTable | None = None
        self._places: IntArray = np.zeros(0, np.int64)
        self._discounts: tuple[kneser_ney.Discounts, ...] = ()

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count and estimate; valid is not read.

        Raises ``LmcompareError`` if train has no tokens, or without ``fallback`` if an order gives no discounts.
        """
        if not len(train):
            raise LmcompareError("train holds no tokens to count: give the n-gram model a text to learn from")
        size = len(setting.vocabulary)
        words = with_starts(train)
        counts = counting.count(words, self.order, size, setting.vocabulary.end)
        self._discounts = tuple(kneser_ney.discounts(c.statistics) for c in counts)
        self.notes = self._what_to_know(int(counts[0].adjusted[setting.vocabulary.unknown]))
        thresholds = [*self.prune, *self.prune[-1:] * (self.order - len(self.prune))]
        self._table = kneser_ney.estimate(counts, self._discounts, size, thresholds)
        self._places = counting.places(words, size, setting.vocabulary.end)
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one within 1e-6."""
        table = self._for(text.vocabulary)
        return table.distributions(table.contexts_at(text, at), len(at))

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32; rows sum to one within 1e-6."""
        table = self._for(text.vocabulary)
        rows = min(max(1, BLOCK_BYTES // (4 * table.start)), BLOCK_ROWS)
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, table.distributions(table.contexts_at(text, at), len(at), np.float32)

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one look-up a token and order."""
        return self._for(text.vocabulary).score(text)

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that keeps the contexts it stands after: a push is one look-up an order."""
        return _Stepper(self._for(vocabulary), prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the orders that matched on ``text`` and a back-off trace of each sentence."""
        yield from exhibits.exhibits(self._for(text.vocabulary), self._discounts, text)

    def write_arpa(self, vocabulary: Vocabulary, out: TextIO) -> None:
        """Write the model in the ARPA format, byte for byte as KenLM's ``lmplz`` does where train holds no ``<unk>``.

        Raises ``LmcompareError`` if the format can't write a token of the vocabulary.
        """
        arpa.write(self._for(vocabulary), vocabulary, self._places, out)

    def file_formats(self) -> Mapping[str, Callable[[Vocabulary, Path], None]]:
        """Return what writes it as ARPA, packed or not, and as a compact binary file."""
        return files.formats(fitted(self._table, self), self._places)

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
        self._table = BackoffTable.from_arrays(state.arrays, self.order)
        self._places = state.arrays["places"]
        return self

    def _for(self, vocabulary: Vocabulary) -> BackoffTable:
        table = fitted(self._table, self)
        if len(vocabulary) != table.start:
            raise PluginError(
                f"this n-gram model was trained on a vocabulary of {table.start:,} types, not of {len(vocabulary):,}:"
                " encode the text with the vocabulary it was trained with"
            )
        return table

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


def _whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _thresholds(prune: Sequence[int], order: int) -> list[int]:
    """Return the pruning thresholds as a list. Raises ``PluginError`` if they make no sense."""
    valid = not isinstance(prune, str) and isinstance(prune, Sequence) and 1 <= len(prune) <= order
    if not valid or not all(_whole(t) for t in prune) or prune[0] != 0 or sorted(prune) != list(prune):
        raise PluginError(
            f"prune is one whole number for each of the {order} orders or fewer, beginning with 0 for the unigrams"
            f" and never falling, as in [0, 0, 1], not {prune!r}"
        )
    return list(prune)


class _Stepper(Stepper):
    def __init__(self, table: BackoffTable, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._table, self._end = table, vocabulary.end
        text = Encoded.from_documents([prefix], vocabulary)
        self._contexts = table.contexts_at(text, np.array([len(text)]))

    def log_probs(self) -> FloatArray:
        row: FloatArray = self._table.distributions(self._contexts, 1)[0]
        return row

    def push(self, token: int) -> None:
        word = self._table.start if token == self._end else token
        self._contexts = self._table.advance(self._contexts, np.array([word]))
