"""Back-off along a passage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill, unequal
from lmcompare.render import numbers


@dataclass(frozen=True, kw_only=True)
class BackoffStep:
    """How an n-gram model computes the probability of one token.

    Parameters
    ----------
    token : str
        The token.
    matched : int
        The highest order whose context and token occur in training; 1 is the unigram.
    contexts : tuple of str
        The contexts, from the empty one to the longest.
    counts : tuple of int
        The count of each context with the token; a continuation count below the highest order.
    probabilities : tuple of float
        The interpolated probability at each order.
    """

    token: str
    matched: int
    contexts: tuple[str, ...]
    counts: tuple[int, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class BackoffTrace(Exhibit):
    """The orders that matched along a passage and how the model backed off at each token.

    Parameters
    ----------
    steps : tuple of BackoffStep
        The tokens of the passage.
    counted : str, default=""
        What the counts are, if they are not how often context and token occur in the training text.
    """

    kind: ClassVar[str] = "backoff"
    most: ClassVar[int] = 50_000
    steps: tuple[BackoffStep, ...]
    counted: str = ""

    def problem(self) -> str:
        """Return which token's parts do not fit together."""
        for step in self.steps:
            if wrong := unequal(contexts=step.contexts, counts=step.counts, probabilities=step.probabilities):
                return f"for '{step.token}' {wrong}"
            if not 0 <= step.matched <= len(step.contexts):
                return f"'{step.token}' matched order {step.matched} of {len(step.contexts)}"
            if any(not 0 <= p <= 1 + 1e-6 for p in step.probabilities):
                return f"a probability of '{step.token}' is outside 0 … 1"
        return ""

    def draw(self) -> Drawing:
        """Draw the passage, coloured by the order that matched, and a table with a row for each token."""
        orders = max((len(step.probabilities) for step in self.steps), default=0)
        html = fill("backoff", exhibit=self, orders=orders)
        return Drawing(html, reading(self))


def reading(exhibit: BackoffTrace) -> str:
    """Return a sentence on how often the highest order that matched and how often only the unigram matched."""
    steps = exhibit.steps
    if not steps:
        return "It has no tokens."
    longest = max(step.matched for step in steps)
    full = sum(step.matched == longest for step in steps)
    alone = sum(step.matched <= 1 for step in steps)
    mean = sum(step.matched for step in steps) / len(steps)
    were = "was" if full == 1 else "were"
    return (
        f"Of {numbers.plural(len(steps), 'token')}, {full} {were} found after"
        f" {numbers.plural(longest - 1, 'token')} of context (order {longest}, the highest that matched) and {alone}"
        f" after none (order 1, the unigram); the mean order is {mean:.1f}."
    )
