"""Token strings and their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError

if TYPE_CHECKING:
    from lmcompare.tokens.token_table import TokenTable

IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.floating[Any]]

UNKNOWN_TOKEN = "<unk>"
END_TOKEN = "</s>"


class Vocabulary:
    """The V token strings a model may predict; id 0 is ``<unk>``, id 1 is ``</s>``, which closes a sentence.

    Nothing stands for the beginning of a sentence or document: it is never predicted. A literal ``<unk>`` in the
    text is the unknown word; a literal ``</s>`` in the text is an unknown word too, since only the tokenizer
    closes sentences.

    Parameters: ``tokens``, the V strings in id order; ``counts``, (V,) how often each stands in train.
    """

    unknown: int = 0
    end: int = 1

    def __init__(self, tokens: Sequence[str], counts: IntArray | None = None) -> None:
        if list(tokens[:2]) != [UNKNOWN_TOKEN, END_TOKEN]:
            raise LmcompareError(f"a vocabulary begins with {UNKNOWN_TOKEN} and {END_TOKEN}, not {list(tokens[:2])}")
        self.tokens: tuple[str, ...] = tuple(tokens)
        self.counts: IntArray = np.zeros(len(tokens), np.int64) if counts is None else np.array(counts, np.int64)
        self.counts.flags.writeable = False
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            raise LmcompareError("a vocabulary holds each token once, but some stand in it twice")
        self._lookup = {**self._ids, END_TOKEN: self.unknown}

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        min_count: int = 1,
        size: int | None = None,
        always: Sequence[str] = (),
    ) -> Vocabulary:
        """Count the tokens of the training sentences and keep those seen often enough.

        Parameters: ``sentences``, the tokens of each training sentence, ``</s>`` left out; ``min_count``, the
        least count of a kept token; ``size``, the greatest V, ``<unk>`` and ``</s>`` included, by falling count
        and, among equals, by first appearance; ``always``, tokens kept whatever their count (the 256 bytes).
        Raises ``LmcompareError`` when ``size`` asks for more types than train holds, or for too few.
        """
        counted: Counter[str] = Counter()
        closed = 0
        for sentence in sentences:
            counted.update(sentence)
            closed += 1
        literal = counted.pop(UNKNOWN_TOKEN, 0) + counted.pop(END_TOKEN, 0)
        for token in always:
            counted.setdefault(token, 0)
        kept = set(always)
        ranked = sorted(counted, key=lambda t: -counted[t])  # stable: equals stay in order of first appearance
        wanted = [t for t in ranked if t in kept or counted[t] >= min_count]
        if size is not None:
            if size - 2 > len(wanted):
                raise LmcompareError(
                    f"a vocabulary of {size:,} was asked for, but train has only {len(wanted) + 2:,} types"
                    f"{f' seen {min_count} times or more' if min_count > 1 else ''}: ask for a smaller one"
                )
            least = max(len(kept), 1) + 2
            if size < least:
                raise LmcompareError(
                    f"a vocabulary of these tokens holds at least {least} types, {UNKNOWN_TOKEN} and {END_TOKEN} "
                    f"included, but {size:,} were asked for: ask for more or leave size out"
                )
            others = [t for t in wanted if t not in kept]
            kept.update(others[: size - 2 - len(kept)])
            wanted = [t for t in wanted if t in kept]
        if not wanted:
            raise LmcompareError(f"no token of train is seen {min_count} times or more: lower min_count")
        left = set(wanted)
        unknown = literal + sum(n for t, n in counted.items() if t not in left)
        counts = np.array([unknown, closed, *(counted[t] for t in wanted)], np.int64)
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
        """Return the id of a token that stands in the text; 0 (``<unk>``) if it is not in the vocabulary."""
        return self._lookup.get(token, self.unknown)

    def ids(self, tokens: Iterable[str]) -> IntArray:
        """Return the (n,) int32 ids of the tokens of a text, ``</s>`` never among them."""
        return np.fromiter(map(self._lookup.get, tokens, repeat(self.unknown)), np.int32)

    @cached_property
    def token_table(self) -> TokenTable:
        """The ids by the bytes of the tokens, for compiled loops."""
        from lmcompare.tokens.token_table import TokenTable  # numba takes half a second to load

        return TokenTable(self.tokens, self.end + 1, self.unknown, self.end)

    def check_one(self, token: int) -> None:
        """Do the same as ``check`` for one id, at the price of a comparison: generation asks at every step."""
        if type(token) is not int or not 0 <= token < len(self.tokens):
            self.check([token])

    def check(self, ids: IntArray | Sequence[int]) -> None:
        """Raise ``LmcompareError`` unless all of these are ids of its tokens: an index that is off by one, or below
        zero, would be answered with another token's figures.
        """
        found = np.asarray(ids)
        if not found.size:
            return
        if found.dtype.kind not in "iu":  # numpy would cut them off
            raise LmcompareError(f"token ids are whole numbers, not of {found.dtype}")
        if found.min() < 0 or found.max() >= len(self):
            raise LmcompareError(
                f"token ids lie in 0 … {len(self) - 1}, but {found.min()} … {found.max()} were given"
            )
