"""Classes of tokens, by which the code predicts the white space beside a token."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from lmcompare.tokens.tokenised import Tokenised
from lmcompare.tokens.vocabulary import IntArray
from lmcompare.tokens.word import is_unspaced

BEGINNING, CLOSING = 0, 1  # the classes of the beginning of a sentence and of its ``</s>``
STRAIGHT_QUOTES = ('"', "'")
_LEAST = 4  # a mark with a lower count shares the class of its Unicode category
_MOST = 1000  # marks that are classes of their own


def shape(token: str) -> str:
    """Return the class of a word by its letters, and of any other token by the Unicode category it begins with."""
    first = token[0]
    if not token.isascii() and is_unspaced(token):
        return "unspaced" if first.isalnum() else "wide"
    if first.isnumeric():
        return "number"
    if not first.isalpha():
        return unicodedata.category(first)
    if len(token) == 1:
        return "capital" if first.isupper() else "letter"
    if token.islower():
        return "lower"
    if token.isupper():
        return "upper"
    return "title" if token.istitle() else "mixed"


class TokenClasses:
    """Gives each token string the number of its class.

    A mark is a token that begins with neither a letter nor a digit. Marks that are frequent in the training text are
    classes of their own. A straight quotation mark has two classes, since it opens and closes in turn; ``closing``
    finds the marks that close.

    Parameters
    ----------
    names : sequence of str
        The names of the classes, in the order of their numbers.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names: tuple[str, ...] = tuple(names)
        self._index = {name: i for i, name in enumerate(self.names)}
        pairs = [(self._index[_own(q)], self._index[_closing(q)]) for q in STRAIGHT_QUOTES if _own(q) in self._index]
        self._quotes = tuple(pairs)

    @classmethod
    def fit(cls, train: Tokenised) -> TokenClasses:
        """Find the classes of the training text's tokens."""
        counts = train.counts()
        marks = [i for i, t in enumerate(train.types) if i and counts[i] >= _LEAST and _is_mark(t)]
        marks.sort(key=lambda i: (-counts[i], train.types[i]))
        own = [train.types[i] for i in marks[:_MOST]]
        shapes = sorted({shape(t) for t in train.types[1:]})
        return cls(
            ["beginning", "closing", *shapes, *map(_own, own), *(_closing(q) for q in STRAIGHT_QUOTES if q in own)]
        )

    def __len__(self) -> int:
        """C, the number of classes; the last one is for tokens that fit in no other class."""
        return len(self.names) + 1

    def of(self, tokens: Sequence[str]) -> IntArray:
        """(n,) the class of each token; len(self) - 1 for a token of a shape that the training text lacks."""
        index, other = self._index, len(self.names)
        return np.array([index.get(_own(t), index.get(shape(t), other)) for t in tokens], np.int64)

    def closing(self, text: Tokenised, class_of: IntArray) -> tuple[IntArray, IntArray]:
        """Find every second straight quotation mark of a sentence.

        Parameters
        ----------
        text : Tokenised
        class_of : (T,) int array
            The class of each type of the text.

        Returns
        -------
        at, classes : (M,) int arrays
            The positions of these marks in the text, in rising order, and their classes as closing marks.
        """
        none = np.zeros(0, np.int64)
        found, classes = [none], [none]
        for opening, closing in self._quotes:
            at = np.flatnonzero(np.isin(text.tokens, np.flatnonzero(class_of == opening)))
            sentence = np.searchsorted(text.sentence_starts, at, side="right")
            within = np.arange(len(at)) - np.searchsorted(sentence, sentence)  # earlier ones in its sentence
            found.append(at[within % 2 == 1])
            classes.append(np.full(len(found[-1]), closing))
        order = np.argsort(np.concatenate(found))
        return np.concatenate(found)[order], np.concatenate(classes)[order]


def _is_mark(token: str) -> bool:
    return not (token[0].isalpha() or token[0].isnumeric())


def _own(token: str) -> str:
    return "=" + token


def _closing(token: str) -> str:
    return "/" + token
