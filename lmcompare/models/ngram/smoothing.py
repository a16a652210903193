"""What a smoothing method provides: a back-off table, its equation, and the equation worked for one prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from lmcompare.counts.ngrams import IN_MEMORY, Counts, Room
from lmcompare.counts.table import BackoffTable, Level, compact
from lmcompare.model import Idea
from lmcompare.tokens import IntArray

Lines = list[tuple[str, float]]  # the lines of a worked equation: (the name of a quantity, its value)
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Case:
    """One prediction of a trained model, for which its equation is worked.

    Parameters
    ----------
    order : int
        k, the number of words in the n-gram.
    highest : bool
        Whether the n-gram's count is its frequency under every method: k is the model's order, or the n-gram begins
        with ``<s>``.
    word, context, shorter : str
        The word w, its context h, and h' (h without its first word); words are separated by spaces.
    size : int
        V, the number of types in the vocabulary.
    count : int
        The count of the n-gram; 0 if it is unseen.
    counts : IntArray
        The counts of all words seen after h.
    lower : float
        The probability of the word after h'; 1 / V for a unigram.
    probability : float
        The probability of the word after h.
    weight : float or None
        The back-off weight of h in the table; None for the empty context.
    """

    order: int
    highest: bool
    word: str
    context: str
    shorter: str
    size: int
    count: int
    counts: IntArray
    lower: float
    probability: float
    weight: float | None

    @property
    def total(self) -> float:
        """The sum of the counts of all words after h."""
        return float(self.counts.sum())

    @property
    def types(self) -> int:
        """The number of different words seen after h."""
        return int((self.counts > 0).sum())

    @property
    def after(self) -> str:
        """`` after 'h'``, or nothing if h is empty."""
        return f" after '{self.context}'" if self.context else ""

    def of_word(self, name: str = "P") -> str:
        """Return P(w | h) with its words."""
        return f"{name}({self.word}{f' | {self.context}' if self.context else ''})"

    def of_shorter(self, name: str = "P") -> str:
        """Return P(w | h') with its words; 1 / V for a unigram."""
        if self.order == 1:
            return "1 / V"
        return f"{name}({self.word}{f' | {self.shorter}' if self.shorter else ''})"

    def count_line(self, what: str = "its count in the training text") -> tuple[str, float]:
        """Return the line with the count of the n-gram."""
        gram = f"{self.context} {self.word}".strip()
        return f"c({gram}): {what}", float(self.count)

    def total_line(self) -> tuple[str, float]:
        """Return the line with the sum of the counts after h."""
        return f"Σ c: the sum of the counts of all words{self.after}", self.total

    def types_line(self) -> tuple[str, float]:
        """Return the line with the number of different words after h."""
        return f"T: the number of different words{self.after or ' in the training text'}", float(self.types)

    def lower_line(self, name: str = "P") -> tuple[str, float]:
        """Return the line with the probability after h'."""
        tail = f": the same for each of the {self.size:,} types" if self.order == 1 else ""
        return self.of_shorter(name) + tail, self.lower


class Explanation(ABC):
    """How the exhibits of a back-off table explain the method that estimated it.

    Attributes
    ----------
    equation : str
        The equation of the method in LaTeX.
    saying : str
        What the equation means, in one to three sentences.
    whole_context : bool
        Whether the equation uses the whole context and never a shorter one.
    unseen : float
        The weight for backing off from a context that does not occur in the training text.
    counted : str
        A sentence on the counts, if they are not frequencies in the training text.
    caution : str
        A sentence on what the reader has to know about the numbers; "" for none.
    """

    equation: str
    saying: str
    whole_context: bool = False
    unseen: float = 1.0
    counted: str = ""
    caution: str = ""

    @abstractmethod
    def lines(self, case: Case) -> Lines:
        """Return the equation worked for one prediction, line by line; the last line is its probability."""


class Smoothing(Explanation):
    """A smoothing method with its hyper-parameters and the constants that it estimated.

    Attributes
    ----------
    name : str
        The value of the hyper-parameter ``smoothing`` that selects the method.
    title : str
        The name of the method in the title of a model.
    idea : Idea
        The publication of the method.
    uses : frozenset of str
        The hyper-parameters of the n-gram model that the method uses, besides ``order``.
    unknown_note : str
        The note for a training text without ``<unk>``.
    constants : sequence of JSON values
        The constants of the last estimate, or of a stored model.
    notes : tuple of str
        The notes of the last estimate, such as which orders took fixed discounts because their counts give none.
    threads : int
        How many threads may share the work of the estimate.
    room : Room
        Where arrays are made by a method that can keep to a limit of memory.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    idea: ClassVar[Idea]
    uses: ClassVar[frozenset[str]] = frozenset()
    unknown_note: ClassVar[str] = (
        "<unk> does not occur in the training text: the probability that the unigrams leave is shared evenly by all"
        " types, and <unk> has one share."
    )
    constants: Sequence[Any] = ()
    notes: tuple[str, ...] = ()
    threads: int = 1
    room: Room = IN_MEMORY

    @abstractmethod
    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Estimate the constants, the table and the notes.

        Parameters
        ----------
        counts : iterable of Counts
            The counts of the orders 1 … n.
        size : int
            V, the number of types, which is also the id of ``<s>``.
        valid : IntArray of shape (N + S,)
            The ids of the validation text, with ``<s>`` before each of its S sentences.
        """


@dataclass(frozen=True, eq=False)
class Order:
    """The n_k k-grams of the training text with their n_{k-1} contexts.

    Parameters
    ----------
    contexts : IntArray of shape (n_k,)
        The node of the context of each k-gram.
    shorter : IntArray of shape (n_k,)
        The node of each k-gram without its first word.
    counts : Array of shape (n_k,)
        The frequency of each k-gram.
    totals : Array of shape (n_{k-1},)
        The sum of the counts after each context.
    types : IntArray of shape (n_{k-1},)
        The number of different words seen after each context.
    """

    contexts: IntArray
    shorter: IntArray
    counts: Array
    totals: Array
    types: IntArray


def orders(levels: Sequence[Counts]) -> list[Order]:
    """Return all orders; the unigrams have one context, the empty one."""
    return [_order(level.contexts, level.shorter, level.raw, len(level.offsets) - 1) for level in levels]


def one_context(counts: IntArray) -> Order:
    """Return an order with a single context and the words that were seen after it this often."""
    return _order(np.zeros(len(counts), np.int64), np.zeros(0, np.int64), counts, 1)


def _order(contexts: IntArray, shorter: IntArray, counts: IntArray, size: int) -> Order:
    totals = np.bincount(contexts, weights=counts, minlength=size).astype(np.float64)
    types = np.bincount(contexts[counts > 0], minlength=size)
    return Order(contexts, shorter, counts.astype(np.float64), totals, types)


def relative(order: Order) -> Array:
    """(n_k,) the relative frequencies c(h w) / c(h); 0 if nothing was counted after h."""
    return divided(order.counts, order.totals[order.contexts], 0.0)


def divided(over: Array, under: Array, otherwise: float) -> Array:
    """Return the quotients; ``otherwise`` where the denominator is 0."""
    found: Array = np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)
    return found


