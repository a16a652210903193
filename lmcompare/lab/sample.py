"""Positions drawn from the test text, for measurements that ask a model about each position separately."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.intervals import units_of
from lmcompare.analysis.metrics import LN2
from lmcompare.lab.contrasts import Measured
from lmcompare.model import LanguageModel
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import Run
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray

LONGEST = 256  # the most tokens of a context
BLOCK = 128  # positions that are asked for at a time


@dataclass(frozen=True)
class Sample:
    """Positions of the test text.

    Parameters
    ----------
    text : Encoded
        The test text.
    at : array of int, shape (n,)
        The positions, in rising order.
    units : array of int, shape (n,)
        The resampling unit of each position.
    n_units : int
        U: how many units the text has.
    overhead : array of float, shape (n,)
        The bits that each token is charged beside the model's own.
    bytes : array of float, shape (n,)
        The bytes of each token, with the white space before it.
    """

    text: Encoded
    at: IntArray
    units: IntArray
    n_units: int
    overhead: Array
    bytes: Array

    @classmethod
    def of(cls, run: Run, corpus: TokenizedCorpus, positions: int) -> Sample:
        """Draw at most ``positions`` positions, each with the same probability."""
        text, units = corpus.test, units_of(run)
        at = np.arange(len(text))
        assert text.spans is not None
        begins, ends = text.spans.astype(np.int64).T
        document = text.document_of(at)
        last = np.flatnonzero(np.diff(document, append=-1))
        ends = ends.copy()
        ends[last] = corpus.documents_of("test")["bytes"].to_numpy(np.int64)[document[last]]  # with the white space
        before = np.append(0, ends[:-1])
        before[text.starts[text.starts < len(text)]] = 0
        charged = np.concatenate(
            [block["overhead_bits"] for block in corpus.feature_blocks("test", ["overhead_bits"])]
        )
        n_bytes = (ends - before).astype(np.float64)
        return cls(text, at, units.of(document, begins), len(units), charged, n_bytes).chosen(at, positions)

    def chosen(self, where: IntArray, most: int | None = None) -> Sample:
        """Return the positions with these indices, or ``most`` of them, drawn at random."""
        kept = np.asarray(where) if most is None else drawn(where, most)
        each = (self.overhead[kept], self.bytes[kept])
        return Sample(self.text, self.at[kept], self.units[kept], self.n_units, *each)

    @property
    def sizes(self) -> Array:
        """(U,) the bytes of the tokens at the positions, in each unit."""
        return np.bincount(self.units, self.bytes, minlength=self.n_units)

    @property
    def counts(self) -> Array:
        """(U,) the positions in each unit."""
        return np.bincount(self.units, minlength=self.n_units)

    def __len__(self) -> int:
        return len(self.at)

    @property
    def targets(self) -> IntArray:
        """(n,) the tokens at the positions."""
        return self.text.ids[self.at]

    def contexts(self, longest: int = LONGEST) -> Iterator[IntArray]:
        """Yield the last ``longest`` tokens before each position, of its document."""
        for position, start in zip(self.at.tolist(), self.text.context_starts(self.at).tolist(), strict=True):
            yield self.text.ids[max(start, position - longest) : position]

    def bits(self, log_probs: Iterable[Array]) -> Measured:
        """Return the bits that a condition charges, given the (n,) log-probabilities in nats of its S trainings."""
        return self.amounts([-nats / LN2 + self.overhead for nats in log_probs])

    def surprisals(self, log_probs: Iterable[Array]) -> Measured:
        """Return the surprisals in bits, given the log-probabilities in nats of the whole text for S trainings."""
        return self.amounts([-nats[self.at] / LN2 for nats in log_probs])

    def amounts(self, found: Iterable[Array]) -> Measured:
        """Return a condition, given (n,) amounts at the positions for each of its S trainings."""
        return Measured.of(np.stack([np.bincount(self.units, row, minlength=self.n_units) for row in found]))


def drawn(where: IntArray, most: int) -> IntArray:
    """Return at most ``most`` of some numbers, drawn at random, in rising order."""
    return np.sort(np.random.default_rng([0, len(where)]).permutation(where)[:most])


def asked(model: LanguageModel, contexts: Iterable[IntArray], text: Encoded) -> Iterator[Array]:
    """Yield the (V,) distribution, in nats, of the token after each context; the text ends with it, so that a model
    can't see what follows.

    Parameters
    ----------
    model : LanguageModel
    contexts : sequence of arrays of int
    text : Encoded
        A text with the vocabulary of the ids.
    """
    for context in contexts:
        alone = Encoded.from_documents([context], text.vocabulary)
        yield model.next_log_probs(alone, np.array([len(context)]))[0]


def asked_of(model: LanguageModel, sample: Sample, contexts: Sequence[IntArray]) -> Array:
    """Return the (n,) log-probability, in nats, of each token of a sample after the context that is given for it."""
    found = zip(asked(model, contexts, sample.text), sample.targets.tolist(), strict=True)
    return np.array([distribution[target] for distribution, target in found], np.float64)


def after(model: LanguageModel, sample: Sample, contexts: Sequence[IntArray]) -> Array:
    """Return what ``asked_of`` returns, many contexts at a time: for models that can't see what follows.

    Each context is a document with the token behind it, as in a text that is scored.
    """
    nats = np.empty(len(sample))
    for first in range(0, len(sample), BLOCK):
        rows = slice(first, first + BLOCK)
        documents = [np.append(c, t) for c, t in zip(contexts[rows], sample.targets[rows], strict=True)]
        together = Encoded.from_documents(documents, sample.text.vocabulary)
        last = together.ends - 1
        block = model.next_log_probs(together, last)
        nats[rows] = block[np.arange(len(last)), sample.targets[rows]]
    return nats
