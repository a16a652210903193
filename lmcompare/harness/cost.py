"""What trainings will cost: a short probe of the models that are still to be trained."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.harness.environment import peak_memory_bytes
from lmcompare.harness.job import Job
from lmcompare.model import Budget, Setting
from lmcompare.processes import Emit, call
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded

if TYPE_CHECKING:
    from lmcompare.training.recipe import Recipe

STEPS = 8  # training steps that are timed
TOKENS = 2_000  # whose scoring is timed
PART = 200_000  # training tokens for models that are not trained in steps
READINGS = 2  # times that a cell reads the test text; it reads the validation text once
STARTING = 8.0  # seconds that a cell takes to start, to check the model and to make examples
LIMIT = 120.0  # seconds that the probe may take


@dataclass(frozen=True)
class Cost:
    """What a cell costs, about.

    Parameters
    ----------
    training : float or None
        The seconds of the training; None where a few steps do not determine them, as for several networks.
    valid, test : float
        The seconds in which the texts are scored.
    memory : float or None
        The peak memory of its process, in bytes; None where the system does not report it.
    """

    training: float | None
    valid: float
    test: float
    memory: float | None

    @property
    def seconds(self) -> float | None:
        """The seconds of the whole cell; None if those of the training are not known."""
        return None if self.training is None else STARTING + self.training + self.valid + self.test


def probe(job: Job) -> Cost | None:
    """Return about what a job will cost; None where the probe fails or takes too long."""
    table = (str(job.tokens_path), job.tokenizer, job.plugin, job.hyperparameters, job.machine, job.budget)
    return _probed(json.dumps(table))


@cache
def _probed(table: str) -> Cost | None:
    """Return the cost that ``probe`` returns, measured once for equal jobs; ``table``: the arguments of
    ``probe_job``.
    """
    try:
        found = call(f"{__name__}:probe_job", *json.loads(table), seconds=LIMIT)
        return TypeAdapter(Cost).validate_python(found)
    except (LmcompareError, ValidationError):
        return None


def estimate(jobs: Sequence[Job]) -> float | None:
    """Return about how many seconds some jobs will take; None where the probe fails or takes too long.

    Jobs of one family are taken to last alike, and the first of them is probed.
    """
    total = 0.0
    of_family: dict[tuple[str, str, str], float] = {}
    for job in jobs:
        family = family_of(job)
        if family not in of_family:
            if (cost := probe(job)) is None or cost.seconds is None:
                return None
            of_family[family] = cost.seconds
        total += of_family[family]
    return total


def family_of(job: Job) -> tuple[str, str, str]:
    """Return what jobs that cost about the same have in common: the built-in plug-in of a model, or that of the model
    that it is made of, its base, and its tokens.
    """
    return _built_in(job.plugin), str(job.hyperparameters.get("base", "")), job.tokens_fingerprint


@cache
def _built_in(plugin: str) -> str:
    """Return the module of the built-in plug-in that a plug-in derives from; another package's plug-in as it is."""
    if not (plugin.startswith("lmcompare.") or plugins.MODELS.is_built_in(plugin)):  # never imported here
        return plugin
    modules = (cls.__module__ for cls in plugins.resolve(plugin).__mro__)
    return next((module for module in modules if module.startswith("lmcompare.models.")), plugin)


def probe_job(
    emit: Emit,
    tokens: str,
    tokenizer: str,
    plugin: str,
    hyperparameters: dict[str, Any],
    machine: dict[str, Any],
    budget: dict[str, Any],
) -> dict[str, float | None]:
    """Return about what a cell costs, as the table of a ``Cost``; runs in a process of its own."""
    from lmcompare.training.language_model import TorchLanguageModel  # imports PyTorch, in this process only

    corpus = TokenizedCorpus(Path(tokens), named=[tokenizer])
    model = plugins.build(plugin, hyperparameters)
    times = [time.perf_counter()]
    setting = Setting(
        vocabulary=corpus.vocabulary,
        seed=0,
        budget=Budget(steps=STEPS),
        progress=lambda _: times.append(time.perf_counter()),
        **machine,
    )
    model.warm_up()
    before = peak_memory_bytes()
    train = corpus.train if model.trains_in_steps else next(corpus.train.parts(PART))
    share = len(corpus.train) / max(1, len(train))
    taken = share * _seconds(lambda: model.fit(train, corpus.valid, setting))
    fitted = peak_memory_bytes()
    training = None if model.trains_in_steps else taken
    network = getattr(model, "in_steps", model)
    if isinstance(network, TorchLanguageModel):
        # Between two reports is a step, or an evaluation, which takes longer and is equally frequent in any training
        steps = sorted(np.diff(times))[:STEPS]
        training = _trained_for(taken, float(np.median(steps)), network.recipe(), Budget(**budget), corpus.train)
    text = next(corpus.test.parts(TOKENS))
    model.log_probs(text)  # not timed: the first call does some work that later ones do not
    scoring = _seconds(lambda: model.log_probs(text)) / max(1, len(text))
    return {
        "training": training,
        "valid": scoring * len(corpus.valid),
        "test": scoring * READINGS * len(corpus.test),
        "memory": _memory(share, before, fitted, peak_memory_bytes()),
    }


def _memory(share: float, before: int | None, fitted: int | None, last: int | None) -> float | None:
    """Return the memory of a whole training, ``share`` times that of the probe, from the peaks of its process: before
    it, after it and at the end. None if one is not known.
    """
    if before is None or fitted is None or last is None:
        return None
    return max(before + share * (fitted - before), last)


def _trained_for(probed: float, step: float, recipe: Recipe, budget: Budget, train: Encoded) -> float:
    """Return the seconds of a whole training, from a probe of ``STEPS`` steps that took ``step`` seconds each."""
    if budget.seconds is not None:
        return budget.seconds
    steps = float(recipe.steps if budget.steps is None else budget.steps)
    tokens = budget.tokens if budget.epochs is None else budget.epochs * len(train)
    if tokens is not None:
        steps = tokens / (recipe.batch * recipe.length)
    return probed + step * max(0.0, steps - STEPS)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
