"""Trains the diffusion models with each kind of word vectors, and asks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch

from lmcompare.analysis.contrasts import Measured
from lmcompare.harness.environment import usable_cores
from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import Condition
from lmcompare.lab.diffusion.digits import Digits, Judge
from lmcompare.lab.diffusion.prompts import WORDS
from lmcompare.lab.diffusion.questions import Answer, Answers, answers
from lmcompare.lab.diffusion.text_vectors import (
    TextVectors,
    context_vectors,
    random_vectors,
    static_vectors,
    unknown_words,
)
from lmcompare.lab.diffusion.training import DiffusionModel, Recipe, train
from lmcompare.lab.order import FAMILIES

WORD2VEC, TRANSFORMER = FAMILIES["word2vec bag"], FAMILIES["transformer"]
CONDITIONS: tuple[Condition, ...] = (WORD2VEC, TRANSFORMER)
RANDOM, STATIC, CONTEXT = "random", "word2vec", "transformer"
KINDS = (RANDOM, STATIC, CONTEXT)
NOISE_SEED = 10_000  # plus that of the training, the seed of the noise: the same noise for all kinds of vectors
TRAINED = 0.85  # the share of the time; the rest is for the questions


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
