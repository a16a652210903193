"""The tables of the experiment on diffusion."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lmcompare.analysis.contrasts import Contrast, contrasts
from lmcompare.lab.bench import rows_of
from lmcompare.lab.contract import Figures, Row
from lmcompare.lab.diffusion.digits import Array, nearest
from lmcompare.lab.diffusion.measured import KINDS, RANDOM, Everything
from lmcompare.lab.diffusion.questions import (
    AS_NUMERALS,
    AS_ORDINALS,
    GUIDED,
    NEW_NOTS,
    NEW_PAIRS,
    NOT_ONE,
    PLAIN,
    QUESTIONS,
    SINGLES,
    STRENGTHS,
    THREE_FIVE,
    TOLD,
    WITHOUT,
    spread,
    wilson,
)
from lmcompare.render import numbers

STRENGTH = {WITHOUT: "without the prompt", PLAIN: "without guidance"}  # the names of two strengths
STRENGTHS_IN_WORDS = "With the strength 0 the prompt has no effect, and with 1 there is no guidance."
COMPARED = ((SINGLES, PLAIN), (SINGLES, GUIDED), (NEW_PAIRS, GUIDED), (NEW_NOTS, GUIDED), (AS_NUMERALS, GUIDED),
            (AS_ORDINALS, GUIDED))  # fmt: skip


def named(strength: float) -> str:
    """Return the name of a strength of guidance: "1, without guidance"."""
    return f"{strength:g}, {STRENGTH[strength]}" if strength in STRENGTH else f"{strength:g}"


def by_strength(found: Everything, kind: str) -> Figures:
    """Return how often pictures are what the prompt says, by the strength of guidance."""
    rows = [
        _row(f"{SINGLES}, strength {s:g}", found.right(kind, SINGLES, s), QUESTIONS[SINGLES].chance)
        for s in STRENGTHS
    ]
    for name, question, digit in (
        ("“not a one”: ones", NOT_ONE, 1),
        ("“three or five”: threes", THREE_FIVE, 3),
        ("“three or five”: fives", THREE_FIVE, 5),
    ):
        rows += [_row(f"{name}, strength {s:g}", found.saying(kind, question, s, digit), 0.1) for s in TOLD]
    judge = found.judge
    low, high = wilson(judge.right, judge.asked)
    return Figures(
        title="Pictures that are what the prompt says, by the strength of guidance",
        rows=tuple(rows),
        unit="share of pictures",
        note=(
            f"With the vectors of {kind}, over all trainings. {STRENGTHS_IN_WORDS} A support vector machine that"
            f" learnt from other pictures says which digit it is; of {judge.asked} real pictures that neither has"
            f" seen it reads {numbers.percent(judge.right / judge.asked)} correctly ({numbers.percent(low)} to"
            f" {numbers.percent(high)}). The 95 % interval (Wilson 1927) covers the choice of the noise, and not the"
            " variation between trainings."
        ),
        differences=False,
        row_name="Prompt",
        figure_name="by chance",
    )


def _row(name: str, counted: tuple[int, int], chance: float) -> Row:
    count, asked = counted
    low, high = wilson(count, asked)
    return Row(name, value=count / asked, low=low, high=high, figure=chance)


def against_random(found: Everything) -> dict[tuple[str, str, float], Contrast]:
    """Return by kind, question and strength how much more often pictures are right than with random vectors.

    The interval covers the choice of the noise, which is the same for all kinds, and the variation between trainings.
    """
    tests: dict[tuple[str, str, float], Contrast] = {}
    for question, strength in COMPARED:
        base = found.amounts(RANDOM, question, strength)
        others = {kind: found.amounts(kind, question, strength) for kind in KINDS if kind != RANDOM}
        for kind, contrast in contrasts(base, others, np.ones(len(QUESTIONS[question].asked))).items():
            tests[kind, question, strength] = contrast
    return tests


def by_vectors(found: Everything, tests: Mapping[tuple[str, str, float], Contrast]) -> Figures:
    """Return what word vectors of text give over random ones."""
    names = {
        (kind, question, s): f"{question}{'' if s == GUIDED else f', strength {s:g}'}: {kind}"
        for kind, question, s in tests
    }
    rows = rows_of({names[key]: tests[key] for key in sorted(tests, key=lambda key: COMPARED.index(key[1:]))})
    bases = {
        question: found.share(RANDOM, question, GUIDED)
        for question in (SINGLES, NEW_PAIRS, NEW_NOTS, AS_NUMERALS, AS_ORDINALS)
    }
    said = numbers.listed([f"{numbers.percent(share, 0)} for {name}" for name, share in bases.items()])
    return Figures(
        title="Vectors of text against random vectors",
        rows=tuple(rows.values()),
        unit="share of pictures that are right",
        note=(
            f"With guidance of strength {GUIDED:g}, unless another is named. New combinations are in no prompt of"
            " training, though their words are. Numerals (“a 7”) and ordinal numbers (“a seventh”) are words of no"
            " prompt: only their vectors can say what they mean. With random"
            f" vectors and the strength {GUIDED:g} the share is {said}. By chance it is"
            f" {numbers.percent(QUESTIONS[NEW_PAIRS].chance, 0)} for a pair,"
            f" {numbers.percent(QUESTIONS[NEW_NOTS].chance, 0)} for “not”, and 10 % for a digit. All kinds of vectors"
            " have the same mean and scale, and pictures are made of the same noise."
        ),
        row_name="Prompts and vectors",
        figure_name="share that is right",
    )


def quality(found: Everything, kind: str) -> Figures:
    """Return how near pictures are to training pictures, and how much they differ from each other."""
    digits = found.digits
    _, real = nearest(digits.apart.pictures, digits.diffusion.pictures)
    natural = spread(digits.diffusion.pictures, digits.diffusion.labels)
    rows = [_mean("real pictures that were not seen", real, 1.0)]
    for strength in STRENGTHS:
        every = found.of(kind, SINGLES, strength)
        spreads = [spread(each.pictures, [min(p.digits) for p in each.prompts]) for each in every]
        distances = np.concatenate([each.distances for each in every])
        rows.append(_mean(f"strength {named(strength)}", distances, float(np.mean(spreads)) / natural))
    return Figures(
        title="How near the pictures are to the training pictures, and how alike",
        rows=tuple(rows),
        unit="distance to the nearest training picture",
        note=(
            f"Prompts of {SINGLES}, with the vectors of {kind}. A copy has the distance 0. Pictures that are nearer"
            " than real ones to the training pictures are copied or smoothed; those that are farther have faults. The"
            " spread is the root of the mean squared distance from the mean picture of the same prompt, over that of"
            " the real pictures of a digit. The interval is over pictures."
        ),
        differences=False,
        row_name="Pictures",
        figure_name="spread, of that of real pictures",
    )


def _mean(name: str, values: Array, figure: float) -> Row:
    mean, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Row(name, value=mean, low=mean - half, high=mean + half, figure=figure)
