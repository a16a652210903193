"""The unigram model: the floor that every other model has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, Self

import numpy as np

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import Bars, Exhibit, WorkedEquation
from lmcompare.model import BLOCK_BYTES, FloatArray, LanguageModel, Setting, State, Stepper, fitted, same_vocabulary
from lmcompare.tokens import Encoded, IntArray, Vocabulary

_EQUATION = (
    '<math display="block"><mrow>'
    "<mi>P</mi><mo>(</mo><mi>w</mi><mo>)</mo><mo>=</mo>"
    "<mfrac>"
    "<mrow><mi>c</mi><mo>(</mo><mi>w</mi><mo>)</mo><mo>+</mo><mi>&#x3B1;</mi></mrow>"
    "<mrow><mi>N</mi><mo>+</mo><mi>&#x3B1;</mi><mi>V</mi></mrow>"
    "</mfrac>"
    "</mrow></math>"
)


class Unigram(LanguageModel):
    """Guesses every word by how frequent it is, whatever came before: the floor for all other models.

    ``p(w) = (c(w) + α) / (N + α V)`` over the V words of the vocabulary, ``<unk>`` and ``</s>`` included (Lidstone
    smoothing; α = 1 is Laplace's rule). Where train holds no ``<unk>``, it has what any word with the count 0 has.

    Parameter: ``alpha``, what is added to each count; greater than 0.
    """

    known_failures: ClassVar[Mapping[str, str]] = {
        "beats-the-unigram-floor": "it is the floor",
        "comes-near-the-entropy": "it does not read the context, from which the text could be guessed",
    }

    def __init__(self, alpha: float = 1.0) -> None:
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < float("inf"):
            raise PluginError(f"alpha is a number greater than 0, not {alpha!r}")
        self.alpha = alpha
        self._log_probs: FloatArray | None = None  # (V,) nats
        self._counts: IntArray | None = None  # (V,)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count the words of train; valid is not read. Raises ``LmcompareError`` if train has no tokens."""
        if not len(train):
            raise LmcompareError("train holds no tokens to count: give the unigram model a text to learn from")
        counts = np.bincount(train.ids, minlength=len(setting.vocabulary))
        self._counts = counts
        self._log_probs = np.log((counts + self.alpha) / (len(train) + self.alpha * len(counts)))
        return self

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats, the same in each row."""
        text.check_positions(at)
        return np.tile(self._for(text.vocabulary), (len(at), 1))

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the distributions in text order as float32; rows sum to one within 1e-6."""
        row = self._for(text.vocabulary).astype(np.float32)
        rows = max(1, BLOCK_BYTES // row.nbytes)
        for first in range(0, len(text), rows):
            at = np.arange(first, min(first + rows, len(text)))
            yield at, np.tile(row, (len(at), 1))

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one look-up a token."""
        scores: FloatArray = self._for(text.vocabulary)[text.ids]
        return scores

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that always says the same."""
        return _Constant(self._for(vocabulary), prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the equation, worked for the first token of ``text``, and the most frequent words of train."""
        log_probs, counts = self._for(text.vocabulary), fitted(self._counts, self)
        if len(text):
            yield self._worked(text.vocabulary, int(text.ids[0]), log_probs, counts)
        top = np.argsort(-counts, kind="stable")[:20]
        yield Bars(
            title="The likeliest words",
            note="What it expects next at every place, whatever stands before.",
            labels=tuple(text.vocabulary[int(i)] for i in top),
            values=tuple(float(p) for p in 100 * np.exp(log_probs[top])),
            unit="% probability",
        )

    def _worked(self, vocabulary: Vocabulary, word: int, log_probs: FloatArray, counts: IntArray) -> WorkedEquation:
        token = vocabulary[word]
        return WorkedEquation(
            title="Its equation",
            note=f"With the trained model's numbers for '{token}'.",
            equation=_EQUATION,
            plain="P(w) = (c(w) + α) / (N + α V)",
            saying="A word is as likely as it was frequent in training; α keeps a little for those never seen.",
            lines=(
                (f"c({token}): how often it stands in training", float(counts[word])),
                ("α: what is added to each count", float(self.alpha)),
                ("N: the tokens of training", float(counts.sum())),
                ("V: the types of the vocabulary", float(len(counts))),
                (f"P({token})", float(np.exp(log_probs[word]))),
            ),
        )

    def state(self) -> State:
        """Return the counts and log-probabilities."""
        return State({"log_probs": fitted(self._log_probs, self), "counts": fitted(self._counts, self)})

    def restore(self, state: State) -> Self:
        """Become the model of this state."""
        self._log_probs, self._counts = np.asarray(state.arrays["log_probs"]), np.asarray(state.arrays["counts"])
        return self

    def _for(self, vocabulary: Vocabulary) -> FloatArray:
        log_probs = fitted(self._log_probs, self)
        same_vocabulary("this unigram model", len(log_probs), vocabulary)
        return log_probs


class _Constant(Stepper):
    def __init__(self, log_probs: FloatArray, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._log_probs, self._vocabulary = log_probs, vocabulary
        vocabulary.check(prefix)

    def log_probs(self) -> FloatArray:
        return self._log_probs.copy()

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
