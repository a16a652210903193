"""The bits of the white space between the tokens of a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.tokens.codelength.interpolation import SymbolWittenBell
from lmcompare.tokens.codelength.spelling import SpellingModel
from lmcompare.tokens.codelength.token_classes import BEGINNING, CLOSING, TokenClasses
from lmcompare.tokens.tokenised import Tokenised
from lmcompare.tokens.vocabulary import FloatArray, IntArray, Vocabulary

_LEAST_BITS = 2.0  # a pair of tokens is a context of its own if that saves this much on the training text
_ORDER = 3  # of the spelling of white space that the training text lacks


class WhiteSpaceModel:
    """P(white space | the token after it, the token before it, the white space before that one).

    Interpolated Witten-Bell estimates over the strings of white space of the training text, the empty one included,
    and an escape symbol, after which the white space is spelled byte by byte. Contexts, from the shortest: the class
    of the token after the white space; the classes of both tokens; both classes and the white space before; both
    tokens and the white space before.

    Parameters
    ----------
    known : sequence of str
        The strings of white space that have a symbol, in the order of their symbols.
    classes : TokenClasses
        The classes of tokens.
    model : SymbolWittenBell
        The estimates.
    spelling : SpellingModel
        Spells other white space.
    n_ids : int
        The size of the vocabulary.
    """

    def __init__(
        self,
        known: Sequence[str],
        classes: TokenClasses,
        model: SymbolWittenBell,
        spelling: SpellingModel,
        n_ids: int,
    ) -> None:
        self.known: tuple[str, ...] = tuple(known)
        self._index = {space: i for i, space in enumerate(self.known)}
        self.classes, self.model, self.spelling, self.n_ids = classes, model, spelling, n_ids

    @classmethod
    def fit(cls, train: Tokenised, classes: TokenClasses, vocabulary: Vocabulary) -> WhiteSpaceModel:
        """Count the white space between the tokens of the training text."""
        counts = np.bincount(train.spaces, minlength=len(train.space_types))
        known = [space for space, n in zip(train.space_types, counts, strict=True) if n]
        escape = 1 + np.count_nonzero(counts == 1)
        base = np.append(counts[counts > 0], escape) / (len(train) + escape)
        spelling = SpellingModel([space.encode() for space in known], _ORDER)
        self = cls(known, classes, SymbolWittenBell(base, ()), spelling, len(vocabulary))
        symbols, contexts = self._events(train, vocabulary)
        self.model = SymbolWittenBell.fit(contexts, symbols, base).pruned(contexts, symbols, _LEAST_BITS)
        return self

    def bits(self, text: Tokenised, vocabulary: Vocabulary) -> FloatArray:
        """(N,) the bits of the white space before each token."""
        symbols, contexts = self._events(text, vocabulary)
        bits = -np.log2(self.model.probability(contexts, symbols))
        escaped = np.flatnonzero(symbols == len(self.known))
        bits[escaped] += self.spelling.bits([text.space_types[g].encode() for g in text.spaces[escaped]])
        return bits

    def symbol(self, space: str) -> int:
        """Return the symbol of a string of white space; the escape symbol, len(known), if it has none."""
        return self._index.get(space, len(self.known))

    def _events(self, text: Tokenised, vocabulary: Vocabulary) -> tuple[IntArray, list[IntArray]]:
        """Return the symbols (N,) of a text's white space and their contexts (N,) of each level."""
        symbols = np.array([self.symbol(space) for space in text.space_types], np.int64)[text.spaces]
        classes = np.append(CLOSING, self.classes.of(text.types[1:]))[text.tokens]
        ids = np.append(vocabulary.end, vocabulary.ids(text.types[1:])).astype(np.int64)[text.tokens]
        return symbols, self.contexts(ids, classes, symbols, text.first_of_sentence())

    def contexts(
        self, ids: IntArray, classes: IntArray, symbols: IntArray, first: npt.NDArray[np.bool_]
    ) -> list[IntArray]:
        """Return the keys (N,) of each level's contexts; a token's keys do not depend on the white space before it.

        Parameters
        ----------
        ids, classes : (N,) int arrays
            The id and the class of each token.
        symbols : (N,) int array
            The symbol of the white space before each token.
        first : (N,) bool array
            True where a sentence begins.
        """
        classes = self.classes.refine(classes, first)
        n_spaces, n_ids = len(self.known) + 2, self.n_ids + 1  # the escape; and the beginning of a sentence
        space_before = np.where(first, n_spaces - 1, np.roll(symbols, 1))
        id_before = np.where(first, n_ids - 1, np.roll(ids, 1))
        both = classes * len(self.classes) + np.where(first, BEGINNING, np.roll(classes, 1))
        pair = (ids * n_ids + id_before) * n_spaces + space_before
        known = (ids != Vocabulary.unknown) & (id_before != Vocabulary.unknown)
        return [classes, both, both * n_spaces + space_before, np.where(known, pair, -1)]

    def to_json(self) -> dict[str, Any]:
        """Return the model, without the classes, as a JSON-able table."""
        return {
            "known": list(self.known),
            "model": self.model.to_json(),
            "spelling": self.spelling.to_json(),
            "n_ids": self.n_ids,
        }

    @classmethod
    def from_json(cls, table: Mapping[str, Any], classes: TokenClasses) -> WhiteSpaceModel:
        """Return the model that ``to_json`` stored."""
        return cls(
            table["known"],
            classes,
            SymbolWittenBell.from_json(table["model"]),
            SpellingModel.from_json(table["spelling"]),
            int(table["n_ids"]),
        )
