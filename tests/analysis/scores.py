"""The token scores of one model as arrays, its seeds side by side and its rows checked against the features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.blocks import blocks
from lmcompare.analysis.metrics import LN2, SCORES
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry, Run


@dataclass(frozen=True)
class TokenScores:
    """The scores of the S finished seeds of a model for the N tokens of a split: (S, N), or (N,) where all agree."""

    log_prob: Array
    log_prob_reset: Array
    target_rank: Array
    is_unknown: Array
    document: Array
    byte_start: Array
    overhead_bits: Array

    @property
    def bits(self) -> Array:
        """(S, N) bits that each token is charged: −log2 of its probability, and its overhead bits."""
        return -self.log_prob / LN2 + self.overhead_bits


def token_scores(run: Run, model: ModelEntry, split: Split = "test") -> TokenScores:
    """Read the scores of every finished seed of a model."""
    found = list(blocks(run, [model], split, features=("overhead_bits",), scores=SCORES))

    def joined(column: str, kind: type) -> Array:
        none = np.zeros((len(model.done), 0))
        return np.concatenate([none, *(block.stacked(0, column) for block in found)], axis=1).astype(kind)

    def feature(column: str, kind: type) -> Array:
        return np.concatenate([np.zeros(0, kind), *(block.features[column] for block in found)]).astype(kind)

    return TokenScores(
        log_prob=joined("log_prob", np.float64),
        log_prob_reset=joined("log_prob_reset", np.float64),
        target_rank=joined("target_rank", np.int64),
        is_unknown=joined("is_unknown", bool)[0],
        document=feature("document", np.int64),
        byte_start=joined("byte_start", np.int64)[0],
        overhead_bits=feature("overhead_bits", np.float64),
    )
