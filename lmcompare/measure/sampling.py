"""Continuations: tokens drawn from a model, one at a time."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.model import FloatArray, LanguageModel, check_stepper, most_likely
from lmcompare.tokens import IntArray, Vocabulary


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn.

    Parameters
    ----------
    temperature : float
        Divides the log-probabilities.
    top_k : int, optional
        Only this number of the most likely tokens can be drawn.
    top_p : float
        Of those, only the smallest set with this share of the probability (Holtzman et al. 2020).
    seed : int
        Of the draws.
    """

    temperature: float = 0.8
    top_k: int | None = 50
    top_p: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.temperature, Real) and 0 < self.temperature <= sys.float_info.max):
            raise LmcompareError(f"temperature must be a number above 0, not {reprlib.repr(self.temperature)}")
        if not (isinstance(self.top_p, Real) and 0 < self.top_p <= 1):
            raise LmcompareError(f"top_p must be a number above 0 and at most 1, not {reprlib.repr(self.top_p)}")
        if self.top_k is not None and not (isinstance(self.top_k, Integral) and self.top_k >= 1):
            raise LmcompareError(f"top_k must be a whole number, at least 1, or None, not {reprlib.repr(self.top_k)}")
        if not (isinstance(self.seed, Integral) and self.seed >= 0):
            raise LmcompareError(f"seed must be a whole number, at least 0, not {reprlib.repr(self.seed)}")


def draw(ids: IntArray, nats: FloatArray, sampling: Sampling, generator: np.random.Generator) -> int:
    """Return one of the token ids (n,), given the most likely first, drawn by their log-probabilities in nats."""
    below = nats[: sampling.top_k].astype(np.float64) - nats[0]  # 0 for the most likely token at any temperature
    with np.errstate(over="ignore"):
        weights = np.exp(below / sampling.temperature)
    weights /= weights.sum()
    # keep the shortest list that reaches top_p, its last member included
    kept = int(np.searchsorted(np.cumsum(weights), sampling.top_p)) + 1
    head = weights[:kept] / weights[:kept].sum()
    drawn = int(np.searchsorted(np.cumsum(head), generator.random(), side="right"))
    return int(ids[min(drawn, len(head) - 1)])


def continuation(model: LanguageModel, prefix: IntArray, vocabulary: Vocabulary, sampling: Sampling) -> Iterator[int]:
    """Yield token ids that continue ``prefix``, without end; ``<unk>`` is never drawn, because it spells no word."""
    generator = np.random.default_rng(sampling.seed)
    whose = type(model).__name__
    stepper = model.stepper(prefix, vocabulary)
    check_stepper(stepper, whose)
    k = len(vocabulary) if sampling.top_k is None else min(sampling.top_k + 1, len(vocabulary))
    while True:
        ids, nats = most_likely(stepper, k, whose)
        spelled = ~vocabulary.is_unknown(ids)
        if not np.isfinite(nats[spelled][:1]).any():
            raise PluginError(
                f"{whose}'s stepper gives every token that can be drawn a probability of 0: give some of them more"
            )
        token = draw(ids[spelled], nats[spelled], sampling, generator)
        yield token
        stepper.push(token)
