"""Shannon's game: the reader guesses hidden words of a held-out passage, and so has every model.

C. E. Shannon (1951), *Prediction and Entropy of Printed English*, Bell System Technical Journal 30(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmcompare.render.tokens import UNKNOWN, visible
from lmcompare.report.data import ReportData, Section
from lmcompare.report.passages import Passage

HIDDEN, FEWEST = 10, 3  # words that are guessed, and the least number for a game
READ_FIRST = 12  # tokens that are read before the first guess
CONTEXT = 6  # tokens that the table shows before a hidden word


@dataclass(frozen=True)
class Guessed:
    """A hidden word: what precedes it, itself, and the first guess of each model."""

    before: str
    word: str
    guesses: Sequence[str]


def build(data: ReportData) -> Section | None:
    """Return the section; None without a passage that has enough words, and for models of different tokens."""
    unit, passages = data.passages
    if unit != "token" or not passages:
        return None
    by_disagreement = sorted(passages, key=lambda passage: passage.disagreement)
    middle = by_disagreement[len(passages) // 2]
    hidden = hidden_words(middle)
    if len(hidden) < FEWEST:
        return None
    models = data.scored
    guessed = [
        Guessed(
            " ".join(visible(token) for token in middle.tokens[max(0, at - CONTEXT) : at]),
            visible(middle.tokens[at]),
            [visible(_words(middle, m, at)[0]) for m in range(len(models))],
        )
        for at in hidden
    ]
    return Section.written(
        "game",
        "Beat the models",
        __package__,
        models=models,
        guessed=guessed,
        hits=[sum(one.guesses[m] == one.word for one in guessed) for m in range(len(models))],
        unranked=data.unranked,
        data={
            "tokens": [visible(token) for token in middle.tokens[: hidden[-1] + 1]],
            "spaced": [int(spaced) for spaced in middle.spaced[: hidden[-1] + 1]],
            "hidden": hidden,
            "top": [[[*map(visible, _words(middle, m, at))] for at in hidden] for m in range(len(models))],
        },
    )


def _words(passage: Passage, model: int, at: int) -> list[str]:
    """Return a model's most likely tokens at a place without <unk>, which is no guess, unless it is the only one."""
    tokens = [token for token, _ in passage.top[model][at]]
    return [token for token in tokens if token != UNKNOWN] or tokens


def hidden_words(passage: Passage) -> list[int]:
    """Return the places of at most ten words, evenly spaced, that have a letter and are in the vocabulary."""
    fitting = [
        at
        for at in range(READ_FIRST, len(passage.tokens))
        if not passage.unknown[at]
        and passage.tokens[at] != "</s>"
        and any(character.isalpha() for character in passage.tokens[at])
    ]
    size = min(HIDDEN, len(fitting))
    return [fitting[i * len(fitting) // size] for i in range(size)]
