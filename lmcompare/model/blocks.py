"""What a model's ``stream`` yields, checked as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from lmcompare.errors import PluginError, kind_of
from lmcompare.tokens import Encoded, FloatArray, IntArray

MOST_EMPTY = 1000  # blocks without a position that may follow one another


class Streams(Protocol):
    """What has the method ``stream`` of a language model."""

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield positions and their distributions."""


def check_block(block: object, rows: int, text: Encoded, name: str) -> None:
    """Raise ``PluginError`` unless a model's distributions are numbers in an array of (``rows``, V)."""
    wanted = (rows, len(text.vocabulary))
    if not isinstance(block, np.ndarray) or block.shape != wanted or block.dtype.kind not in "fiu":
        found = kind_of(block)
        if isinstance(block, np.ndarray):
            found = f"shape {block.shape}" if block.shape != wanted else f"values of the kind {block.dtype}"
        raise PluginError(
            f"{name} gave {found} for {rows} positions: next_log_probs returns an array of numbers, {wanted}"
        )


def streamed(model: Streams, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield the (B,) positions and (B, V) distributions of ``model.stream``, every position once.

    A stream that never ends is over with the first position that it repeats, or after many empty blocks. Raises
    ``PluginError`` for that, for what is not positions with their distributions, and for positions left out.
    """
    name = type(model).__name__
    seen, empty = np.zeros(len(text), np.bool_), 0
    for pair in model.stream(text):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise PluginError(f"{name}.stream yields {kind_of(pair)}: yield pairs of positions and distributions")
        at, block = np.asarray(pair[0]), pair[1]
        if at.ndim != 1 or (len(at) and at.dtype.kind not in "iu"):
            raise PluginError(f"{name}.stream yields positions that are not whole numbers in an array of (B,)")
        at = at.astype(np.int64, copy=False)
        check_block(block, len(at), text, name)
        empty = 0 if len(at) else empty + 1
        if empty > MOST_EMPTY:
            raise PluginError(f"{name}.stream yields more than {MOST_EMPTY:,} empty blocks in a row: end it")
        if len(at) and (at.min() < 0 or at.max() >= len(text)):
            wrong = at.min() if at.min() < 0 else at.max()
            raise PluginError(f"{name}.stream yields position {wrong} of a text of {len(text)} tokens")
        if seen[at].any() or (np.any(at[1:] <= at[:-1]) and len(np.unique(at)) < len(at)):
            twice = at[seen[at]] if seen[at].any() else np.sort(at)[:-1][np.diff(np.sort(at)) == 0]
            raise PluginError(f"{name}.stream yields position {twice[0]} more than once: yield each once")
        seen[at] = True
        yield at, block
    if not seen.all():
        raise PluginError(f"{name}.stream left out {int((~seen).sum())} positions")
