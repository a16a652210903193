"""What is done to contexts to find out how far a model reads, and texts for training on such contexts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lmcompare.tokens import Encoded, IntArray

SHUFFLED, IN_ORDER = 48, 16  # tokens of a passage: its beginning, and its end
COPIES = 4  # of the text, shuffled in different ways

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


def treated(contexts: Sequence[IntArray], treatment: str, kept: int, seed: int = 0) -> list[IntArray]:
    """Return contexts in which all but the last ``kept`` tokens are shuffled, reversed, cut or replaced.

    Parameters
    ----------
    contexts : sequence of arrays of int
    treatment : {"shuffled", "reversed", "cut", "replaced"}
        What replaces the beginning of a context is the context of half the sample further on.
    kept : int
        At least 0.
    seed : int
    """
    random, change = np.random.default_rng([seed, kept]), TREATMENTS[treatment]
    found = []
    for i, context in enumerate(contexts):
        border = max(0, len(context) - kept)
        other = contexts[(i + len(contexts) // 2) % len(contexts)]
        found.append(np.concatenate([change(context[:border], other, random), context[border:]]))
    return found


def shuffled(text: Encoded, seed: int) -> Encoded:
    """Return passages of a text, each a document, whose beginnings are shuffled and whose ends are in order.

    So a network learns to predict from contexts of which only the last 0 to 15 tokens are in order. Each part of the
    text occurs four times, shuffled in different ways and with other borders.
    """
    random = np.random.default_rng([seed, SHUFFLED])
    length = SHUFFLED + IN_ORDER
    passages = []
    for copy in range(COPIES):
        for document in text.documents():
            borders = range(length - copy * length // COPIES, len(document), length)
            for passage in np.split(document.copy(), list(borders)):
                random.shuffle(passage[: max(0, len(passage) - IN_ORDER)])
                passages.append(passage)
    return Encoded.from_documents(passages, text.vocabulary)
