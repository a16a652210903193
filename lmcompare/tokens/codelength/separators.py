"""The bits of the text between sentences, and of where a document ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lmcompare.tokens.codelength.interpolation import SymbolWittenBell
from lmcompare.tokens.codelength.spelling import SpellingModel
from lmcompare.tokens.codelength.token_classes import BEGINNING, TokenClasses
from lmcompare.tokens.tokenised import Separator, Tokenised
from lmcompare.tokens.vocabulary import FloatArray, IntArray

_ORDER = 3  # of the spelling of separators that the training text lacks


class SeparatorModel:
    """P(separator | the last token of the sentence, the separator before the sentence).

    Interpolated Witten-Bell estimates over the separators of the training text (pairs of a text and whether it ends
    the document) and an escape symbol, after which follow whether the document ends and the spelling of the text.
    Contexts, from the shortest: the class of the sentence's last token; the class and the separator before.

    Parameters
    ----------
    known : sequence of Separator
        The separators that have a symbol, in the order of their symbols.
    classes : TokenClasses
        The classes of tokens.
    model : SymbolWittenBell
        The estimates.
    spelling : SpellingModel
        Spells other separators.
    closing : float
        The probability that a separator without a symbol ends its document.
    """

    def __init__(
        self,
        known: Sequence[Separator],
        classes: TokenClasses,
        model: SymbolWittenBell,
        spelling: SpellingModel,
        closing: float,
    ) -> None:
        self.known: tuple[Separator, ...] = tuple(known)
        self._index = {separator: i for i, separator in enumerate(self.known)}
        self.classes, self.model, self.spelling, self.closing = classes, model, spelling, closing

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
        spelling = SpellingModel([s.text.encode() for s in train.separator_types], _ORDER)
        self = cls(train.separator_types, classes, SymbolWittenBell(base, ()), spelling, float(closing))
        symbols, contexts = self._events(train)
        self.model = SymbolWittenBell.fit(contexts, symbols, base)
        return self

    def bits(self, text: Tokenised) -> FloatArray:
        """(N,) the bits of the separator after each ``</s>``; 0 at other tokens."""
        symbols, contexts = self._events(text)
        bits = -np.log2(self.model.probability(contexts, symbols))
        escaped = np.flatnonzero(symbols == len(self.known))
        if len(escaped):
            wanted = [text.separator_types[i] for i in text.separators[text.closing][escaped]]
            bits[escaped] += self.spelling.bits([s.text.encode() for s in wanted])
            bits[escaped] -= np.log2([self.closing if s.closes else 1 - self.closing for s in wanted])
        all_bits = np.zeros(len(text))
        all_bits[text.closing] = bits
        return all_bits

    def symbol(self, separator: Separator | None) -> int:
        """Return the symbol of a separator.

        It is the escape symbol, len(known), for a separator that has none, and len(known) + 1 for None, the beginning
        of a document, which occurs in contexts only.
        """
        escape = len(self.known)
        return escape + 1 if separator is None else self._index.get(separator, escape)

    def _events(self, text: Tokenised) -> tuple[IntArray, list[IntArray]]:
        """Return the symbols (S,) of a text's separators and their contexts (S,) of each level."""
        closing, first = text.closing, text.first_of_sentence()
        classes = np.append(BEGINNING, self.classes.of(text.types[1:]))[text.tokens]
        last = np.where(first, BEGINNING, np.roll(classes, 1))[closing]
        numbers = np.array([self.symbol(s) for s in text.separator_types], np.int64)
        symbols = numbers[text.separators[closing]]
        opens = np.zeros(len(text) + 1, bool)
        opens[text.starts] = True
        sentence_opens = opens[:-1][first]  # per sentence: whether it is the first of its document
        before = np.where(sentence_opens, self.symbol(None), np.roll(symbols, 1))
        return symbols, self.contexts(last, before)

    def contexts(self, last: IntArray, before: IntArray) -> list[IntArray]:
        """Return the keys (S,) of each level's contexts.

        Parameters
        ----------
        last : (S,) int array
            The class of each sentence's last token.
        before : (S,) int array
            The symbol of the separator before each sentence.
        """
        return [last, last * (len(self.known) + 2) + before]

    def to_json(self) -> dict[str, Any]:
        """Return the model, without the classes, as a JSON-able table."""
        return {
            "known": [list(separator) for separator in self.known],
            "model": self.model.to_json(),
            "spelling": self.spelling.to_json(),
            "closing": self.closing,
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any], classes: TokenClasses) -> SeparatorModel:
        """Return the model that ``to_json`` stored."""
        return cls(
            [Separator(text, bool(closes)) for text, closes in table["known"]],
            classes,
            SymbolWittenBell.from_json(table["model"]),
            SpellingModel.from_json(table["spelling"]),
            float(table["closing"]),
        )
