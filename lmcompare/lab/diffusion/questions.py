"""What a diffusion model is asked, and what a classifier says of its pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcompare.lab.bench import Share, parts_of
from lmcompare.lab.diffusion.digits import Digits, Judge, nearest
from lmcompare.lab.diffusion.prompts import (
    DIGITS,
    EITHER,
    HELD_OUT,
    NOT,
    NUMERALS,
    ORDINALS,
    Prompt,
    either,
    negated,
    single,
)
from lmcompare.lab.diffusion.training import DiffusionModel

Array = np.ndarray[Any, Any]

STRENGTHS = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0)  # strengths of guidance
WITHOUT, PLAIN, GUIDED = 0.0, 1.0, 2.0  # without a prompt, without guidance, and the strength that is shown first
TOLD = (WITHOUT, PLAIN, GUIDED, 3.0)  # the strengths in the table of what the pictures show

SINGLES, NOT_ONE, THREE_FIVE = "a single digit", "not a one", "three or five"
NEW_PAIRS, NEW_NOTS = "new combinations with “or”", "new combinations with “not”"
AS_NUMERALS, AS_ORDINALS = "numerals", "ordinal numbers"


@dataclass(frozen=True)
class Question:
    """Prompts, how many pictures are made for each, and the strengths of guidance.

    Parameters
    ----------
    prompts : tuple of Prompt
    pictures : int
        For each prompt and each training.
    strengths : tuple of float
    """

    prompts: tuple[Prompt, ...]
    pictures: int
    strengths: tuple[float, ...] = (PLAIN, GUIDED)

    @property
    def asked(self) -> list[Prompt]:
        """The prompts, each as often as pictures are made for it."""
        return [prompt for prompt in self.prompts for _ in range(self.pictures)]

    @property
    def chance(self) -> float:
        """How often a random digit is what the prompt says."""
        return float(np.mean([prompt.chance for prompt in self.prompts]))


QUESTIONS: Mapping[str, Question] = {
    SINGLES: Question(tuple(map(single, range(len(DIGITS)))), 15, STRENGTHS),
    NOT_ONE: Question((negated(1),), 400, STRENGTHS),
    THREE_FIVE: Question((either(3, 5),), 75, STRENGTHS),
    NEW_PAIRS: Question(tuple(prompt for prompt in HELD_OUT if prompt.kind == EITHER), 15, STRENGTHS),
    NEW_NOTS: Question(tuple(prompt for prompt in HELD_OUT if prompt.kind == NOT), 30),
    AS_NUMERALS: Question(NUMERALS, 10),
    AS_ORDINALS: Question(ORDINALS, 10),
}


@dataclass(frozen=True)
class Answer:
    """The pictures that a model made for a question at one strength, and what the classifier says.

    Parameters
    ----------
    prompts : tuple of Prompt
        The N prompts.
    pictures : array, shape (N, P)
    says : array of int, shape (N,)
        The digit that the classifier sees.
    nearest : array of int, shape (N,)
        The index of the nearest training picture.
    distances : array, shape (N,)
        The distance to it.
    """

    prompts: tuple[Prompt, ...]
    pictures: Array
    says: Array
    nearest: Array
    distances: Array

    @property
    def right(self) -> Array:
        """(N,) bool: whether the picture is what the prompt says."""
        return np.array([p.is_true_of(int(said)) for p, said in zip(self.prompts, self.says, strict=True)])


Answers = dict[tuple[str, float], Answer]


def answers(
    model: DiffusionModel,
    digits: Digits,
    judge: Judge,
    seed: int,
    share: Share,
    questions: Mapping[str, Question] = QUESTIONS,
) -> Answers:
    """Return the answers of a model to all questions, by question and strength, from noise that the seed gives."""
    asked = [(name, strength) for name, question in questions.items() for strength in question.strengths]
    found: Answers = {}
    for (name, strength), told in zip(asked, parts_of(share, len(asked)), strict=True):
        prompts = questions[name].asked
        pictures = model.sample(prompts, strength, seed)
        at, distances = nearest(pictures, digits.diffusion.pictures)
        found[name, strength] = Answer(tuple(prompts), pictures, judge(pictures), at, distances)
        told(1.0)
    return found


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, *Journal of the American Statistical Association* 22)."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def spread(pictures: Array, groups: Sequence[int] | Array) -> float:
    """Return the root of the mean squared distance of pictures (N, P) from the mean of their group (N,).

    Each group is corrected for its size, and groups count the same. A group of one picture is left out.
    """
    variances = []
    for group in np.unique(np.asarray(groups)):
        own = pictures[np.asarray(groups) == group]
        if len(own) > 1:
            variances.append(float(own.var(axis=0, ddof=1).sum()))
    return math.sqrt(np.mean(variances)) if variances else math.nan
