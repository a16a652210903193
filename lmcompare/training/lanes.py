"""Batches: documents run through the rows of batches (lanes), and each row continues where it stopped before.

A teacher, another trained model, can add what it predicts for each token of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lmcompare.model import FloatArray, LanguageModel, streamed
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.softmax import IGNORED

KEPT = 16  # words at each token; the probability that the teacher gives to all others goes to the target


class Taught(NamedTuple):
    """The teacher's predictions for the tokens of a batch: ``words`` and ``shares`` (B, T, K), and ``weight``."""

    words: Tensor
    shares: Tensor
    weight: float


@dataclass(frozen=True, eq=False)
class Teacher:
    """The most likely words of a model at each token of a text.

    Parameters
    ----------
    words : ndarray of shape (N, K)
        The words, int32, in no particular order.
    shares : ndarray of shape (N, K)
        The probabilities of the words, float16.
    weight : float
        α: the loss is 1 - α times the loss of the target, plus α times the loss of the teacher's distribution.
    """

    words: IntArray
    shares: npt.NDArray[np.float16]
    weight: float

    @classmethod
    def of(cls, model: LanguageModel, text: Encoded, weight: float) -> Self:
        """Return the predictions of a model for each token of a text."""
        kept = min(KEPT, len(text.vocabulary))
        words = np.zeros((len(text), kept), np.int32)
        shares = np.zeros((len(text), kept), np.float16)
        for at, block in streamed(model, text):
            words[at] = _likely(block, kept)
            shares[at] = np.exp(np.take_along_axis(block, words[at], 1).astype(np.float64))
        return cls(words, shares, weight)

    def at(self, firsts: IntArray, width: int, device: str) -> Taught:
        """Return the predictions for ``width`` tokens from each of B positions; past the end, for the last token."""
        places = (firsts[:, None] + np.arange(width)).clip(max=len(self.words) - 1)
        words = torch.from_numpy(self.words[places].astype(np.int64)).to(device)
        return Taught(words, torch.from_numpy(self.shares[places].astype(np.float32)).to(device), self.weight)


def _likely(block: FloatArray, kept: int) -> IntArray:
    """(B, K) the words with the greatest log-probabilities, in no particular order."""
    if kept == block.shape[1]:
        return np.tile(np.arange(kept), (len(block), 1))
    return np.argpartition(-block, kept - 1, axis=1)[:, :kept]


BoolArray = npt.NDArray[np.bool_]

LONGEST = 4  # the longest sentence that is read alone, in multiples of ``length``


@dataclass(frozen=True)
class Texts:
    """The texts of a training run.

    Parameters
    ----------
    train, valid : Encoded
        The training text and the validation text.
    rare : (V,) array of bool or None, default=None
        The words that are read as ``<unk>`` half of the time.
    teacher : Teacher or None, default=None
        What another model predicts for each token of the training text.
    """

    train: Encoded
    valid: Encoded
    rare: BoolArray | None = None
    teacher: Teacher | None = None


@dataclass(frozen=True)
class Batch:
    """The tokens of one training step.

    Parameters
    ----------
    inputs, targets : (B, T) array of int64
        The ids that are read, and those that are predicted. Padding is at the end of a row and has the target -1.
    begins : (B,) array of bool
        Which rows begin a new part of the text. The other rows continue with the memory of the last batch whose
        ``goes_on`` is true.
    goes_on : bool
        Whether the batch belongs to the sequence of batches whose rows continue one another.
    firsts : (B,) array of int64
        The position of the first target of each row in the training text; the other targets of the row follow it.
    """

    inputs: IntArray
    targets: IntArray
    begins: BoolArray
    goes_on: bool
    firsts: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def tokens(self) -> int:
        """The number of predicted tokens."""
        return int((self.targets != IGNORED).sum())


@dataclass
class _Part:
    """A part of one document: inputs and targets of equal length, and how many of them have been read.

    ``first`` is the position of the first target in the text.
    """

    inputs: IntArray
    targets: IntArray
    first: int
    read: int = 0


