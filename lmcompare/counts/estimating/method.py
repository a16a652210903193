"""What a smoothing method is to the n-gram model: it makes a back-off table of counts, and says by which equation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.tokens import IntArray

Lines = list[tuple[str, float]]  # of a worked equation: what is computed, the number


@dataclass(frozen=True)
class Equation:
    """An equation as MathML (``<math>…</math>``), as one line of text, and what it says in words."""

    mathml: str
    plain: str
    saying: str


@dataclass(frozen=True, eq=False)
class Case:
    """One prediction of a trained model, for which its equation is worked out.

    ``order``: k, that of the n-gram; ``highest``: whether no longer one is counted in its stead: k is the model's
    order, or the n-gram begins with ``<s>``; ``word``, ``context``, ``shorter``: w, h and h', words parted by
    blanks; ``size``: V; ``count``: that of the n-gram, 0 if unseen; ``counts``: those of all words seen after h;
    ``lower``: the probability of the word after h', 1 / V for a unigram; ``probability``: that after h; ``weight``:
    that for backing off from h, as the table has it, None for the empty context.
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
        """The counts of all words after h."""
        return float(self.counts.sum())

    @property
    def gram(self) -> str:
        """The words of the n-gram."""
        return f"{self.context} {self.word}".strip()

    @property
    def after(self) -> str:
        """`` after 'h'``, or nothing if h is empty."""
        return f" after '{self.context}'" if self.context else ""

    def of_word(self, name: str = "P") -> str:
        """Return P(w | h) with the words."""
        return f"{name}({self.word}{f' | {self.context}' if self.context else ''})"

    def of_shorter(self, name: str = "P") -> str:
        """Return P(w | h') with the words; 1 / V below the unigrams."""
        if self.order == 1:
            return "1 / V"
        return f"{name}({self.word}{f' | {self.shorter}' if self.shorter else ''})"

    def counted(self, how: str = "how often") -> tuple[str, float]:
        """The line of the n-gram's count."""
        return f"c({self.gram}): {how} this stands in training", float(self.count)

    def summed(self) -> tuple[str, float]:
        """The line of the context's count."""
        return f"Σ c: the counts of all words{self.after}", self.total

    def kinds(self) -> tuple[str, float]:
        """The line of the number of types that were seen after the context."""
        return f"T: how many different words were seen{self.after}", float((self.counts > 0).sum())

    def below(self, name: str = "P") -> tuple[str, float]:
        """The line of what the shorter context says."""
        tail = f": each of the {self.size:,} types alike" if self.order == 1 else ""
        return self.of_shorter(name) + tail, self.lower


class Explained(Protocol):
    """What the exhibits of a back-off table ask of the method that made it.

    ``equation`` and its ``lines`` for a prediction; ``whole_context``: whether the equation has no shorter context in
    it; ``unseen``: the weight for backing off from a context that train does not hold; ``counted``: what its counts
    are, where not how often the words stand in train; ``caution``: what to know of its figures.
    """

    @property
    def equation(self) -> Equation: ...
    @property
    def whole_context(self) -> bool: ...
    @property
    def unseen(self) -> float: ...
    @property
    def counted(self) -> str: ...
    @property
    def caution(self) -> str: ...
    def lines(self, case: Case) -> Lines: ...


class Smoothing(ABC):
    """One way from counts to probabilities, with the constants that it worked out of its train.

    ``name``: what the hyper-parameter ``smoothing`` calls it. ``uses``: the hyper-parameters of the n-gram model that
    it heeds, beside ``order``. ``whole_context``: whether its equation has no shorter context in it. ``unseen``: the
    weight for backing off from a context that train does not hold. ``unknown_note``: what to know where train holds
    no ``<unk>``; ``counted``: what its counts are, where not how often the words stand in train; ``caution``: what to
    know of its figures. ``compiled``, ``threads``: whether it may use compiled loops, and how many.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    uses: ClassVar[frozenset[str]] = frozenset()
    equation: ClassVar[Equation]
    whole_context: ClassVar[bool] = False
    unknown_note: ClassVar[str] = (
        "Train holds no <unk>: its probability is what the unigrams leave, shared evenly by all types."
    )
    counted: ClassVar[str] = ""
    caution: ClassVar[str] = ""
    compiled: bool = False
    threads: int = 1
    unseen: float = 1.0
    notes: tuple[str, ...] = ()

    @abstractmethod
    def estimate(self, counts: Iterable[Counts], size: int, valid: IntArray) -> BackoffTable:
        """Make the table; work out the constants and what the reader should know, ``notes``.

        Parameters: ``counts`` of the orders 1 … n; ``size``, V, which is the id of ``<s>`` too; ``valid``, the ids of
        the valid split with ``<s>`` before each sentence. Raises ``LmcompareError`` where constants are lacking and
        may not be replaced.
        """

    @abstractmethod
    def constants(self) -> list[Any]:
        """Return what ``restore`` needs, JSON values."""

    @abstractmethod
    def restore(self, constants: Sequence[Any]) -> None:
        """Take the constants of a stored model."""

    @abstractmethod
    def lines(self, case: Case) -> Lines:
        """Work the equation out for a prediction, line by line; the last one is its probability."""


def lacking(k: int, what: str, reason: str) -> str:
    """Return the sentence for an order that gives no constants where none may be put in their place."""
    return (
        f"train gives the {k}-grams no {what} ({reason}): set fallback = true, lower the order or train on more text"
    )
