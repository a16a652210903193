"""Checks of what the methods of a model return, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from lmcompare.errors import PluginError, kind_of
from lmcompare.tokens import Encoded, FloatArray, IntArray

MOST_EMPTY = 1000  # blocks without positions that a stream may yield in a row


class Streams(Protocol):
    """An object that has the method ``stream`` of a language model."""

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield positions and their distributions."""


class Predicts(Protocol):
    """An object that has the method ``next_log_probs`` of a language model."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """Return the distributions at positions."""


class Lists(Protocol):
    """An object that has the method ``top_k`` of a stepper."""

    def top_k(self, k: int) -> tuple[IntArray, FloatArray]:
        """Return the most likely next tokens."""


def check_array(answer: object, shape: tuple[int, ...] | None, what: str) -> None:
    """Raise ``PluginError`` unless the answer of the method ``what`` is an array of float32 or float64.

    The array must have this ``shape``; None stands for any shape with one axis.
    """
    if not isinstance(answer, np.ndarray) or isinstance(answer, np.ma.MaskedArray | np.matrix):
        raise PluginError(f"{what} returned {kind_of(answer)}: return a plain numpy array of float32 or float64")
    if answer.ndim != 1 if shape is None else answer.shape != shape:
        wanted = "it must have one axis" if shape is None else f"it must be {shape}"
        raise PluginError(f"{what} returned shape {answer.shape}: {wanted}")
    if answer.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise PluginError(f"{what} returned {answer.dtype}: return float32 or float64")


def greatest(values: FloatArray, k: int | None) -> IntArray:
    """Return the indices of the k greatest of (n,) values, the greatest first and equal values in their order.

    If k is None, all indices are returned. NaN comes last.
    """
    if k is None or not 0 < k < len(values):
        return np.argsort(-values, kind="stable")[:k]
    least = -np.partition(-values, k - 1)[k - 1]
    some = np.flatnonzero(values >= least)
    if len(some) < k:  # fewer than k of the values are not NaN
        return np.argsort(-values, kind="stable")[:k]
    found: IntArray = some[np.argsort(-values[some], kind="stable")[:k]]
    return found


def next_distributions(model: Predicts, text: Encoded, at: IntArray) -> FloatArray:
    """Return ``next_log_probs``, (B, V). Raises ``PluginError`` if the model does not return such an array."""
    answer = model.next_log_probs(text, at)
    check_array(answer, (len(at), len(text.vocabulary)), f"{type(model).__name__}.next_log_probs")
    return answer


def check_stepper(stepper: object, whose: str) -> None:
    """Raise ``PluginError`` unless the object that ``whose.stepper`` returned has the methods of a ``Stepper``."""
    for method in ("log_probs", "push", "top_k"):
        if not callable(getattr(stepper, method, None)):
            raise PluginError(
                f"{whose}.stepper returned {kind_of(stepper)} without {method}: return an lmcompare.Stepper"
            )


def most_likely(stepper: Lists, k: int, whose: str) -> tuple[IntArray, FloatArray]:
    """Return the (k,) most likely tokens and their nats. Raises ``PluginError`` if these are not such arrays."""
    answer = stepper.top_k(k)
    what = f"top_k of {whose}'s stepper"
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise PluginError(f"{what} returned {kind_of(answer)}: return two arrays, of tokens and log-probabilities")
    ids, nats = answer
    if not isinstance(ids, np.ndarray) or ids.shape != (k,) or ids.dtype.kind not in "iu":
        raise PluginError(f"{what} returned tokens that are not whole numbers in an array of ({k},)")
    check_array(nats, (k,), what)
    return ids, nats


def streamed(model: Streams, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield the (B,) positions and (B, V) distributions of ``model.stream``, every position once.

    An endless stream is stopped at the first position that it repeats, or after many empty blocks. Raises
    ``PluginError`` for such a stream, for a block that is not positions with their distributions, and for positions
    that are left out.
    """
    name = type(model).__name__
    seen, empty = np.zeros(len(text), np.bool_), 0
    pairs = model.stream(text)
    if not isinstance(pairs, Iterable):
        raise PluginError(f"{name}.stream returned {kind_of(pairs)}: yield pairs of positions and distributions")
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise PluginError(f"{name}.stream yields {kind_of(pair)}: yield pairs of positions and distributions")
        at, block = np.asarray(pair[0]), pair[1]
        if at.ndim != 1 or (len(at) and at.dtype.kind not in "iu"):
            raise PluginError(f"{name}.stream yields positions that are not whole numbers in an array of (B,)")
        at = at.astype(np.int64, copy=False)
        check_array(block, (len(at), len(text.vocabulary)), f"{name}.stream")
        empty = 0 if len(at) else empty + 1
        if empty > MOST_EMPTY:
            raise PluginError(f"{name}.stream yields more than {MOST_EMPTY:,} empty blocks in a row: end it")
        if len(at) and (at.min() < 0 or at.max() >= len(text)):
            wrong = at.min() if at.min() < 0 else at.max()
            raise PluginError(
                f"{name}.stream yields position {wrong} of a text of {len(text)} tokens: positions are 0 to"
                f" {len(text) - 1}"
            )
        if seen[at].any() or (np.any(at[1:] <= at[:-1]) and len(np.unique(at)) < len(at)):
            twice = at[seen[at]] if seen[at].any() else np.sort(at)[:-1][np.diff(np.sort(at)) == 0]
            raise PluginError(f"{name}.stream yields position {twice[0]} more than once: yield each once")
        seen[at] = True
        yield at, block
    if not seen.all():
        raise PluginError(f"{name}.stream left out {int((~seen).sum())} positions: yield every position once")
