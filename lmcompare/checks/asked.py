"""A trained model asked about one text: the answers that validity checks compare."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.model import FloatArray, LanguageModel, Stepper, check_array, check_stepper
from lmcompare.tokens import Encoded, IntArray, Vocabulary


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
    check_array(answer, (len(text),), "log_probs")
    return _without_nan("log_probs", answer)


def distributions(model: LanguageModel, text: Encoded, at: IntArray | list[int]) -> FloatArray:
    """Return the (B, V) nats of ``next_log_probs``. Raises ``PluginError`` as ``scores`` does."""
    positions = np.array(at, np.int64)  # a copy: a model might write into it
    answer = model.next_log_probs(text, positions)
    check_array(answer, (len(positions), len(text.vocabulary)), "next_log_probs")
    return _without_nan("next_log_probs", answer)


def stepper_of(model: LanguageModel, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
    """Return the model's ``stepper``. Raises ``PluginError`` if it is not a stepper."""
    stepper = model.stepper(prefix, vocabulary)
    check_stepper(stepper, type(model).__name__)
    return stepper


def _without_nan(what: str, answer: FloatArray) -> FloatArray:
    if np.isnan(answer).any():  # NaN differs from everything, so every comparison would fail with another sentence
        raise PluginError(
            f"{what} gave NaN, which is not a number, at {int(np.isnan(answer).sum()):,} of {answer.size:,} places:"
            " look for the logarithm of a negative number, for 0 / 0, and for a hyper-parameter that should have been"
            " refused"
        )
    return answer
