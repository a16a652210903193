"""The unigram model: the baseline for all other models."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np

from lmcompare.errors import PluginError
from lmcompare.exhibits import Bars, Exhibit, WorkedEquation
from lmcompare.model import (
    BLOCK_BYTES,
    ArraySpec,
    FloatArray,
    Idea,
    LanguageModel,
    PageCopy,
    Setting,
    Stepper,
    same_vocabulary,
)
from lmcompare.tokens import Encoded, IntArray, Vocabulary

SHOWN = 20  # words in the chart
BLOCK = 1 << 20  # tokens that are counted at a time
LEAST = 1e-100  # the least alpha, and its inverse the greatest: beyond, probabilities would be zero


@dataclass(eq=False)
class Unigram(LanguageModel):
    """Predicts each word by its frequency and ignores the context: the baseline for all other models.

    ``p(w) = (c(w) + α) / (N + α V)`` over the V types of the vocabulary, ``<unk>`` and ``</s>`` included (Lidstone
    smoothing; α = 1 is Laplace's rule).

    Parameters
    ----------
    alpha : float, default 1.0
        The number that is added to each count, from 1e-100 to 1e100.
    """

    idea = Idea(1948, "Shannon", "A mathematical theory of communication")
    keeps_to_memory = True
    known_failures: ClassVar[Mapping[str, str]] = {
        "comes-near-the-entropy": "it ignores the context, which makes the text predictable"
    }

    arrays = MappingProxyType({"nats": ArraySpec(("V",), most=0), "counts": ArraySpec(("V",), 0, 2**63, whole=True)})

    alpha: float = 1.0
    nats: FloatArray = field(init=False, repr=False)  # (V,) log-probabilities
    counts: IntArray = field(init=False, repr=False)  # (V,)

    def __post_init__(self) -> None:
        alpha = self.alpha
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not LEAST <= alpha <= 1 / LEAST:
            raise PluginError(f"alpha must be a number from {LEAST:g} to {1 / LEAST:g}, not {reprlib.repr(alpha)}")
        self.alpha = float(alpha)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count the words of the training text; the validation text is not read."""
        counts = np.zeros(len(setting.vocabulary), np.int64)
        for first in range(0, len(train), BLOCK):  # for all ids at once, NumPy would make a copy of 64 bits each
            counts += np.bincount(train.ids[first : first + BLOCK], minlength=len(counts))
        self.counts = counts
        self.nats = np.log((counts + self.alpha) / (len(train) + self.alpha * len(counts)))
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats, the same in each row."""
        text.check_positions(at)
        return np.tile(self._for(text.vocabulary), (len(at), 1))

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32, read-only; rows sum to one within 1e-6."""
        row = self._for(text.vocabulary).astype(np.float32)
        rows = max(1, BLOCK_BYTES // row.nbytes)
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, np.broadcast_to(row, (len(at), len(row)))

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one look-up per token."""
        scores: FloatArray = self._for(text.vocabulary)[text.ids]
        return scores

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        return _Constant(self._for(vocabulary), prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation, worked for the first token of ``text``, and the most frequent words."""
        vocabulary, counts = text.vocabulary, self.counts
        probabilities = np.exp(self._for(vocabulary))
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
                    ("α: the number added to each count", float(self.alpha)),
                    ("N: the number of tokens in the training text", float(counts.sum())),
                    ("V: the number of types in the vocabulary", float(len(counts))),
                    (f"P({token})", float(probabilities[word])),
                ),
            )
        top = np.argsort(-counts, kind="stable")[:SHOWN]
        yield Bars(
            title="The most likely words",
            note="The words that the model predicts at every position, whatever the context.",
            labels=tuple(vocabulary[int(i)] for i in top),
            values=tuple(float(p) for p in 100 * probabilities[top]),
            unit="percent",
        )

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Return the constant that is added to each count."""
        return PageCopy({"kind": "frequencies", "alpha": self.alpha})

    def _for(self, vocabulary: Vocabulary) -> FloatArray:
        same_vocabulary("this unigram model", len(self.nats), vocabulary)
        return self.nats


class _Constant(Stepper):
    def __init__(self, log_probs: FloatArray, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._log_probs, self._vocabulary = log_probs, vocabulary
        vocabulary.check(prefix)

    def log_probs(self) -> FloatArray:
        return self._log_probs.copy()

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
