"""An honest model, from which the rogues are made by one change each."""

from __future__ import annotations

from typing import Self

import numpy as np

from lmcompare.model import FloatArray, LanguageModel, Setting, State, fitted
from lmcompare.tokens import Encoded, IntArray


class Honest(LanguageModel):
    """A bigram model, each count raised by ``alpha``; what comes before the sentence does not matter to it."""

    def __init__(self, alpha: float = 0.05) -> None:
        self.alpha = alpha
        self.table: FloatArray | None = None  # (V, V) nats, the row is the token before

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        V = len(setting.vocabulary)
        counts = np.full((V, V), self.alpha)
        np.add.at(counts, (previous(train, np.arange(len(train))), train.ids), 1.0)
        self.table = np.log(counts / counts.sum(axis=1, keepdims=True))
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        return fitted(self.table, self)[previous(text, at)]

    def state(self) -> State:
        return State({"table": fitted(self.table, self)})

    def restore(self, state: State) -> Self:
        self.table = state.arrays["table"]
        return self


def previous(text: Encoded, at: IntArray) -> IntArray:
    """(B,) the token before each position; ``</s>`` at the beginning of a document."""
    at = np.asarray(at)
    ids = np.full(len(at), text.vocabulary.end)
    inside = at > text.context_starts(at)
    ids[inside] = text.ids[at[inside] - 1]
    return ids


def normalised(scores: FloatArray) -> FloatArray:
    """Log-softmax over the last axis."""
    scores = scores - scores.max(axis=-1, keepdims=True)
    found: FloatArray = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return found
