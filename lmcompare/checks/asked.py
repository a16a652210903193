"""A trained model asked about one text, and how far its answers differ: what validity checks compare."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.model import FloatArray, LanguageModel, State, Stepper, check_array, check_stepper
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


AGREEMENT = 1e-4  # nats; two ways to the same figure may differ by as much, in float32 and in float64
SUM_FLOAT32 = 1e-4  # a distribution held in float32 may sum to one ± this
SUM_FLOAT64 = 1e-6  # one held in float64
BEYOND = 1e6  # the figure for a difference that is not finite, so that it can be stored as JSON
SHOWN_TOKENS = 3  # the tokens of a context that a sentence shows


def sum_tolerance(log_probs: FloatArray) -> float:
    """Return how far from one the sums may be, by the precision of the figures.

    Values that are all exact in float32 count as float32, whatever array they were copied into.
    """
    if log_probs.dtype == np.float64:
        with np.errstate(over="ignore"):
            for row in np.atleast_2d(log_probs):  # one by one: with a large vocabulary copies of all are gigabytes
                if not np.array_equal(row.astype(np.float32), row, equal_nan=True):
                    return SUM_FLOAT64
    return SUM_FLOAT32


def probability_sums(log_probs: FloatArray) -> FloatArray:
    """Return the (B,) sums of the probabilities in each row of (B, V) nats, computed in float64; NaN for NaN."""
    with np.errstate(over="ignore"):
        return np.array([np.exp(row.astype(np.float64)).sum() for row in log_probs], np.float64)


def differences(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the absolute differences in nats; ``BEYOND`` where one is not finite and they are not equal."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
    gap[one == other] = 0.0  # two impossible tokens are equal, though -inf minus -inf is no number
    np.nan_to_num(gap, copy=False, nan=BEYOND, posinf=BEYOND)
    return np.minimum(gap, BEYOND)


def largest(gaps: FloatArray) -> tuple[float, int]:
    """Return the largest of (n,) or (n, V) differences and its row; (0, 0) if there are none."""
    if not gaps.size:
        return 0.0, 0
    rows = gaps if gaps.ndim == 1 else gaps.max(axis=1)
    row = int(np.argmax(rows))
    return float(rows[row]), row


def largest_of_rows(some: Iterable[FloatArray], others: Iterable[FloatArray]) -> tuple[float, int]:
    """Return the largest difference of n distributions (V,) from n others, and its row; (0, 0) if there are none."""
    return largest(np.array([differences(a, b).max() for a, b in zip(some, others, strict=True)]))


def place(text: Encoded, at: int, document: int | None = None) -> str:
    """Return a position in words: the tokens before it, its document and its number there.

    ``document`` is needed for the position one past the end of a document, where the next one begins.
    """
    d = int(text.document_of(np.array([at]))[0]) if document is None else document
    start = int(text.starts[d]) if text.n_documents else 0
    offset = at - start
    name = text.names[d] if text.n_documents else "0"
    if offset == 0:
        return f"at the beginning of document {name}"
    context = [text.vocabulary[i] for i in text.ids[max(start, at - SHOWN_TOKENS) : at]]
    cut = "… " if offset > SHOWN_TOKENS else ""
    return f"after '{cut}{' '.join(context)}' (document {name}, token {offset})"


def as_sentence_number(value: float) -> str:
    """Return a figure for a sentence: four significant digits, no trailing zeros."""
    return "no finite number" if value >= BEYOND else f"{value:.4g}"


def others(text: Encoded, count: int, generator: np.random.Generator) -> IntArray:
    """Return (count,) ids drawn uniformly from the whole vocabulary, which no model expects."""
    return generator.integers(0, len(text.vocabulary), count).astype(np.int32)


def state_difference(one: State, other: State) -> str:
    """Return what first differs between two states, "" if nothing does."""
    if sorted(one.arrays) != sorted(other.arrays):
        return f"one has the arrays {', '.join(sorted(one.arrays))}, the other {', '.join(sorted(other.arrays))}"
    for name in sorted(one.arrays):
        a, b = np.asarray(one.arrays[name]), np.asarray(other.arrays[name])
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"array '{name}' is {a.dtype}{list(a.shape)} in one and {b.dtype}{list(b.shape)} in the other"
        if a.tobytes() != b.tobytes():
            places = int(np.count_nonzero(a != b))
            return f"array '{name}' differs at {places:,} of {a.size:,} places"
    for key in sorted({*one.values, *other.values}):
        if _as_json(one.values.get(key)) != _as_json(other.values.get(key)):
            return f"the value '{key}' differs"
    return ""


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
