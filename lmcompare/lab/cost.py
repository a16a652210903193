"""What experiments will cost: a short probe of the models that are still to be trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.harness.job import Job
from lmcompare.model import Budget, Setting
from lmcompare.processes import Emit, call
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.training.language_model import TorchLanguageModel

STEPS = (8, 16)  # of the two trainings whose difference is measured; both have as many evaluations
TOKENS = 2_000  # that are scored
READINGS = 2  # of the test text in a cell, beside one of the validation text
STARTING = 8.0  # seconds that a process takes to start, to check the model and to make its examples
LIMIT = 120.0  # seconds of the probe


def estimate(jobs: Sequence[Job]) -> float | None:
    """Return about how many seconds some jobs will take; None where the probe fails or takes too long.

    The first job of each plug-in is probed; transformers with a change take as long as the first of them.
    """
    total = 0.0
    of_family: dict[str, float] = {}
    for job in jobs:
        family = "transformer" if job.plugin.startswith("lmcompare.lab.") else job.plugin
        if family not in of_family:
            try:
                table = (str(job.tokens_path), job.tokenizer, job.plugin, job.hyperparameters, job.machine)
                of_family[family] = float(call(f"{__name__}:probe_job", *table, seconds=LIMIT))
            except LmcompareError:
                return None
        total += of_family[family]
    return total


def probe_job(
    emit: Emit, tokens: str, tokenizer: str, plugin: str, hyperparameters: dict[str, Any], machine: dict[str, Any]
) -> float:
    """Return about how many seconds a cell takes; runs in a process of its own."""
    corpus = TokenizedCorpus(Path(tokens), named=[tokenizer])
    model = plugins.build(plugin, hyperparameters)
    setting = Setting(vocabulary=corpus.vocabulary, seed=0, **machine)
    model.warm_up()

    def trained(budget: Budget) -> float:
        return _seconds(lambda: model.fit(corpus.train, corpus.valid, replace(setting, budget=budget)))

    if isinstance(model, TorchLanguageModel):
        few, more = (trained(Budget(steps=steps)) for steps in STEPS)
        training = max(0.0, more - few) / (STEPS[1] - STEPS[0]) * model.recipe().steps
    else:
        training = trained(Budget())
    text = next(corpus.test.parts(TOKENS))
    model.log_probs(text)  # what is done once is not counted
    scoring = _seconds(lambda: model.log_probs(text)) / max(1, len(text))
    return STARTING + training + scoring * (READINGS * len(corpus.test) + len(corpus.valid))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
