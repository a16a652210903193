"""The token scores of one model as arrays, its seeds side by side and its rows checked against the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lmcompare.analysis.run import ModelEntry, Run, Split
from lmcompare.analysis.stored import RunFolderError

Array = npt.NDArray[Any]
LN2 = float(np.log(2.0))


@dataclass(frozen=True)
class TokenScores:
    """What the S finished seeds of one model gave to the N tokens of a split.

    ``log_prob``, ``log_prob_reset``: (S, N) float64 nats, the latter NaN on valid. ``target_rank``: (S, N), 1 is the
    likeliest, 0 on valid. ``is_unknown``: (N,) bool. ``document``, ``sentence``: (N,) indices, the latter within the
    document. ``side_bits``: (N,) bits charged beside the model's own.
    """

    log_prob: Array
    log_prob_reset: Array
    target_rank: Array
    is_unknown: Array
    document: Array
    sentence: Array
    side_bits: Array

    def __len__(self) -> int:
        return int(self.log_prob.shape[1])

    @property
    def bits(self) -> Array:
        """(S, N) bits that each token is charged: −log2 of its probability, and what stands beside the model."""
        return -self.log_prob / LN2 + self.side_bits


def token_scores(run: Run, model: ModelEntry, split: Split = "test") -> TokenScores:
    """Read the scores of every finished seed of a model.

    Raises ``RunFolderError`` where the rows of a cell are not those of the token features.
    """
    tokens = run.tokens[model.tokens_fingerprint]
    features = tokens.features(split, ("document", "position", "sentence", "side_bits"))
    wanted = ("document", "position", "log_prob", "log_prob_reset", "target_rank", "is_unknown")
    frames = []
    for cell in model.done:
        frame = cell.scores(split, wanted)
        if not _same_rows(frame, features):
            raise RunFolderError(
                f"the {split} rows of {cell.path / 'scores.parquet'} are not those of "
                f"{tokens.path / 'features.parquet'}: run the model '{model.name}' again"
            )
        frames.append(frame)
    if not frames:
        raise RunFolderError(f"the model '{model.name}' has no finished cell in {run.path}")
    return TokenScores(
        log_prob=np.stack([f["log_prob"].to_numpy(np.float64) for f in frames]),
        log_prob_reset=np.stack([f["log_prob_reset"].to_numpy(np.float64) for f in frames]),
        target_rank=np.stack([f["target_rank"].to_numpy(np.int64) for f in frames]),
        is_unknown=frames[0]["is_unknown"].to_numpy(bool),
        document=features["document"].to_numpy(np.int64),
        sentence=features["sentence"].to_numpy(np.int64),
        side_bits=features["side_bits"].to_numpy(np.float64),
    )


def _same_rows(scores: pd.DataFrame, features: pd.DataFrame) -> bool:
    return len(scores) == len(features) and all(
        np.array_equal(scores[column].to_numpy(), features[column].to_numpy()) for column in ("document", "position")
    )
