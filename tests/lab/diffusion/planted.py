"""Measurements whose results are planted, without any training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lmcompare.lab.diffusion.data import QUESTIONS, Digits, Judge, Prompt, nearest, random_vectors
from lmcompare.lab.diffusion.experiment import KINDS, Results
from lmcompare.lab.diffusion.model import Answer, Answers, Recipe, train

Seen = Callable[[str, Prompt, float, int], int]  # kind, prompt, strength, number of the picture: the digit


def planted(seen: Seen, trainings: int = 3) -> Results:
    """What was measured, if the classifier sees the planted digits in pictures of these digits."""
    digits = Digits.load()
    of_digit = [np.flatnonzero(digits.apart.labels == digit) for digit in range(10)]

    def answers(kind: str) -> Answers:
        found: Answers = {}
        for name, question in QUESTIONS.items():
            for strength in question.strengths:
                prompts = question.asked
                says = np.array([seen(kind, prompt, strength, i) for i, prompt in enumerate(prompts)])
                pictures = digits.apart.pictures[[of_digit[said][i % 20] for i, said in enumerate(says)]]
                at, distances = nearest(pictures, digits.diffusion.pictures)
                found[name, strength] = Answer(tuple(prompts), pictures, says, at, distances)
        return found

    quiet: Any = lambda done: None  # noqa: E731
    model = train(digits.diffusion, random_vectors(8, 0), 0, Recipe(steps=2, batch=4, sampling_steps=12), quiet)
    found = {kind: [answers(kind)] * trainings for kind in KINDS}
    return Results(digits, Judge(digits), found, dict.fromkeys(KINDS, model), ("zero",))