def interpolated(levels: Sequence[Counts], size: int, parts: Sequence[tuple[Array, Array]]) -> BackoffTable:
    """Return the table of ``p(w | h) = own(h w) + γ(h) p(w | h')``, worked from the unigrams up.

    The unigrams are interpolated with the uniform distribution over the V types.

    Parameters
    ----------
    levels, size
        The counts and the size of ``Smoothing.estimate``.
    parts : sequence of (Array of shape (n_k,), Array of shape (n_{k-1},))
        own and γ of each order; γ is 1 for a context after which nothing was seen.
    """
    below = np.full(size + 1, 1 / size)
    probabilities = []
    for order, (own, gamma) in zip(orders(levels), parts, strict=True):
        below = own + gamma[order.contexts] * below[order.shorter]
        probabilities.append(below)
    return table(levels, size, probabilities, [gamma for _, gamma in parts[1:]])


def table(
    levels: Sequence[Counts], size: int, probabilities: Sequence[Array], backoffs: Sequence[Array]
) -> BackoffTable:
    """Return the table of these probabilities, and of these back-off weights of all orders but the highest."""
    made: list[Level] = []
    for level, values, weights in zip(levels, probabilities, [*backoffs, np.ones(0)], strict=True):
        if len(made) == 0:
            values = np.append(values[:size], 1.0)  # <s> is never predicted; the ARPA format writes 0
        log10 = np.minimum(np.log10(values), 0).astype(np.float32)
        log10_weights = np.log10(weights).astype(np.float32)
        made.append(Level(level.width, level.words, compact(level.offsets), compact(level.raw), log10, log10_weights))
    return BackoffTable(tuple(made))


def counts_of_counts(level: Counts, most: int) -> IntArray:
    """(most + 1,) how many k-grams occur 0, 1, 2 … ``most`` times; the first number is always 0."""
    found = np.bincount(level.raw[level.raw > 0].clip(max=most + 1), minlength=most + 2)[: most + 1]
    return found.astype(np.int64)
