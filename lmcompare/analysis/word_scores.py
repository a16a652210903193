"""The words of a split, and their bits in models of any tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import ModelEntry, Run, kept


@dataclass(frozen=True)
class WordScores:
    """W words of a split, the ends of documents among them, in M models.

    Parameters
    ----------
    features : DataFrame
        Their rows of ``TokenizedCorpus.words``.
    bits : (M, W) float array
        −log2 of their probability and what spells their unknown parts, averaged over seeds.
    spelling : (M, W) float array
        The latter alone.
    gaps : (M, W) float array
        The bits of what is between the word before and this one, and those of the end of a document.
    joined : (M, W) bool array
        Whether a token crosses from the word before to this one, so that both share a figure.
    """

    features: pd.DataFrame
    bits: Array
    spelling: Array
    gaps: Array
    joined: Array


@kept
def word_scores(run: Run, models: tuple[ModelEntry, ...], split: Split, seeds: int | None = None) -> WordScores:
    """Return the words of a split in these models, of each its first ``seeds`` finished cells, or all.

    Raises
    ------
    RunFolderError
        If the rows of a cell are not the words of the text.
    """
    tokens = run.tokens[models[0].tokens_fingerprint]
    features = tokens.words(split)
    found = [_of_model(model, split, features, seeds) for model in models]
    return WordScores(features, *(np.stack([each[n] for each in found]) for n in range(4)))


def bits_of_trainings(model: ModelEntry, split: Split) -> Array:
    """(S, W) the ``bits`` of the words in each finished cell of a model, whose rows ``word_scores`` checks."""
    tables = [cell.words(split) for cell in model.done]
    return np.stack([(t["surprisal_bits"] + t["spelling_bits"]).to_numpy(np.float64) for t in tables])


def _of_model(
    model: ModelEntry, split: Split, features: pd.DataFrame, seeds: int | None
) -> tuple[Array, Array, Array, Array]:
    cells = model.done[:seeds]
    bits, spelling, gaps = np.zeros((3, len(features)))
    joined = np.zeros(len(features), np.bool_)
    for cell in cells:
        table = cell.words(split)
        if not np.array_equal(table["document"], features["document"]):
            raise RunFolderError(
                f"the {split} rows of {cell.path / 'words.parquet'} are not the words of the text: "
                f"run the model '{cell.name}' again"
            )
        bits += (table["surprisal_bits"] + table["spelling_bits"]).to_numpy(np.float64) / len(cells)
        spelling += table["spelling_bits"].to_numpy(np.float64) / len(cells)
        gaps += table["gap_bits"].to_numpy(np.float64) / len(cells)
        joined |= table["joined"].to_numpy(np.bool_)
    return bits, spelling, gaps, joined
