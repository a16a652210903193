"""What a model looks up along a passage: the orders to which it backs off, and the training text it guesses from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill, unequal
from lmcompare.render import numbers
from lmcompare.render.markdown import plain, table
from lmcompare.render.tokens import visible

EACH_CELL = (
    "Each cell has the probability that the n-grams up to that order give the token, and how often the token followed"
    " the context: “3 × of the” means 3 times after “of the”."
)


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
        html = fill("backoff", exhibit=self, orders=orders, each_cell=EACH_CELL)
        return Drawing(html, self.reading(), self._markdown(orders))

    def _markdown(self, orders: int) -> str:
        """Return the passage with the order of each token, and a table with its probabilities."""
        rows = []
        for step in self.steps:
            cells = [f"**{numbers.probability(p)}**" for p in step.probabilities]
            for n, (count, context) in enumerate(zip(step.counts, step.contexts, strict=True)):
                after = plain(visible(context)) if context else "any context"
                cells[n] += f" ({numbers.count(count)} × {after})"
            rows.append([plain(visible(step.token)), *cells, *[""] * (orders - len(cells))])
        passage = " ".join(f"{plain(visible(step.token))}\\_{step.matched}" for step in self.steps)
        head = ["Token", *(f"Order {n}" for n in range(1, orders + 1))]
        return "\n\n".join(
            [passage, table(head, rows, left=orders + 1), f"{EACH_CELL} {plain(self.counted)}".strip()]
        )

    def reading(self) -> str:
        """Return a sentence on how often the highest order that matched and how often only the unigram matched."""
        steps = self.steps
        if not steps:
            return "It has no tokens."
        longest = max(step.matched for step in steps)
        full = sum(step.matched == longest for step in steps)
        alone = sum(step.matched <= 1 for step in steps)
        mean = sum(step.matched for step in steps) / len(steps)
        were = "was" if full == 1 else "were"
        return (
            f"Of {numbers.plural(len(steps), 'token')}, {full} {were} found after"
            f" {numbers.plural(longest - 1, 'token')} of context (order {longest}, the highest that matched) and"
            f" {alone} after none (order 1, the unigram); the mean order is {mean:.1f}."
        )


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A passage of the training text.

    Parameters
    ----------
    before, context, next, after : str
        The words before the context, the context that was found, the word that followed it, and the words after that.
    """

    before: str
    context: str
    next: str
    after: str


@dataclass(frozen=True, kw_only=True)
class SourcedGuess:
    """The most likely next word at one place of a text, and where in the training text it followed the same words.

    Parameters
    ----------
    token : str
        The word that came next.
    guess : str
        The most likely word.
    probability : float
        Its probability.
    followed, occurs : int
        How often the guess followed the context in the training text, and how often the context occurs there.
    passages : tuple of Passage
        Some of the places where it did.
    """

    token: str
    guess: str
    probability: float
    followed: int
    occurs: int
    passages: tuple[Passage, ...]


@dataclass(frozen=True, kw_only=True)
class Sources(Exhibit):
    """The guesses of a model along a passage, each with the passages of the training text from which it comes.

    Parameters
    ----------
    guesses : tuple of SourcedGuess
        A guess for each word of the passage.
    """

    kind: ClassVar[str] = "sources"
    most: ClassVar[int] = 20_000
    guesses: tuple[SourcedGuess, ...]

    def problem(self) -> str:
        for guess in self.guesses:
            if not 0 <= guess.probability <= 1 + 1e-6:
                return f"the probability of '{guess.guess}' is outside 0 … 1"
            if not 0 <= guess.followed <= guess.occurs:
                return f"'{guess.guess}' followed a context {guess.followed} times, which occurs {guess.occurs} times"
        return ""

    def draw(self) -> Drawing:
        """Draw a row for each token: the guess with its probability, and the passages from which it comes."""
        rows = []
        for one in self.guesses:
            found = ", ".join(
                plain(" ".join(filter(None, map(visible, (each.before, each.context, each.next, each.after)))))
                for each in one.passages
            )
            times = f"({numbers.count(one.followed)} of {numbers.count(one.occurs)} times)"
            guess = f"**{plain(visible(one.guess))}** ({numbers.probability(one.probability)})"
            rows.append([plain(visible(one.token)), guess, f"{found} {times}".strip()])
        markdown = table(["Next word", "Guess", "Where the guess comes from"], rows, left=3)
        return Drawing(fill("sources", exhibit=self), self.reading(), markdown)

    def reading(self) -> str:
        """Return a sentence on how many guesses were right."""
        guesses = self.guesses
        if not guesses:
            return "It has no guesses."
        right = sum(guess.guess == guess.token for guess in guesses)
        were = "was" if right == 1 else "were"
        return f"Of {numbers.plural(len(guesses), 'guess', 'guesses')}, {right} {were} right."
