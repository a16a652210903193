"""Attention over a sentence: what each head computes, number by number."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from lmcompare.exhibits.exhibit import Exhibit

Rows = tuple[tuple[float, ...], ...]
GREATEST = 1e6  # of the numbers of a head, so that products of them can be added


@dataclass(frozen=True)
class AttentionHead:
    """The numbers of one head for the T words of a sentence.

    Parameters
    ----------
    name : str
        Such as "layer 1, head 2".
    queries, keys : tuple
        (T, d) the vectors that are compared, before the rotation, if there is one.
    values : tuple
        (T, e) the vectors of which the head returns a weighted mean.
    role : str, default=""
        What the head does, in a few words, measured on other text.
    bias : tuple of float, default=()
        What is added to a score for the distance i - j of a word i that reads and a word j that is read: 2T - 1
        numbers, for the distances 1 - T to T - 1.
    lengths : tuple, default=()
        (T, 2) the lengths of query and key before they were normalised, if they were.
    adds : tuple, default=()
        For each of the T words, some next words and what the output of the head adds to their logits.
    effect : str, default=""
        How ``adds`` was computed: one or two sentences.
    """

    name: str
    queries: Rows
    keys: Rows
    values: Rows
    role: str = ""
    bias: tuple[float, ...] = ()
    lengths: tuple[tuple[float, float], ...] = ()
    adds: tuple[tuple[tuple[str, float], ...], ...] = ()
    effect: str = ""

    def problem(self, words: int) -> str:
        """Return which part does not fit a sentence of that many words, and "" if all do."""
        for part in ("queries", "keys", "values"):
            rows: Rows = getattr(self, part)
            if len(rows) != words or len({len(row) for row in rows}) != 1 or not rows[0]:
                return f"{part} of '{self.name}' are not {words} vectors of one size"
        if len(self.queries[0]) != len(self.keys[0]):
            return f"queries of '{self.name}' have {len(self.queries[0])} numbers, but keys have {len(self.keys[0])}"
        for part, wanted in (("bias", 2 * words - 1), ("lengths", words), ("adds", words)):
            if len(getattr(self, part)) not in (0, wanted):
                return f"{part} of '{self.name}' has {len(getattr(self, part))} entries, not {wanted}"
        added = ((number for _, number in row) for row in self.adds)
        vectors = chain(self.queries, self.keys, self.values, [self.bias], self.lengths, added)
        if any(abs(number) > GREATEST for number in chain.from_iterable(vectors)):
            return f"'{self.name}' has a number beyond {GREATEST:,.0f}"
        return ""


@dataclass(frozen=True, kw_only=True)
class Attention(Exhibit):
    """What the heads of an attention compute for the T words of a sentence.

    The score of word j for word i is ``scale`` · (q_i · k_j) plus the bias, or with ``weigh`` u the additive
    ``scale`` · u · tanh(q_i + k_j). The weights are the softmax of the scores of the words that i sees, and the
    output of the head is the mean of the values with these weights.

    Parameters
    ----------
    words : tuple of str
        The T words.
    heads : tuple of AttentionHead
        The heads, the same for all words.
    seen : tuple of (int, int)
        For each word, the first of the words that it sees, and the one after the last. A word may see none.
    scale : float, default=1.0
        The factor of the products.
    weigh : tuple of float, default=()
        The d weights of an additive score; for a dot product none.
    turns : tuple of float, default=()
        The rotary angles: the pair (x_n, x_{n + d/2}) of the query or key of word j is turned by j · ``turns[n]``.
    opens : (int, int), default=(0, 0)
        The head and the word that are shown first.
    """

    kind: ClassVar[str] = "attention"
    most: ClassVar[int] = 500_000
    words: tuple[str, ...]
    heads: tuple[AttentionHead, ...]
    seen: tuple[tuple[int, int], ...]
    scale: float = 1.0
    weigh: tuple[float, ...] = ()
    turns: tuple[float, ...] = ()
    opens: tuple[int, int] = (0, 0)

    def problem(self) -> str:
        """Return the first part that does not fit the words and heads."""
        size = len(self.words)
        if not self.words or not self.heads:
            return "it has no words or no heads"
        if wrong := next(filter(None, (head.problem(size) for head in self.heads)), ""):
            return wrong
        if len({(bool(head.bias), bool(head.lengths), len(head.values[0])) for head in self.heads}) > 1:
            return "all heads must have values of one size, and all or none of them bias and lengths"
        width = {len(head.queries[0]) for head in self.heads}
        if len(self.seen) != size or any(not 0 <= first <= end <= size for first, end in self.seen):
            return f"seen must have a range of the {size} words for each of them"
        if self.weigh and width != {len(self.weigh)}:
            return f"weigh has {len(self.weigh)} numbers, but the queries have {sorted(width)}"
        if self.turns and (self.weigh or width != {2 * len(self.turns)}):
            return f"turns has {len(self.turns)} angles, but the queries have {sorted(width)} numbers"
        if any(abs(number) > GREATEST for number in (self.scale, *self.weigh, *self.turns)):
            return f"it has a number beyond {GREATEST:,.0f}"
        head, word = self.opens
        if not (0 <= head < len(self.heads) and 0 <= word < size):
            return f"opens is {self.opens}, but there are {len(self.heads)} heads and {size} words"
        return ""
