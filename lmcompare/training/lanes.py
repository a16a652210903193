"""Which tokens a training step reads: documents laid end to end in rows, each row going on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.softmax import IGNORED

BoolArray = npt.NDArray[np.bool_]

LONGEST = 4  # times ``length``: sentences read alone are no longer


@dataclass(frozen=True)
class Batch:
    """What one step reads.

    ``inputs``, ``targets``: (B, T) int64; padding, only ever behind the end of a row, has the target -1. ``begins``:
    (B,) the rows that read a new piece of text; the others go on from the memory of the last batch that ``goes_on``.
    """

    inputs: IntArray
    targets: IntArray
    begins: BoolArray
    goes_on: bool

    @property
    def tokens(self) -> int:
        """How many tokens are predicted."""
        return int((self.targets != IGNORED).sum())


@dataclass
class _Part:
    """A stretch of one document: inputs and targets of equal length, and how far it has been read."""

    inputs: IntArray
    targets: IntArray
    read: int = 0


class Lanes:
    """An endless sequence of batches over the training text, the same for the same seed.

    Documents are shuffled anew each pass. Those longer than ``length`` run through ``rows`` lanes, ``length`` tokens
    a step; the next one begins when one ends. A document so long that lanes would have to read the same text at
    once is cut into parts, at places that change from pass to pass. Short documents are put into batches of their
    own, sorted by length within the pass, so that little is padding; these begin anew.

    ``rare``: (V,) mask of the words that are read as ``<unk>`` half of the time, or None. ``alone``: the share of the
    batches made of sentences that are read as if each were a document; it teaches a network to begin anew, which one
    that reads long documents hardly ever does. Sentences longer than ``LONGEST`` · ``length`` are left out of these.
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
            width = max(min(self.length, len(lane.targets) - lane.read) for lane in lanes)
            pieces = []
            for row, lane in enumerate(lanes):
                here = slice(lane.read, lane.read + self.length)
                pieces.append((lane.inputs[here], lane.targets[here]))
                lane.read += self.length
                if lane.read >= len(lane.targets):
                    lanes[row] = next(parts)
            yield self._batch(pieces, width, begins, goes_on=True)

    def _parts(self) -> Iterator[_Part]:
        """Yield the long documents pass after pass, cut where they are longer than a lane's share of the text."""
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
            for each in order:  # rising in length: the newest is the longest
                if (len(batches[-1]) + 1) * (ends[each] - starts[each]) > room and batches[-1]:
                    batches.append([])
                batches[-1].append(int(each))
            for index in self.random.permutation(len(batches)):
                parts = [self._part(int(starts[k]), int(starts[k]), int(ends[k])) for k in batches[index]]
                width = max(len(p.targets) for p in parts)
                yield self._batch(
                    [(p.inputs, p.targets) for p in parts], width, np.ones(len(parts), np.bool_), goes_on=False
                )

    def _part(self, document_start: int, start: int, end: int) -> _Part:
        first = start == document_start
        ids = self.text.ids[start if first else start - 1 : end].astype(np.int64)
        if self.rare is not None:
            hidden = self.rare[ids] & (self.random.random(len(ids)) < 0.5)
            ids[hidden] = self.text.vocabulary.unknown
        if first:
            ids = np.concatenate([[self.begin], ids])
        return _Part(ids[:-1], ids[1:])

    def _batch(
        self, pieces: list[tuple[IntArray, IntArray]], width: int, begins: BoolArray, *, goes_on: bool
    ) -> Batch:
        inputs = np.full((len(pieces), width), self.text.vocabulary.end, np.int64)
        targets = np.full((len(pieces), width), IGNORED, np.int64)
        for row, (read, wanted) in enumerate(pieces):
            inputs[row, : len(read)] = read
            targets[row, : len(wanted)] = wanted
        return Batch(inputs, targets, begins, goes_on)
