"""Diffusion models with each kind of word vectors, what they are asked, and how a classifier reads their pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch

from lmcompare.harness.environment import usable_cores
from lmcompare.lab import Condition
from lmcompare.lab.bench import Bench, Share
from lmcompare.lab.contrasts import Measured
from lmcompare.lab.diffusion.data import (
    DIGITS,
    EITHER,
    HELD_OUT,
    NOT,
    NUMERALS,
    ORDINALS,
    WORDS,
    Digits,
    Judge,
    Prompt,
    TextVectors,
    context_vectors,
    either,
    nearest,
    negated,
    random_vectors,
    single,
    static_vectors,
    unknown_words,
)
from lmcompare.lab.diffusion.model import DiffusionModel, Recipe, train
from lmcompare.lab.experiments.order import FAMILIES
from lmcompare.runfolder.parquet import Array

STRENGTHS = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0)  # strengths of guidance
WITHOUT, PLAIN, GUIDED = 0.0, 1.0, 2.0  # without a prompt, without guidance, and the strength that is shown first
TOLD = (WITHOUT, PLAIN, GUIDED, 3.0)  # the strengths in the table of what the pictures show

SINGLES, NOT_ONE, THREE_FIVE = "a single digit", "not a one", "three or five"
NEW_PAIRS, NEW_NOTS = "new combinations with “or”", "new combinations with “not”"
AS_NUMERALS, AS_ORDINALS = "numerals", "ordinal numbers"
WORD2VEC, TRANSFORMER = FAMILIES["word2vec bag"], FAMILIES["transformer"]
CONDITIONS: tuple[Condition, ...] = (WORD2VEC, TRANSFORMER)
RANDOM, STATIC, CONTEXT = "random", "word2vec", "transformer"
KINDS = (RANDOM, STATIC, CONTEXT)
NOISE_SEED = 10_000  # plus that of the training, the seed of the noise: the same noise for all kinds of vectors
TRAINED = 0.85  # the share of the time; the rest is for the questions


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


def answers(model: DiffusionModel, digits: Digits, judge: Judge, seed: int, share: Share) -> Answers:
    """Return the answers of a model to all questions, by question and strength, from noise that the seed gives."""
    asked = [(name, strength) for name, question in QUESTIONS.items() for strength in question.strengths]
    found: Answers = {}
    for name, strength in asked:
        prompts = QUESTIONS[name].asked
        pictures = model.sample(prompts, strength, seed)
        at, distances = nearest(pictures, digits.diffusion.pictures)
        found[name, strength] = Answer(tuple(prompts), pictures, judge(pictures), at, distances)
        share(len(found) / len(asked))
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


@dataclass(frozen=True)
class Everything:
    """What was measured.

    Parameters
    ----------
    digits : Digits
    judge : Judge
    found : mapping
        By kind of vectors, the answers of each training.
    shown : mapping of str to DiffusionModel
        By kind, the model of the first training.
    lacking : tuple of str
        The words of the prompts that the text lacks.
    """

    digits: Digits
    judge: Judge
    found: Mapping[str, Sequence[Answers]]
    shown: Mapping[str, DiffusionModel]
    lacking: tuple[str, ...]

    def of(self, kind: str, question: str, strength: float) -> list[Answer]:
        """Return the answers of each training with vectors of a kind."""
        return [each[question, strength] for each in self.found[kind]]

    def right(self, kind: str, question: str, strength: float) -> tuple[int, int]:
        """Return how many pictures are what their prompt says, and how many there are, over all trainings."""
        every = self.of(kind, question, strength)
        return int(sum(each.right.sum() for each in every)), sum(len(each.right) for each in every)

    def share(self, kind: str, question: str, strength: float) -> float:
        """Return the share of pictures that are what their prompt says."""
        right, asked = self.right(kind, question, strength)
        return right / asked

    def saying(self, kind: str, question: str, strength: float, digit: int) -> tuple[int, int]:
        """Return how many pictures the classifier reads as a digit, and how many there are, over all trainings."""
        says = np.concatenate([each.says for each in self.of(kind, question, strength)])
        return int(np.count_nonzero(says == digit)), len(says)

    def amounts(self, kind: str, question: str, strength: float) -> Measured:
        """Return for each training which pictures are what their prompt says, on the same noise for all kinds."""
        return Measured.of(np.stack([each.right for each in self.of(kind, question, strength)]).astype(np.float64))


def vectors_of(bench: Bench, kind: str, seed: int, width: int) -> TextVectors:
    """Return the word vectors of a kind, of the training with a seed."""
    if kind == RANDOM:
        return random_vectors(width, seed)
    condition, made = (WORD2VEC, static_vectors) if kind == STATIC else (TRANSFORMER, context_vectors)
    return made(bench.model(condition, seed), bench.corpus_of(condition), seed)


def measured(bench: Bench, recipe: Recipe) -> Everything:
    """Train a diffusion model for each kind of vectors and each training of the text models, and ask it.

    As many are trained at the same time as there are cores, each with one thread: the figures do not depend on the
    number of cores.
    """
    digits = Digits.load()
    judge = Judge(digits)
    seeds = bench.entry(WORD2VEC).seeds
    width = vectors_of(bench, STATIC, seeds[0], 0).width
    trainings = [(seed, kind, vectors_of(bench, kind, seed, width)) for seed in seeds for kind in KINDS]
    done, telling = [0.0] * len(trainings), Lock()

    def train_and_ask(number: int) -> tuple[DiffusionModel, Answers]:
        def told(share: float) -> None:
            with telling:
                done[number] = share
                bench.share(sum(done) / len(done))

        torch.set_num_threads(1)  # for this thread only
        seed, _, vectors = trainings[number]
        model = train(digits.diffusion, vectors, seed, recipe, lambda share: told(TRAINED * share))
        asked = answers(model, digits, judge, NOISE_SEED + seed, lambda share: told(TRAINED + (1 - TRAINED) * share))
        return model, asked

    found: dict[str, list[Answers]] = {kind: [] for kind in KINDS}
    shown: dict[str, DiffusionModel] = {}
    with ThreadPoolExecutor(usable_cores()) as pool:
        for (_, kind, _), (model, asked) in zip(trainings, pool.map(train_and_ask, range(len(done))), strict=True):
            found[kind].append(asked)
            shown.setdefault(kind, model)
    lacking = unknown_words(bench.corpus_of(WORD2VEC), WORDS)
    return Everything(digits, judge, found, shown, tuple(lacking))
