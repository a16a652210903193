"""Models that can be compared piece by piece of the text: token by token, or word by word if their tokens differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from lmcompare.analysis.comparison import group_of
from lmcompare.analysis.metrics import perplexity
from lmcompare.analysis.token_blocks import blocks
from lmcompare.analysis.totals import LN2
from lmcompare.analysis.word_scores import word_scores
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import ModelEntry, Run


class Alike(ABC):
    """Models, and their scores of pieces of the text that they all have: tokens, or words."""

    unit: Literal["token", "word"]
    figure: Literal["perplexity", "bits per byte"]

    def __init__(self, run: Run, models: Sequence[ModelEntry]) -> None:
        self.run, self.models = run, tuple(models)

    @abstractmethod
    def nats(self, split: Split) -> Iterator[Array]:
        """Yield blocks (M, n) of log-probabilities in nats, in order; of each model its first finished seed."""

    @abstractmethod
    def units(self, split: Split) -> int:
        """Return the number of tokens or words of a split, which are the columns of all its blocks."""

    @abstractmethod
    def figure_of(self, nats: float, split: Split) -> float:
        """Return the figure of a split from its log-probability."""

    def _documents(self, split: Split) -> pd.DataFrame:
        return self.run.tokens[self.models[0].tokens_fingerprint].documents_of(split)


class AlikeTokens(Alike):
    """Models with the same tokens, which are compared by perplexity."""

    unit, figure = "token", "perplexity"

    def nats(self, split: Split) -> Iterator[Array]:
        for block in blocks(self.run, self.models, split, seeds=1):
            yield np.concatenate([block.stacked(m)[:1] for m in range(len(block.scores))])

    def units(self, split: Split) -> int:
        return int(self._documents(split)["tokens"].sum())

    def figure_of(self, nats: float, split: Split) -> float:
        return perplexity(nats, self.units(split))


class AlikeWords(Alike):
    """Models with different tokens, which are compared by bits per byte."""

    unit, figure = "word", "bits per byte"

    def nats(self, split: Split) -> Iterator[Array]:
        scores = word_scores(self.run, self.models, split, 1)
        group = np.cumsum(self._begins(split)) - 1
        yield -LN2 * np.stack([np.bincount(group, of_model) for of_model in scores.bits + scores.gaps])

    def units(self, split: Split) -> int:
        return int(np.count_nonzero(self._begins(split)))

    def figure_of(self, nats: float, split: Split) -> float:
        return -nats / LN2 / float(self._documents(split)["bytes"].sum())

    def _begins(self, split: Split) -> Array:
        """(W,) whether a word begins a unit: words that share a figure in any model are one unit."""
        return np.logical_not(word_scores(self.run, self.models, split, 1).joined.any(axis=0))


def alike(run: Run) -> Alike | None:
    """Return the ranked models, by words if their tokens differ; None if there are fewer than two."""
    models = [model for model in run.scored if group_of(model)[0] == "ranked"]
    if len(models) < 2:
        return None
    return (AlikeTokens if len({model.tokens_fingerprint for model in models}) == 1 else AlikeWords)(run, models)
