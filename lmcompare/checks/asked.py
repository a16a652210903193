"""A trained model asked about one text: the answers that validity checks compare."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.tokens import Encoded, IntArray


class Asked:
    """A trained model, a text, and what the model answered about it; each answer is asked for once.

    Parameters
    ----------
    model : LanguageModel
        The trained model.
    text : Encoded
        N tokens.
    at : array of int, shape (B,)
        The positions whose distributions are looked at, in ascending order.
    scores : array, shape (N,), optional
        What the model gave each token before, in nats. Without it, ``log_probs`` is called when it is needed.
    """

    def __init__(
        self, model: LanguageModel, text: Encoded, at: IntArray | list[int], scores: FloatArray | None = None
    ) -> None:
        self.model, self.text, self.at = model, text, np.asarray(at, np.int64)
        if scores is not None:
            self.scores = scores

    @cached_property
    def rows(self) -> FloatArray:
        """(B, V) nats: the distributions at ``at``."""
        return distributions(self.model, self.text, self.at)

    @cached_property
    def scores(self) -> FloatArray:
        """(N,) nats: the score of each token."""
        return scores(self.model, self.text)


def scores(model: LanguageModel, text: Encoded) -> FloatArray:
    """Return the (N,) nats of ``log_probs``. Raises ``PluginError`` for a wrong shape or type, and for NaN."""
    answer = model.log_probs(text)
    _expect("log_probs", answer, (len(text),), f"{len(text)} tokens")
    return answer


def distributions(model: LanguageModel, text: Encoded, at: IntArray | list[int]) -> FloatArray:
    """Return the (B, V) nats of ``next_log_probs``. Raises ``PluginError`` as ``scores`` does."""
    positions = np.array(at, np.int64)  # a copy: a model might write into it
    answer = model.next_log_probs(text, positions)
    V = len(text.vocabulary)
    _expect("next_log_probs", answer, (len(positions), V), f"{len(positions)} positions and {V} types")
    return answer


def _expect(what: str, answer: Any, shape: tuple[int, ...], given: str) -> None:
    if not isinstance(answer, np.ndarray):
        raise PluginError(f"{what} returned {type(answer).__name__}, not a numpy array")
    if answer.shape != shape:
        raise PluginError(f"{what} returned shape {answer.shape} for {given}: it must be {shape}")
    if answer.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise PluginError(f"{what} returned {answer.dtype}: scores are float32 or float64")
    if np.isnan(answer).any():  # NaN differs from everything, so every comparison would fail with another sentence
        raise PluginError(
            f"{what} gave NaN, which is not a number, at {int(np.isnan(answer).sum()):,} of {answer.size:,} places:"
            " look for the logarithm of a negative number, for 0 / 0, and for a hyper-parameter that should have been"
            " refused"
        )
