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
from lmcompare.analysis.totals import LN2, sums
from lmcompare.analysis.word_scores import WordBlock, word_blocks
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
        """Yield blocks (M, n) of log-probabilities in nats, in order, from the first finished seed of each model."""

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
        held: list[tuple[Array, Array]] = []  # the words of the last unit so far: the next block may continue it
        for block in word_blocks(self.run, self.models, split, (), seeds=1):
            bits, begins = block.bits + block.gaps, _begins(block)
            first = int(np.argmax(np.append(begins, True)))  # the words before it continue the unit that is held
            if held and first < len(begins):
                yield _summed([*held, (bits[:, :first], begins[:first])])
                held, bits, begins = [], bits[:, first:], begins[first:]
            held.append((bits, begins))
        if held:
            yield _summed(held)

    def units(self, split: Split) -> int:
        return sum(
            int(np.count_nonzero(_begins(block))) for block in word_blocks(self.run, self.models, split, (), seeds=1)
        )

    def figure_of(self, nats: float, split: Split) -> float:
        return -nats / LN2 / float(self._documents(split)["bytes"].sum())


def _begins(block: WordBlock) -> Array:
    """(W,) whether a word begins a unit: words that share a figure in any model are one unit."""
    return np.logical_not(block.joined.any(axis=0))


def _summed(parts: Sequence[tuple[Array, Array]]) -> Array:
    """(M, n) the nats of whole units, from the bits (M, W) of their words and whether each begins one (W,)."""
    bits, begins = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    unit = np.cumsum(begins) - 1
    return -LN2 * np.stack([np.bincount(unit, of_model) for of_model in bits])


def alike(run: Run) -> Alike | None:
    """Return the ranked models, by words if their tokens differ; None if there are fewer than two."""
    ranked = [model for model in run.scored if group_of(model)[0] == "ranked"]
    found = sums(run, "test")  # infinite for a model that gave a token the probability 0: it has no rank
    models = [model for model in ranked if np.isfinite(found[model.name].unit_bits).all()]
    if len(models) < 2:
        return None
    return (AlikeTokens if len({model.tokens_fingerprint for model in models}) == 1 else AlikeWords)(run, models)
