"""The bits that white space costs: the gaps between the tokens of a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.tokens.classes import BEGINNING, CLOSING, TokenClasses
from lmcompare.tokens.decisions import FloatArray, Reader
from lmcompare.tokens.interpolation import WittenBell
from lmcompare.tokens.spelling import Spelling
from lmcompare.tokens.tokenised import Tokenised
from lmcompare.tokens.vocabulary import IntArray, Vocabulary

_LEAST_BITS = 2.0  # what a pair of tokens must save on train to have a context of its own
_ORDER = 3  # of the spelling of gaps that train does not have


class GapModel:
    """P(gap | the token after it, the token before it, the gap before that one).

    Interpolated Witten-Bell estimates over the G gap strings of train and one symbol more, the escape, after which
    the gap is spelled byte by byte. Contexts, from the shortest: the class of the token after the gap; the classes
    of both tokens; both classes and the gap before; both tokens and the gap before.
    """

    def __init__(
        self, known: Sequence[str], classes: TokenClasses, model: WittenBell, spelling: Spelling, n_ids: int
    ) -> None:
        self.known: tuple[str, ...] = tuple(known)
        self._index = {gap: i for i, gap in enumerate(self.known)}
        self._classes, self._model, self._spelling, self._n_ids = classes, model, spelling, n_ids

    @classmethod
    def fit(cls, train: Tokenised, classes: TokenClasses, vocabulary: Vocabulary) -> GapModel:
        """Count the gaps of the training text."""
        counts = np.bincount(train.gaps, minlength=len(train.gap_types))
        known = [gap for gap, n in zip(train.gap_types, counts, strict=True) if n]
        escape = 1 + np.count_nonzero(counts == 1)
        base = np.append(counts[counts > 0], escape) / (len(train) + escape)
        spelling = Spelling([gap.encode() for gap in known], _ORDER)
        self = cls(known, classes, WittenBell(base, ()), spelling, len(vocabulary))
        symbols, contexts = self._events(train, vocabulary)
        self._model = WittenBell.fit(contexts, symbols, base).pruned(contexts, symbols, _LEAST_BITS)
        return self

    def bits(self, text: Tokenised, vocabulary: Vocabulary) -> FloatArray:
        """(N,) the bits of the gap before each token."""
        symbols, contexts = self._events(text, vocabulary)
        bits = -np.log2(self._model.probability(contexts, symbols))
        escaped = np.flatnonzero(symbols == len(self.known))
        bits[escaped] += self._spelling.bits([text.gap_types[g].encode() for g in text.gaps[escaped]])
        return bits

    def symbols(self, gap: str) -> list[int]:
        """Return the symbols that code a gap: its number, or the escape and its spelling."""
        symbol = self._number(gap)
        return [symbol] if symbol < len(self.known) else [symbol, *self._spelling.symbols(gap.encode())]

    def reader(self, tokens: Sequence[str | None], gaps: Sequence[str], vocabulary: Vocabulary) -> Reader[str]:
        """Read the gap before the last of ``tokens``, those of its sentence so far; None is the closing ``</s>``.

        ``gaps``: the gaps before all of them but the last. Returns the gap.
        """
        ids = np.array([vocabulary.end if t is None else vocabulary.id(t) for t in tokens], np.int64)
        classes = np.array([CLOSING if t is None else self._classes.of([t])[0] for t in tokens], np.int64)
        numbers = np.array([self._number(gap) for gap in [*gaps, ""]], np.int64)
        contexts = self._contexts(ids, classes, numbers, np.arange(len(tokens)) == 0)
        symbol = yield self._model.distribution([int(keys[-1]) for keys in contexts])
        if symbol < len(self.known):
            return self.known[symbol]
        spelled = yield from self._spelling.reader()
        return spelled.decode()

    def _number(self, gap: str) -> int:
        return self._index.get(gap, len(self.known))

    def _events(self, text: Tokenised, vocabulary: Vocabulary) -> tuple[IntArray, list[IntArray]]:
        """Return the symbols (N,) of a text's gaps and their contexts (N,) of each level."""
        symbols = np.array([self._number(gap) for gap in text.gap_types], np.int64)[text.gaps]
        classes = np.append(CLOSING, self._classes.of(text.types[1:]))[text.tokens]
        ids = np.append(vocabulary.end, vocabulary.ids(text.types[1:])).astype(np.int64)[text.tokens]
        return symbols, self._contexts(ids, classes, symbols, text.first_of_sentence())

    def _contexts(
        self, ids: IntArray, classes: IntArray, symbols: IntArray, first: npt.NDArray[np.bool_]
    ) -> list[IntArray]:
        """Return the keys (N,) of each level's contexts; those of a token do not depend on the gap before it.

        ``symbols``: (N,) the gap before each token. ``first``: (N,) true where a sentence begins.
        """
        classes = self._classes.refine(classes, first)
        n_gaps, n_ids = len(self.known) + 2, self._n_ids + 1  # with the escape, and with what a sentence begins after
        gap_before = np.where(first, n_gaps - 1, np.roll(symbols, 1))
        id_before = np.where(first, n_ids - 1, np.roll(ids, 1))
        both = classes * len(self._classes) + np.where(first, BEGINNING, np.roll(classes, 1))
        pair = (ids * n_ids + id_before) * n_gaps + gap_before
        known = (ids != Vocabulary.unknown) & (id_before != Vocabulary.unknown)
        return [classes, both, both * n_gaps + gap_before, np.where(known, pair, -1)]

    def to_json(self) -> dict[str, Any]:
        """Return the model, without the classes, as a JSON-able table."""
        return {
            "known": list(self.known),
            "model": self._model.to_json(),
            "spelling": self._spelling.to_json(),
            "n_ids": self._n_ids,
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any], classes: TokenClasses) -> GapModel:
        """Return the model that ``to_json`` stored."""
        return cls(
            table["known"],
            classes,
            WittenBell.from_json(table["model"]),
            Spelling.from_json(table["spelling"]),
            int(table["n_ids"]),
        )