class Lanes:
    """An endless sequence of batches over the training text, the same for the same seed.

    Each pass shuffles the documents. Documents longer than ``length`` run through ``rows`` lanes, ``length`` tokens
    a step; when a document ends, the next one begins in its lane. A document longer than a lane's share of the text
    is cut into parts, at positions that change from pass to pass. Short documents form batches of their own, sorted
    by length so that there is little padding, and start with an empty memory.

    Parameters
    ----------
    text : Encoded
        The training text.
    rows : int
        Documents read side by side.
    length : int
        Tokens of each document read in a step.
    seed : int
        The seed of the order of the documents.
    rare : (V,) array of bool or None, default=None
        The words that are read as ``<unk>`` half of the time.
    alone : float, default=0.0
        The share of batches that read single sentences, each as a document of its own. From them, a network that
        otherwise reads long documents learns how a document begins. Sentences longer than ``LONGEST`` · ``length``
        are left out.
    """

    def __init__(
        self,
        text: Encoded,
        rows: int,
        length: int,
        seed: int,
        *,
        rare: BoolArray | None = None,
        alone: float = 0.0,
    ) -> None:
        self.text, self.rows, self.length = text, rows, length
        self.rare = rare
        self.random = np.random.default_rng([seed, 7919])
        self.begin = len(text.vocabulary)
        lengths = text.ends - text.starts
        self.long = np.flatnonzero(lengths > length)
        self.short = np.flatnonzero((lengths > 0) & (lengths <= length))
        sentences = text.sentence_starts()
        after = np.append(sentences[1:], len(text))
        brief = after - sentences <= LONGEST * length
        self.sentences = (sentences[brief], after[brief])
        self.alone = alone if brief.any() else 0.0
        total = max(int(lengths.sum()), 1)
        self.short_share = float(lengths[self.short].sum()) / total
        self.longest = max(2 * length, int(lengths[self.long].sum()) // rows + 1)

    def __iter__(self) -> Iterator[Batch]:
        short = (self.text.starts[self.short], self.text.ends[self.short])
        longs, shorts, alone = self._long_batches(), self._short_batches(*short), self._short_batches(*self.sentences)
        while True:
            if self.alone and self.random.random() < self.alone:
                yield next(alone)
                continue
            yield next(shorts if self.random.random() < self.short_share else longs)

    def _long_batches(self) -> Iterator[Batch]:
        parts = self._parts()
        lanes = [next(parts) for _ in range(self.rows)]
        while True:
            begins = np.array([lane.read == 0 for lane in lanes])
            pieces = []
            for row, lane in enumerate(lanes):
                here = slice(lane.read, lane.read + self.length)
                pieces.append((lane.inputs[here], lane.targets[here], lane.first + lane.read))
                lane.read += self.length
                if lane.read >= len(lane.targets):
                    lanes[row] = next(parts)
            yield self._batch(pieces, begins, goes_on=True)

    def _parts(self) -> Iterator[_Part]:
        """Yield the long documents, pass after pass, cut if they are longer than a lane's share of the text."""
        while True:
            drawn: list[tuple[int, int, int]] = []
            for document in self.long:
                start, end = int(self.text.starts[document]), int(self.text.ends[document])
                pieces = -(-(end - start) // self.longest)
                shift = int(self.random.integers(self.longest)) if pieces > 1 else 0
                cuts = [start, *range(start + shift, end, self.longest), end] if pieces > 1 else [start, end]
                drawn += [(start, a, b) for a, b in pairwise(cuts) if b > a]
            for index in self.random.permutation(len(drawn)):
                yield self._part(*drawn[index])

    def _short_batches(self, starts: IntArray, ends: IntArray) -> Iterator[Batch]:
        room = self.rows * self.length
        while True:
            order = self.random.permutation(len(starts))
            order = order[np.argsort((ends - starts)[order], kind="stable")]
            batches: list[list[int]] = [[]]
            for each in order:  # in rising order of length, so the last document of a batch is its longest
                if (len(batches[-1]) + 1) * (ends[each] - starts[each]) > room and batches[-1]:
                    batches.append([])
                batches[-1].append(int(each))
            for index in self.random.permutation(len(batches)):
                parts = [self._part(int(starts[k]), int(starts[k]), int(ends[k])) for k in batches[index]]
                pieces = [(part.inputs, part.targets, part.first) for part in parts]
                yield self._batch(pieces, np.ones(len(parts), np.bool_), goes_on=False)

    def _part(self, document_start: int, start: int, end: int) -> _Part:
        first = start == document_start
        ids = self.text.ids[start if first else start - 1 : end].astype(np.int64)
        if self.rare is not None:
            assert self.text.vocabulary.unknown is not None, "rare words are read as <unk>"
            hidden = self.rare[ids] & (self.random.random(len(ids)) < 0.5)
            ids[hidden] = self.text.vocabulary.unknown
        if first:
            ids = np.concatenate([[self.begin], ids])
        return _Part(ids[:-1], ids[1:], start)

    def _batch(self, pieces: list[tuple[IntArray, IntArray, int]], begins: BoolArray, *, goes_on: bool) -> Batch:
        width = max(len(wanted) for _, wanted, _ in pieces)
        inputs = np.full((len(pieces), width), self.text.vocabulary.end, np.int64)
        targets = np.full((len(pieces), width), IGNORED, np.int64)
        for row, (read, wanted, _) in enumerate(pieces):
            inputs[row, : len(read)] = read
            targets[row, : len(wanted)] = wanted
        return Batch(inputs, targets, begins, goes_on, np.array([first for *_, first in pieces], np.int64))
