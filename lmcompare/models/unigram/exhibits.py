"""The exhibits of the unigram model: its worked equation and the most frequent words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.exhibits import Bars, Exhibit, WorkedEquation
from lmcompare.tokens import Encoded, FloatArray, IntArray

SHOWN = 20  # words


def exhibits(log_probs: FloatArray, counts: IntArray, alpha: float, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits of a model with these log-probabilities and counts, both of shape (V,)."""
    vocabulary = text.vocabulary
    if len(text):
        word = int(text.ids[0])
        token = vocabulary[word]
        yield WorkedEquation(
            title="Its equation",
            note=f"With the trained model's numbers for '{token}'.",
            equation=r"P(w) = \frac{c(w) + \alpha}{N + \alpha V}",
            saying="The probability of a word is its frequency in the training text; α leaves a little for unseen"
            " words.",
            lines=(
                (f"c({token}): its count in the training text", float(counts[word])),
                ("α: what is added to each count", float(alpha)),
                ("N: the number of tokens in the training text", float(counts.sum())),
                ("V: the number of types in the vocabulary", float(len(counts))),
                (f"P({token})", float(np.exp(log_probs[word]))),
            ),
        )
    top = np.argsort(-counts, kind="stable")[:SHOWN]
    yield Bars(
        title="The most likely words",
        note="The words it predicts at every position, whatever the context.",
        labels=tuple(vocabulary[int(i)] for i in top),
        values=tuple(float(p) for p in 100 * np.exp(log_probs[top])),
        unit="% probability",
    )
