"""Classes of tokens, by which the code predicts the white space beside a token."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from lmcompare.tokens.codelength.interpolation import SymbolKneserNey, SymbolWittenBell
from lmcompare.tokens.cutting import Separator, Tokenised
from lmcompare.tokens.vocabulary import UNKNOWN_ID, FloatArray, IntArray, Vocabulary
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


END = 256  # the symbol after the last byte of a word
ALPHABET = 257
_BEGIN = 257  # before the first byte of a word, in contexts only


class SpellingModel:
    """P(bytes), byte by byte with an end symbol: every byte string has a probability, and they all sum to one.

    An interpolated Kneser-Ney model over the last ``order`` - 1 bytes, above a uniform floor of 1/257. Only its
    examples are stored; it is fitted to them again when it is read back.

    Parameters
    ----------
    examples : iterable of bytes
        The words to learn from; repeated words count once.
    order : int
        One more than the number of bytes in the longest context.
    """

    def __init__(self, examples: Iterable[bytes], order: int = 6) -> None:
        self.order = order
        self.examples: tuple[bytes, ...] = tuple(sorted(set(examples)))
        symbols, contexts = self.events(self.examples)
        self.model = SymbolKneserNey.fit(contexts, symbols, np.full(ALPHABET, 1 / ALPHABET))

    def bits(self, words: Sequence[bytes]) -> FloatArray:
        """(n,) -log2 of the probability of each word, its end symbol included."""
        symbols, contexts = self.events(words)
        bits = -np.log2(self.model.probability(contexts, symbols))
        word = np.repeat(np.arange(len(words)), [len(w) + 1 for w in words])
        return np.bincount(word, bits, minlength=len(words)).astype(np.float64)

    def events(self, words: Sequence[bytes]) -> tuple[IntArray, list[IntArray]]:
        """Return the n symbols of all words, and their contexts (n,) of 0, 1, … order - 1 bytes."""
        width = self.order - 1
        lengths = np.array([len(w) + width + 1 for w in words], np.int64)
        padded = np.full(int(lengths.sum()), _BEGIN, np.int64)  # per word: width × BEGIN, the bytes, END
        last = np.cumsum(lengths) - 1
        padded[last] = END
        offset = np.arange(len(padded)) - np.repeat(last + 1 - lengths, lengths)
        inside = (offset >= width) & (padded != END)
        padded[inside] = np.frombuffer(b"".join(words), np.uint8)
        at = np.flatnonzero(offset >= width)
        keys: list[IntArray] = [np.zeros(len(at), np.int64)]
        for back in range(1, self.order):
            keys.append(keys[-1] * (ALPHABET + 1) + padded[at - back])
        return padded[at], keys

    def to_json(self) -> dict[str, Any]:
        """Return the model as a JSON-able table; each byte of an example is the character of that number."""
        return {"order": self.order, "examples": [e.decode("latin-1") for e in self.examples]}

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> SpellingModel:
        """Return the model that ``to_json`` stored."""
        return cls([e.encode("latin-1") for e in table["examples"]], table["order"])


T = TypeVar("T", str, Separator)

_LEAST_BITS = 2.0  # a pair of tokens is a context of its own if it saves at least this many bits on the training text
_ORDER = 3  # the order of the model that spells white space and separators that the training text lacks


@dataclass(eq=False)
class _BetweenModel(Generic[T]):
    """P(what is between two tokens | contexts).

    Interpolated Witten-Bell estimates over what is between the tokens of the training text, and an escape symbol,
    after which anything else is spelled byte by byte.

    Parameters
    ----------
    known : tuple of str or Separator
        The values that have a symbol, in the order of the symbols.
    classes : TokenClasses
        The classes of tokens.
    model : SymbolWittenBell
        The estimates.
    spelling : SpellingModel
        Spells values that have no symbol.
    """

    known: tuple[T, ...]
    classes: TokenClasses
    model: SymbolWittenBell
    spelling: SpellingModel

    @cached_property
    def _index(self) -> dict[T, int]:
        return {value: symbol for symbol, value in enumerate(self.known)}

    def symbol(self, value: T) -> int:
        """Return the symbol of a value; the escape symbol, len(known), if it has none."""
        return self._index.get(value, len(self.known))

    def _symbol_bits(
        self, symbols: IntArray, contexts: Sequence[IntArray], values: IntArray, texts: Sequence[str]
    ) -> FloatArray:
        """(n,) the bits of each symbol (n,) and, after an escape, of the spelling of ``texts[value]``."""
        bits = -np.log2(self.model.probability(contexts, symbols))
        escaped = np.flatnonzero(symbols == len(self.known))
        bits[escaped] += self.spelling.bits([texts[value].encode() for value in values[escaped]])
        return bits

    def to_json(self) -> dict[str, Any]:
        """Return the model, without the classes, as a JSON-able table."""
        return {"known": list(self.known), "model": self.model.to_json(), "spelling": self.spelling.to_json()}


def _base(counts: IntArray) -> FloatArray:
    """(K + 1,) the shares of K symbols and of an escape, whose count is 1 + the number of symbols with count 1."""
    escape = 1 + np.count_nonzero(counts == 1)
    base: FloatArray = np.append(counts, escape) / (counts.sum() + escape)
    return base


@dataclass(eq=False)
class WhiteSpaceModel(_BetweenModel[str]):
    """P(white space | the token after it, the token before it, the white space before that one).

    The empty string is white space, too. Contexts, from the shortest: the class of the token after the white space;
    the classes of both tokens; both classes and the white space before; both tokens and the white space before.

    Parameters
    ----------
    n_ids : int
        The size of the vocabulary.
    """

    n_ids: int

    @classmethod
    def fit(cls, train: Tokenised, classes: TokenClasses, vocabulary: Vocabulary) -> WhiteSpaceModel:
        """Count the white space between the tokens of the training text."""
        counts = np.zeros(len(train.space_types), np.int64)
        for rows in train.blocks():  # all at once would take 8 bytes a token
            counts += np.bincount(train.spaces[rows], minlength=len(counts))
        known = tuple(space for space, n in zip(train.space_types, counts, strict=True) if n)
        base = _base(counts[counts > 0])
        spelling = SpellingModel([space.encode() for space in known], _ORDER)
        self = cls(known, classes, SymbolWittenBell(base, ()), spelling, len(vocabulary))
        events = _Events(self, train, vocabulary)
        self.model = SymbolWittenBell.fit_pruned(events, base, _LEAST_BITS)
        return self

    def bits(self, text: Tokenised, vocabulary: Vocabulary) -> FloatArray:
        """(N,) the bits of the white space before each token."""
        found = np.zeros(len(text))
        for rows, (contexts, symbols) in zip(text.blocks(), _Events(self, text, vocabulary), strict=True):
            found[rows] = self._symbol_bits(symbols, contexts, text.spaces[rows], text.space_types)
        return found

    def contexts(
        self, ids: IntArray, classes: IntArray, symbols: IntArray, first: npt.NDArray[np.bool_]
    ) -> list[IntArray]:
        """Return the keys (N,) of each level's contexts; a token's keys do not depend on the white space before it.

        Parameters
        ----------
        ids, classes : (N,) int arrays
            The id and the class of each token; a closing quotation mark has its class as a closing mark.
        symbols : (N,) int array
            The symbol of the white space before each token.
        first : (N,) bool array
            True where a sentence begins.
        """
        n_spaces, n_ids = len(self.known) + 2, self.n_ids + 1  # escape; beginning of a sentence
        space_before = np.where(first, n_spaces - 1, np.roll(symbols, 1))
        id_before = np.where(first, n_ids - 1, np.roll(ids, 1))
        both = classes * len(self.classes) + np.where(first, BEGINNING, np.roll(classes, 1))
        pair = (ids * n_ids + id_before) * n_spaces + space_before
        known = (ids != UNKNOWN_ID) & (id_before != UNKNOWN_ID)
        return [classes, both, both * n_spaces + space_before, np.where(known, pair, -1)]

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "n_ids": self.n_ids}

    @classmethod
    def from_json(cls, table: Mapping[str, Any], classes: TokenClasses) -> WhiteSpaceModel:
        """Return the model that ``to_json`` stored."""
        model, spelling = SymbolWittenBell.from_json(table["model"]), SpellingModel.from_json(table["spelling"])
        return cls(tuple(table["known"]), classes, model, spelling, int(table["n_ids"]))


@dataclass(frozen=True, eq=False)
class _Events:
    """The white space of a text, block by block: the contexts (n,) of each level, and the symbols (n,)."""

    model: WhiteSpaceModel
    text: Tokenised
    vocabulary: Vocabulary

    @cached_property
    def _of_types(self) -> tuple[IntArray, IntArray]:
        """(T,) the class and the id of each type."""
        text, vocabulary = self.text, self.vocabulary
        class_of = np.append(CLOSING, self.model.classes.of(text.types[1:]))
        return class_of, np.append(vocabulary.end, vocabulary.ids(text.types[1:])).astype(np.int64)

    def __iter__(self) -> Iterator[tuple[list[IntArray], IntArray]]:
        model, text = self.model, self.text
        symbol_of = np.array([model.symbol(space) for space in text.space_types], np.int64)
        class_of, id_of = self._of_types
        closing, closing_classes = model.classes.closing(text, class_of)
        for rows in text.blocks():
            start = max(rows.start - 1, 0)  # the token before is context, too
            tokens, symbols = text.tokens[start : rows.stop], symbol_of[text.spaces[start : rows.stop]]
            first = np.append(start == rows.start, tokens[:-1] == 0)[: len(tokens)]
            classes, here = class_of[tokens], slice(*np.searchsorted(closing, [start, rows.stop]))
            classes[closing[here] - start] = closing_classes[here]
            new = slice(rows.start - start, None)
            contexts = model.contexts(id_of[tokens], classes, symbols, first)
            yield [keys[new] for keys in contexts], symbols[new]


@dataclass(eq=False)
class SeparatorModel(_BetweenModel[Separator]):
    """P(separator | the last token of the sentence, the separator before the sentence).

    A separator is a text, and whether it ends the document. After an escape, whether it does is charged, too.
    Contexts, from the shortest: the class of the sentence's last token; the class and the separator before.

    Parameters
    ----------
    closing : float
        The probability that a separator without a symbol ends its document.
    """

    closing: float

    @classmethod
    def fit(cls, train: Tokenised, classes: TokenClasses) -> SeparatorModel:
        """Count the separators of the training text."""
        known, seen = train.separator_types, train.separators[train.closing_at()]
        counts = np.bincount(seen, minlength=len(known))
        closed = sum(n for separator, n in zip(known, counts, strict=True) if separator.closes)
        base = _base(counts)
        spelling = SpellingModel([separator.text.encode() for separator in known], _ORDER)
        self = cls(known, classes, SymbolWittenBell(base, ()), spelling, float((closed + 1) / (len(seen) + 2)))
        symbols, contexts = self._events(train)
        self.model = SymbolWittenBell.fit([(contexts, symbols)], base)
        return self

    def bits(self, text: Tokenised) -> FloatArray:
        """(N,) the bits of the separator after each ``</s>``; 0 at other tokens."""
        symbols, contexts = self._events(text)
        closing = text.closing_at()
        seen = text.separators[closing]
        bits = self._symbol_bits(symbols, contexts, seen, [separator.text for separator in text.separator_types])
        escaped = np.flatnonzero(symbols == len(self.known))
        closes = [text.separator_types[i].closes for i in seen[escaped]]
        bits[escaped] -= np.log2(np.where(closes, self.closing, 1 - self.closing))
        all_bits = np.zeros(len(text))
        all_bits[closing] = bits
        return all_bits

    def _events(self, text: Tokenised) -> tuple[IntArray, list[IntArray]]:
        """Return the symbols (S,) of a text's separators and their contexts (S,) of each level."""
        closing = text.closing_at()
        before = np.where(closing > 0, text.tokens[closing - 1], 0)  # the last token, or the </s> of another sentence
        types, index = np.unique(before, return_inverse=True)  # few types, as most are marks
        classes = np.append(BEGINNING, self.classes.of([text.types[i] for i in types.tolist() if i]))
        last = classes[index + (0 not in types)]
        numbers = np.array([self.symbol(s) for s in text.separator_types], np.int64)
        symbols = numbers[text.separators[closing]]
        first = np.append(0, closing[:-1] + 1)[: len(closing)]
        place = np.searchsorted(text.starts, first, side="right") - 1
        sentence_opens = text.starts[place] == first  # per sentence: whether it is the first of its document
        return symbols, self.contexts(last, np.where(sentence_opens, self.opening, np.roll(symbols, 1)))

    @property
    def opening(self) -> int:
        """The symbol for the missing separator before the first sentence of a document, in contexts only."""
        return len(self.known) + 1

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
        return {**super().to_json(), "closing": self.closing}

    @classmethod
    def from_json(cls, table: Mapping[str, Any], classes: TokenClasses) -> SeparatorModel:
        """Return the model that ``to_json`` stored."""
        known = tuple(Separator(text, bool(closes)) for text, closes in table["known"])
        model, spelling = SymbolWittenBell.from_json(table["model"]), SpellingModel.from_json(table["spelling"])
        return cls(known, classes, model, spelling, float(table["closing"]))
