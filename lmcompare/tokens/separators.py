"""The bits of what stands between sentences, and of where a document ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmcompare.tokens.classes import BEGINNING, TokenClasses
from lmcompare.tokens.decisions import FloatArray, Reader
from lmcompare.tokens.interpolation import WittenBell
from lmcompare.tokens.spelling import Spelling
from lmcompare.tokens.tokenised import Separator, Tokenised
from lmcompare.tokens.vocabulary import IntArray

_ORDER = 3  # of the spelling of separators that train does not have


class SeparatorModel:
    """P(separator | the last token of the sentence, the separator before the sentence).

    Interpolated Witten-Bell estimates over the S separators of train, pairs of a text and whether it ends the
    document, and one symbol more, the escape, after which it is said whether the document ends and the text is
    spelled. Contexts, from the shortest: the class of the sentence's last token; the class and the separator before.
    """

    def __init__(
        self,
        known: Sequence[Separator],
        classes: TokenClasses,
        model: WittenBell,
        spelling: Spelling,
        closing: float,
    ) -> None:
        self.known: tuple[Separator, ...] = tuple(known)
        self._index = {separator: i for i, separator in enumerate(self.known)}
        self._classes, self._model, self._spelling = classes, model, spelling
        self._closing = closing  # the probability that an unknown separator ends its document

    @classmethod
    def fit(cls, train: Tokenised, classes: TokenClasses) -> SeparatorModel:
        """Count the separators of the training text."""
        seen = train.separators[train.closing]
        counts = np.bincount(seen, minlength=len(train.separator_types))
        escape = 1 + np.count_nonzero(counts == 1)
        base = np.append(counts, escape) / (len(seen) + escape)
        closing = (sum(n for s, n in zip(train.separator_types, counts, strict=True) if s.closes) + 1) / (
            len(seen) + 2
        )
        spelling = Spelling([s.text.encode() for s in train.separator_types], _ORDER)
        self = cls(train.separator_types, classes, WittenBell(base, ()), spelling, float(closing))
        symbols, contexts = self._events(train)
        self._model = WittenBell.fit(contexts, symbols, base)
        return self

    def bits(self, text: Tokenised) -> FloatArray:
        """(N,) the bits of the separator after each ``</s>``; 0 at other tokens."""
        symbols, contexts = self._events(text)
        bits = -np.log2(self._model.probability(contexts, symbols))
        escaped = np.flatnonzero(symbols == len(self.known))
        if len(escaped):
            wanted = [text.separator_types[i] for i in text.separators[text.closing][escaped]]
            bits[escaped] += self._spelling.bits([s.text.encode() for s in wanted])
            bits[escaped] -= np.log2([self._closing if s.closes else 1 - self._closing for s in wanted])
        all_bits = np.zeros(len(text))
        all_bits[text.closing] = bits
        return all_bits

    def symbols(self, separator: Separator) -> list[int]:
        """Return the symbols that code a separator: its number, or the escape, if it ends a document, its text."""
        symbol = self._index.get(separator, len(self.known))
        if symbol < len(self.known):
            return [symbol]
        return [symbol, int(separator.closes), *self._spelling.symbols(separator.text.encode())]

    def reader(self, last: str | None, before: Separator | None) -> Reader[Separator]:
        """Read what follows a sentence whose last token is ``last`` (None: it is empty); returns the separator.

        ``before``: the separator before the sentence, None if it is the first of its document.
        """
        kind = np.array([BEGINNING]) if last is None else self._classes.of([last])
        previous = np.array([self._number(before)])
        symbol = yield self._model.distribution([int(keys[0]) for keys in self._contexts(kind, previous)])
        if symbol < len(self.known):
            return self.known[symbol]
        closes = yield np.array([1 - self._closing, self._closing])
        spelled = yield from self._spelling.reader()
        return Separator(spelled.decode(), bool(closes))

    def _number(self, separator: Separator | None) -> int:
        escape = len(self.known)
        return escape + 1 if separator is None else self._index.get(separator, escape)

    def _events(self, text: Tokenised) -> tuple[IntArray, list[IntArray]]:
        """Return the symbols (S,) of a text's separators and their contexts (S,) of each level."""
        closing, first = text.closing, text.first_of_sentence()
        classes = np.append(BEGINNING, self._classes.of(text.types[1:]))[text.tokens]
        last = np.where(first, BEGINNING, np.roll(classes, 1))[closing]
        numbers = np.array([self._number(s) for s in text.separator_types], np.int64)
        symbols = numbers[text.separators[closing]]
        opens = np.zeros(len(text) + 1, bool)
        opens[text.starts] = True
        sentence_opens = opens[:-1][first]  # per sentence: whether it is the first of its document
        before = np.where(sentence_opens, self._number(None), np.roll(symbols, 1))
        return symbols, self._contexts(last, before)

    def _contexts(self, last: IntArray, before: IntArray) -> list[IntArray]:
        return [last, last * (len(self.known) + 2) + before]

    def to_json(self) -> dict[str, Any]:
        """Return the model, without the classes, as a JSON-able table."""
        return {
            "known": [list(separator) for separator in self.known],
            "model": self._model.to_json(),
            "spelling": self._spelling.to_json(),
            "closing": self._closing,
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any], classes: TokenClasses) -> SeparatorModel:
        """Return the model that ``to_json`` stored."""
        return cls(
            [Separator(text, bool(closes)) for text, closes in table["known"]],
            classes,
            WittenBell.from_json(table["model"]),
            Spelling.from_json(table["spelling"]),
            float(table["closing"]),
        )
