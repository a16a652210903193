"""What experiments will cost: a short probe of the models that are still to be trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.harness.job import Job
from lmcompare.model import Budget, Setting
from lmcompare.processes import Emit, call
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.training.language_model import TorchLanguageModel

STEPS = 8  # of the training that is timed
TOKENS = 2_000  # that are scored
READINGS = 2  # of the test text in a cell, beside one of the validation text
STARTING = 8.0  # seconds that a process takes to start, to check the model and to make its examples
LIMIT = 120.0  # seconds of the probe


def estimate(jobs: Sequence[Job]) -> float | None:
    """Return about how many seconds some jobs will take; None where the probe fails or takes too long.

    Jobs of one family are taken to last alike, and the first of them is probed.
    """
    total = 0.0
    of_family: dict[tuple[str, str], float] = {}
    for job in jobs:
        family = _family(job)
        if family not in of_family:
            try:
                table = (str(job.tokens_path), job.tokenizer, job.plugin, job.hyperparameters, job.machine)
                of_family[family] = float(call(f"{__name__}:probe_job", *table, seconds=LIMIT))
            except LmcompareError:
                return None
        total += of_family[family]
    return total


def _family(job: Job) -> tuple[str, str]:
    """Return the plug-in of a job, for a model of the laboratory the one that it changes, and its tokens."""
    plugin = job.plugin
    if plugin.startswith("lmcompare.lab."):
        classes = plugins.resolve(plugin).__mro__
        plugin = next((cls.__module__ for cls in classes if cls.__module__.startswith("lmcompare.models.")), plugin)
    elif plugins.MODELS.is_built_in(plugin):
        plugin = plugins.resolve(plugin).__module__
    return plugin, job.tokens_fingerprint


def probe_job(
    emit: Emit, tokens: str, tokenizer: str, plugin: str, hyperparameters: dict[str, Any], machine: dict[str, Any]
) -> float:
    """Return about how many seconds a cell takes; runs in a process of its own."""
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
    training = _seconds(lambda: model.fit(corpus.train, corpus.valid, setting))
    if isinstance(model, TorchLanguageModel):
        # between two reports is a step, or an evaluation, which takes longer and is done as often in any training
        steps = sorted(np.diff(times))[:STEPS]
        training += float(np.median(steps)) * (model.recipe().steps - STEPS)
    text = next(corpus.test.parts(TOKENS))
    model.log_probs(text)  # what is done once is not counted
    scoring = _seconds(lambda: model.log_probs(text)) / max(1, len(text))
    return STARTING + training + scoring * (READINGS * len(corpus.test) + len(corpus.valid))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
