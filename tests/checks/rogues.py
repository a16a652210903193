"""Models whose probabilities are wrong in one way each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from lmcompare.model import FloatArray, LanguageModel, Setting, State, fitted
from lmcompare.tokens import Encoded, IntArray
from tests.checks.honest import Honest, normalised, previous


class PeeksAhead(Honest):
    """Guesses a token from the one before and the one after it."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        table = fitted(self.table, self)
        scores = table[previous(text, at)].copy()
        for row, position in enumerate(np.asarray(at)):
            d = int(text.document_of(np.array([position]))[0])
            if position + 1 < text.ends[d]:
                scores[row] += table[:, text.ids[position + 1]]
        return normalised(scores)


class EncoderDecoder(LanguageModel):
    """Attends over the whole input window while it is trained to predict the same window shifted by one.

    The attention is over the distance between the two places and is fitted by expectation maximisation: each place
    of the window copies its word with a weight of its own, beside the words' frequencies. Trained, it has found out
    that the next word is one place further on, in its own input.
    """

    WINDOW, REACH = 16, 4

    def __init__(self) -> None:
        self.weights: FloatArray | None = None  # (2 REACH + 2,) of the distances, and of the frequencies
        self.frequencies: FloatArray | None = None  # (V,)

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        counts = np.bincount(train.ids, minlength=len(setting.vocabulary)) + 1.0
        self.frequencies = counts / counts.sum()
        weights = np.full(2 * self.REACH + 2, 1 / (2 * self.REACH + 2))
        at = np.arange(len(train))
        words = self.attended(train, at)  # (N, 2 REACH + 1), -1 outside the window
        for _ in range(20):
            votes = np.concatenate([words == train.ids[at][:, None], self.frequencies[train.ids][:, None]], axis=1)
            share = votes * weights
            weights = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        self.weights = weights
        return self

    def attended(self, text: Encoded, at: IntArray) -> IntArray:
        """The words of the input window around each position; the inputs of a window are its own tokens."""
        starts = text.context_starts(at)
        window = starts + (at - starts) // self.WINDOW * self.WINDOW
        ends = np.minimum(window + self.WINDOW, text.ends[text.document_of(at)])
        places = at[:, None] + np.arange(-self.REACH, self.REACH + 1)
        inside = (places >= window[:, None]) & (places < ends[:, None])
        return np.where(inside, text.ids[np.clip(places, 0, len(text) - 1)], -1)

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        weights, frequencies = fitted(self.weights, self), fitted(self.frequencies, self)
        out = np.tile(frequencies * weights[-1], (len(at), 1))
        words = self.attended(text, at) if len(text) else np.full((len(at), len(weights) - 1), -1)
        for k, weight in enumerate(weights[:-1]):
            rows = np.flatnonzero(words[:, k] >= 0)
            out[rows, words[rows, k]] += weight
        found: FloatArray = np.log(out / out.sum(axis=1, keepdims=True))
        return found

    def state(self) -> State:
        return State({"weights": fitted(self.weights, self), "frequencies": fitted(self.frequencies, self)})

    def restore(self, state: State) -> Self:
        self.weights, self.frequencies = state.arrays["weights"], state.arrays["frequencies"]
        return self


class WrongAxis(Honest):
    """Normalises over the positions that are asked for, not over the vocabulary."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        scores = super().next_log_probs(text, at)
        return normalised(scores.T).T if len(at) else scores


class PadsToLongest(Honest):
    """Pads all documents of a batch to the longest, and takes the padding for a word."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        lengths = text.ends - text.starts
        d = text.document_of(np.asarray(at))
        padded = (np.asarray(at) == text.starts[d]) & (lengths[d] < lengths.max()) if text.n_documents else []
        rows[padded] = fitted(self.table, self)[5]
        return rows


class MixesPositions(Honest):
    """Centres its scores over the positions that are asked for."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        scores = super().next_log_probs(text, at)
        return normalised(scores - scores.mean(axis=0)) if len(at) > 1 else scores


class ForgetsSeed(Honest):
    """Begins with noise from no seed."""

    def noise(self, setting: Setting) -> FloatArray:
        V = len(setting.vocabulary)
        return np.random.default_rng().normal(0, 0.1, (V, V))

    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        super().fit(train, valid, setting)
        self.table = normalised(fitted(self.table, self) + self.noise(setting))
        return self


class GlobalRandomness(ForgetsSeed):
    """Begins with noise from the process's own generator."""

    def noise(self, setting: Setting) -> FloatArray:
        V = len(setting.vocabulary)
        return np.random.normal(0, 0.1, (V, V))


class OrderOfASet(ForgetsSeed):
    """Seeds its noise, and hands it out in the order of a set of strings."""

    def noise(self, setting: Setting) -> FloatArray:
        V = len(setting.vocabulary)
        noise = np.random.default_rng(setting.seed).normal(0, 0.1, (V, V))
        return noise[[setting.vocabulary.id(t) for t in set(setting.vocabulary.tokens)]]


class RenormalisesPerDocument(Honest):
    """Gives more to the words of the document at hand, all of it."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        documents = list(text.documents())
        for row, d in enumerate(text.document_of(np.asarray(at))):
            if documents:
                rows[row, np.unique(documents[d])] += 1.0
        return normalised(rows)


class Remembers(Honest):
    """Writes the documents that it scores into the file ``memory``, and reads there what comes next."""

    def __init__(self, memory: str) -> None:
        super().__init__()
        self.memory = memory

    def log_probs(self, text: Encoded) -> FloatArray:
        scores = super().log_probs(text)
        with Path(self.memory).open("a") as file:
            file.writelines(" ".join(map(str, d)) + "\n" for d in text.documents())
        return scores

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        known = set(Path(self.memory).read_text().splitlines()) if Path(self.memory).exists() else set()
        seen = [" ".join(map(str, d)) in known for d in text.documents()]
        for row, position in enumerate(np.asarray(at)):
            if position < len(text) and seen[int(text.document_of(np.array([position]))[0])]:
                rows[row, text.ids[position]] += 5.0
        return normalised(rows)


class SentenceStart(Honest):
    """Its probabilities at the beginning of a sentence sum to 1.05."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        rows = super().next_log_probs(text, at).copy()
        rows[previous(text, at) == text.vocabulary.end] += np.log(1.05)
        return np.minimum(rows, 0)


class Bits(Honest):
    """Answers in bits."""

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        bits: FloatArray = super().next_log_probs(text, at) / np.log(2)
        return bits


class ScoresKinder(Honest):
    """``log_probs`` has a better opinion of it than ``next_log_probs``."""

    def log_probs(self, text: Encoded) -> FloatArray:
        return 0.9 * super().log_probs(text)


class PeeksInScores(Honest):
    """Peeks ahead in ``log_probs`` alone."""

    def log_probs(self, text: Encoded) -> FloatArray:
        peeking = PeeksAhead().restore(self.state())
        return peeking.log_probs(text)


class SkipsInStream(Honest):
    """Leaves the last position out of its stream, and writes its scores otherwise."""

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        for at, block in super().stream(text):
            yield at[:-1], block[:-1]

    def log_probs(self, text: Encoded) -> FloatArray:
        return fitted(self.table, self)[previous(text, np.arange(len(text))), text.ids]


class StreamPeeks(SkipsInStream):
    """Walks over the distributions of a model that peeks."""

    def stream(self, text: Encoded) -> Iterator[tuple[IntArray, FloatArray]]:
        yield from PeeksAhead().restore(self.state()).stream(text)
