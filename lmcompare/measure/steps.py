"""The steps of series: which are scored, and the density of their values within their bins.

A model gives a probability to each bin. Divided by that of all bins together (a series does not end, and no value is
missing where one is scored) and multiplied by the density within the bin, it is a density of values, whose logarithm
is compared between models of any bins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.series.values import Line, line_of
from lmcompare.measure.word_bits import WordEnds
from lmcompare.model import FloatArray
from lmcompare.tokens import Encoded, IntArray
from lmcompare.tokens.values import ValueTokenizer

if TYPE_CHECKING:
    from lmcompare.runfolder.layout import Split
    from lmcompare.runfolder.tokens import TokenizedCorpus


@dataclass(frozen=True)
class ScoredSteps:
    """Which tokens of a split are scored steps, and which types are bins.

    Parameters
    ----------
    at : (N,) bool array
        The scored tokens.
    bins : (V,) bool array
        The types that are bins.
    """

    at: npt.NDArray[np.bool_]
    bins: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, corpus: TokenizedCorpus, split: Split) -> ScoredSteps:
        """Return the scored steps of a split of series."""
        tokenizer = corpus.tokenizer
        assert isinstance(tokenizer, ValueTokenizer)
        bins = tokenizer.bin_of(corpus.vocabulary.tokens) >= 0
        return cls(corpus.scored_steps(split), bins)

    @property
    def asked(self) -> WordEnds:
        """What a model has to return while it scores: at each scored step, the probability of all bins together."""
        return WordEnds(self.at, self.bins)

    def log_probs(self, nats: FloatArray, of_bins: FloatArray) -> FloatArray:
        """(N,) the nats of each scored bin among all bins; 0 for tokens that are not scored."""
        return np.where(self.at, nats - of_bins, 0.0)


def lines_of(corpus: TokenizedCorpus, split: Split) -> list[Line]:
    """Return the values of the documents of a split, each with the number of those that are given."""
    words: list[str] = [word for block in corpus.surface(split) for word in block["token"].tolist()]
    sentence = corpus.features(split, ["sentence"])["sentence"].to_numpy()
    text = corpus.split(split)
    return [_line(words[begin:end], sentence[begin:end]) for begin, end in _spans(text)]


WINDOWS, LENGTH = 3, 24  # windows of a test series that exhibits show, and the tokens of each


def example_windows(corpus: TokenizedCorpus) -> Encoded:
    """Return the ends of some test documents, each a document of its own, for the exhibits of a model."""
    text = corpus.test
    documents = range(min(WINDOWS, text.n_documents))
    ids = [
        text.ids[max(int(text.starts[d]), int(text.ends[d]) - 1 - LENGTH) : int(text.ends[d]) - 1] for d in documents
    ]
    return Encoded.from_documents(ids, corpus.vocabulary)


def _spans(text: Encoded) -> Iterator[tuple[int, int]]:
    for begin, end in zip(text.starts.tolist(), text.ends.tolist(), strict=True):
        yield begin, end - 1  # </s>


def _line(words: Sequence[str], sentence: IntArray) -> Line:
    given = int((sentence[: len(words)] == 0).sum())
    return line_of(f"{' '.join(words[:given])}\n{' '.join(words[given:])}")
