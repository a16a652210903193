"""Guesses, and the passages of the training text from which they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lmcompare.exhibits.exhibit import Drawing, Exhibit, fill
from lmcompare.render import numbers


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
        """Return which guess has no probability, or followed a context more often than this occurs."""
        for guess in self.guesses:
            if not 0 <= guess.probability <= 1 + 1e-6:
                return f"the probability of '{guess.guess}' is outside 0 … 1"
            if not 0 <= guess.followed <= guess.occurs:
                return f"'{guess.guess}' followed a context {guess.followed} times, which occurs {guess.occurs} times"
        return ""

    def draw(self) -> Drawing:
        """Draw a row for each token: the guess with its probability, and the passages from which it comes."""
        return Drawing(fill("sources", exhibit=self), reading(self))


def reading(exhibit: Sources) -> str:
    """Return a sentence on how many guesses were right."""
    guesses = exhibit.guesses
    if not guesses:
        return "It has no guesses."
    right = sum(guess.guess == guess.token for guess in guesses)
    were = "was" if right == 1 else "were"
    return f"Of {numbers.plural(len(guesses), 'guess', 'guesses')}, {right} {were} right."
