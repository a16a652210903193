"""What a smoothing method provides: a back-off table, its equation, and the equation worked for one prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from lmcompare.counts.ngrams import Counts
from lmcompare.counts.room import IN_MEMORY, Room
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.model import Idea
from lmcompare.tokens import IntArray

Lines = list[tuple[str, float]]  # the lines of a worked equation: (the name of a quantity, its value)


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
        The notes of the last estimate, such as which orders took fixed discounts.
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

        Raises
        ------
        LmcompareError
            If the text gives an order no constants and ``fallback`` is false.
        """


def no_constants(k: int, what: str, reason: str) -> LmcompareError:
    """Return the error for an order whose counts give no constants, if ``fallback`` is false."""
    lower = "lower the order" if k > 1 else "lower min_count (--min-count)"  # above 1 no word occurs once
    return LmcompareError(
        f"the training text gives the {k}-grams no {what} ({reason}): set fallback = true, {lower} or train on more"
        " text"
    )
