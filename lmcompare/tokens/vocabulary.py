"""Token strings and their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]

UNKNOWN_TOKEN = "<unk>"
END_TOKEN = "</s>"
UNKNOWN_ID = 0  # in every vocabulary that has ``<unk>``


class Vocabulary:
    """The V tokens that a model predicts, among them ``</s>``, which closes a sentence or document.

    The vocabulary that is counted in a training text has ``<unk>`` as id 0 and ``</s>`` as id 1. The vocabulary of a
    tokenizer with ``types`` has their order, and no ``<unk>`` if every text can be cut into its tokens. The beginning
    of a sentence or document has no token, since it is never predicted. A literal ``<unk>`` in the text is an unknown
    word, and so is a literal ``</s>``: only ``tokenise`` closes sentences.

    Parameters
    ----------
    tokens : sequence of str
        The V strings in the order of their ids.
    counts : (V,) int array, optional
        The count of each token in the training text; zeros by default.

    Attributes
    ----------
    unknown : int or None
        The id of ``<unk>``, which is 0; None if the vocabulary has no unknown token.
    end : int
        The id of ``</s>``.

    Raises
    ------
    LmcompareError
        If there is no ``</s>``, if ``<unk>`` is not the first token, or if a token occurs twice.
    """

    def __init__(self, tokens: Sequence[str], counts: IntArray | None = None) -> None:
        self.tokens: tuple[str, ...] = tuple(tokens)
        self.counts: IntArray = np.zeros(len(tokens), np.int64) if counts is None else np.array(counts, np.int64)
        self.counts.flags.writeable = False
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            raise LmcompareError("a vocabulary must contain each token once, but some of these tokens occur twice")
        if END_TOKEN not in self._ids:
            raise LmcompareError(f"a vocabulary must contain {END_TOKEN}, which closes a document: add it")
        self.end: int = self._ids[END_TOKEN]
        self.unknown: int | None = self._ids.get(UNKNOWN_TOKEN)
        if self.unknown not in (None, UNKNOWN_ID):
            raise LmcompareError(
                f"{UNKNOWN_TOKEN} must be the first token of a vocabulary, but it is number {self.unknown + 1}"
            )
        self._lookup = {token: index for token, index in self._ids.items() if token != END_TOKEN}
        if self.unknown is not None:
            self._lookup[END_TOKEN] = self.unknown

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        min_count: int = 1,
        size: int | None = None,
        always: Sequence[str] = (),
    ) -> Vocabulary:
        """Count the tokens of the training sentences and keep the frequent ones.

        Parameters
        ----------
        sentences : iterable of sequences of str
            The tokens of each training sentence, without ``</s>``.
        min_count : int
            The least count of a token that is kept.
        size : int, optional
            The largest V, ``<unk>`` and ``</s>`` included. The most frequent tokens are kept; among equally frequent
            tokens, those that appear first.
        always : sequence of str
            Tokens that are kept whatever their count, such as the 256 bytes.

        Raises
        ------
        LmcompareError
            If ``size`` is larger than the number of types in the training text, or too small, or if no token is left.
        """
        counted: Counter[str] = Counter()
        closed = 0
        for sentence in sentences:
            counted.update(sentence)
            closed += 1
        return cls.of_counts(counted, closed, min_count=min_count, size=size, always=always)

    @classmethod
    def of_counts(
        cls,
        counted: Mapping[str, int],
        sentences: int,
        *,
        min_count: int = 1,
        size: int | None = None,
        always: Sequence[str] = (),
    ) -> Vocabulary:
        """Keep the frequent tokens, as ``build`` does, from the count of each token and the number of sentences."""
        counted = {**counted, **{token: counted.get(token, 0) for token in always}}
        literal = counted.pop(UNKNOWN_TOKEN, 0) + counted.pop(END_TOKEN, 0)
        kept = set(always)
        ranked = sorted(counted, key=lambda t: -counted[t])  # stable: ties stay in order of first appearance
        wanted = [t for t in ranked if t in kept or counted[t] >= min_count]
        if size is not None:
            if size - 2 > len(wanted):
                raise LmcompareError(
                    f"size is {size:,}, but the training text has only {len(wanted) + 2:,} types"
                    f"{f' that occur {min_count} times or more' if min_count > 1 else ''}: choose a smaller size"
                )
            least = max(len(kept), 1) + 2
            if size < least:
                raise LmcompareError(
                    f"a vocabulary of these tokens has at least {least} types, {UNKNOWN_TOKEN} and {END_TOKEN} "
                    f"included, but size is {size:,}: choose a larger size or leave size out"
                )
            others = [t for t in wanted if t not in kept]
            kept.update(others[: size - 2 - len(kept)])
            wanted = [t for t in wanted if t in kept]
        if not wanted:
            raise LmcompareError(
                f"no token of the training text occurs {min_count} times or more: lower min_count (--min-count), or"
                " give more text"
            )
        left = set(wanted)
        unknown = literal + sum(n for t, n in counted.items() if t not in left)
        counts = np.array([unknown, sentences, *(counted[t] for t in wanted)], np.int64)
        return cls([UNKNOWN_TOKEN, END_TOKEN, *wanted], counts)

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> str:
        return self.tokens[index]

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} types)"

    def id(self, token: str) -> int:
        """Return the id of a token of a text, or the id of ``<unk>`` if the token is not in the vocabulary.

        Raises ``LmcompareError`` for a token that is not in a vocabulary without ``<unk>``.
        """
        return int(self.ids([token])[0])

    def ids(self, tokens: Iterable[str]) -> IntArray:
        """Return the (n,) int32 ids of the tokens of a text. A ``</s>`` among them is literal and closes no sentence.

        Raises ``LmcompareError`` as ``id`` does.
        """
        if self.unknown is not None:
            return np.fromiter(map(self._lookup.get, tokens, repeat(self.unknown)), np.int32)
        try:
            return np.fromiter(map(self._lookup.__getitem__, tokens), np.int32)
        except KeyError as error:
            raise LmcompareError(
                f"the token {error.args[0]!r} is not in the vocabulary, which has no {UNKNOWN_TOKEN}: cut the text"
                " with the tokenizer of the vocabulary"
            ) from None

    def is_unknown(self, ids: IntArray) -> npt.NDArray[np.bool_]:
        """Return a mask of the ids that are ``<unk>``, of the same shape; all False in a vocabulary without it."""
        found: npt.NDArray[np.bool_] = np.equal(ids, -1 if self.unknown is None else self.unknown)
        return found

    @property
    def special(self) -> list[int]:
        """The ids of ``<unk>``, if there is one, and of ``</s>``: all other tokens are pieces of text."""
        return [self.end] if self.unknown is None else [self.unknown, self.end]

    def text_tokens(self) -> list[str]:
        """Return the tokens that are pieces of text, all but the ``special`` ones, in the order of their ids."""
        special = {self.tokens[index] for index in self.special}
        return [token for token in self.tokens if token not in special]

    def check_one(self, token: int) -> None:
        """Do the same as ``check`` for one id, but faster, since generation calls it at every step."""
        if type(token) is not int or not 0 <= token < len(self.tokens):
            self.check([token])

    def check(self, ids: IntArray | Sequence[int]) -> None:
        """Raise ``LmcompareError`` unless each of these is an id of a token of the vocabulary.

        Otherwise, an id that is negative, or too large by one, would get the figures of another token.
        """
        found = np.asarray(ids)
        if not found.size:
            return
        if found.dtype.kind not in "iu":  # numpy would cut the fractions off
            raise LmcompareError(f"token ids must be whole numbers, not {found.dtype}")
        if found.min() < 0 or found.max() >= len(self):
            raise LmcompareError(
                f"token ids must be between 0 and {len(self) - 1}, but {found.min()} … {found.max()} were given"
            )
