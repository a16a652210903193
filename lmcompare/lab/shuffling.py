"""What is done to contexts to find out how far a model reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lmcompare.tokens import IntArray

Treatment = Callable[[IntArray, IntArray, np.random.Generator], IntArray]
"""From the beginning of a context, and another context, to what replaces the beginning."""


def _of_another(beginning: IntArray, other: IntArray, random: np.random.Generator) -> IntArray:
    return np.resize(other, len(beginning)) if len(other) else beginning[:0]


TREATMENTS: dict[str, Treatment] = {
    "shuffled": lambda beginning, other, random: random.permutation(beginning.copy()),
    "reversed": lambda beginning, other, random: beginning[::-1],
    "cut": lambda beginning, other, random: beginning[:0],
    "replaced": _of_another,
}


def treated(
    contexts: Sequence[IntArray], treatment: str, kept: int, seed: int = 0, seen: Sequence[int] | None = None
) -> list[IntArray]:
    """Return contexts in which all but the last ``kept`` tokens are shuffled, reversed, cut or replaced.

    Parameters
    ----------
    contexts : sequence of arrays of int
    treatment : {"shuffled", "reversed", "cut", "replaced"}
        What replaces the beginning of a context is the context of half the sample further on.
    kept : int
        At least 0.
    seed : int
    seen : sequence of int, optional
        How many tokens of each context a model sees; those before them stay as they are. Otherwise a change of the
        order would also change which words it sees.
    """
    random, change = np.random.default_rng([seed, kept]), TREATMENTS[treatment]
    found = []
    for i, context in enumerate(contexts):
        border = max(0, len(context) - kept)
        other = contexts[(i + len(contexts) // 2) % len(contexts)]
        first = 0 if seen is None else min(border, max(0, len(context) - seen[i]))
        changed = change(context[first:border], other, random)
        found.append(np.concatenate([context[:first], changed, context[border:]]))
    return found
