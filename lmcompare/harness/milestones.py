"""Figures of models while they are trained, to compare them after equal time and equally many operations."""

from __future__ import annotations

import math
import time

import numpy as np

from lmcompare.harness.curve import LearningCurve
from lmcompare.measure.scoring import checked_log_probs
from lmcompare.model import LanguageModel, Milestones, Progress
from lmcompare.runfolder.tokens import TokenizedCorpus

SHARES = tuple(np.geomspace(0.01, 1, 10)[:-1].tolist())  # of the training; the tenth point is the trained model


def milestones_of(corpus: TokenizedCorpus, curve: LearningCurve) -> Milestones:
    """Return the milestones of a training, at which the model is scored on the whole validation text."""
    overhead = float(corpus.features("valid", ["overhead_bits"])["overhead_bits"].sum())
    size = float(corpus.documents_of("valid")["bytes"].sum())

    def score(model: LanguageModel, progress: Progress) -> float:
        began = time.perf_counter()
        bits = -float(checked_log_probs(model, corpus.valid).sum()) / math.log(2) + overhead
        seconds = time.perf_counter() - began
        curve.pass_milestone(progress, bits / size, seconds)
        return seconds

    return Milestones(SHARES, score)
