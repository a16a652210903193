"""How far apart two figures are, how far they may be, and where in a text: what the kit and the runs measure with."""

from __future__ import annotations

import numpy as np

from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray

AGREEMENT = 1e-4  # nats; two ways to the same figure may differ by as much, in float32 and in float64
SUM_FLOAT32 = 1e-4  # a distribution held in float32 may sum to one ± this
SUM_FLOAT64 = 1e-6  # one held in float64
BEYOND = 1e6  # stands for a difference that is no number, so that every figure can be stored as JSON
SHOWN_TOKENS = 3  # of a context


def sum_tolerance(log_probs: FloatArray) -> float:
    """Return how far from one the sums may be, by the precision of the figures.

    Values that are all exact in float32 count as float32, whatever array they were copied into.
    """
    if log_probs.dtype == np.float64:
        with np.errstate(over="ignore"):
            narrow = log_probs.astype(np.float32).astype(np.float64)
        if not np.array_equal(narrow, log_probs, equal_nan=True):
            return SUM_FLOAT64
    return SUM_FLOAT32


def probability_sums(log_probs: FloatArray) -> FloatArray:
    """(B,) what the probabilities of each row of (B, V) nats sum to, added up in float64; NaN where there is one."""
    with np.errstate(over="ignore"):
        sums: FloatArray = np.exp(log_probs.astype(np.float64)).sum(axis=1)
    return sums


def differences(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the absolute differences in nats; ``BEYOND`` where either is no finite number and they are not equal."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(one.astype(np.float64) - other.astype(np.float64))
    gap[one == other] = 0.0  # two impossible tokens are equal, though -inf minus -inf is no number
    np.nan_to_num(gap, copy=False, nan=BEYOND, posinf=BEYOND)
    return np.minimum(gap, BEYOND)


def largest(gaps: FloatArray) -> tuple[float, int]:
    """Return the largest of (n,) or (n, V) gaps and the row in which it stands; (0, 0) if there is none."""
    if not gaps.size:
        return 0.0, 0
    rows = gaps if gaps.ndim == 1 else gaps.max(axis=1)
    row = int(np.argmax(rows))
    return float(rows[row]), row


def place(text: Encoded, at: int, document: int | None = None) -> str:
    """Say where a position stands: its last context tokens, its document and its place there.

    ``document``: for a position that is one past the end of this document, where the next one begins.
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
    """(count,) ids drawn from the whole vocabulary, each as likely: what no model expects."""
    return generator.integers(0, len(text.vocabulary), count).astype(np.int32)
