"""Draws guesses with the passages of the training text from which they come."""

from __future__ import annotations

from lmcompare.exhibits import Sources
from lmcompare.report import numbers
from lmcompare.report.kinds import Rendering
from lmcompare.report.templating import fill


def render(exhibit: Sources) -> Rendering:
    """Draw a row for each token: the guess with its probability, and the passages from which it comes."""
    return Rendering(fill("kinds/sources", exhibit=exhibit), reading(exhibit))


def reading(exhibit: Sources) -> str:
    """Return a sentence on how many guesses were right."""
    guesses = exhibit.guesses
    if not guesses:
        return "It has no guesses."
    right = sum(guess.guess == guess.token for guess in guesses)
    were = "was" if right == 1 else "were"
    return f"Of {numbers.plural(len(guesses), 'guess', 'guesses')}, {right} {were} right."
