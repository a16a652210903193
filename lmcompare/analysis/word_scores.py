"""The words of a split and their bits in models of any tokens, block by block: a long text need not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.token_blocks import Columns, side_by_side
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import ModelEntry, Run

_SCORES = ("surprisal_bits", "spelling_bits", "gap_bits", "joined")


@dataclass(frozen=True)
class WordBlock:
    """W successive words of a split, the ends of documents among them, in M models.

    Parameters
    ----------
    features : dict of arrays of shape (W,)
        Columns of ``TokenizedCorpus.words``.
    of_trainings : tuple of M arrays of shape (S, W)
        −log2 of their probability and what spells their unknown parts, in each of S cells of a model.
    spelling : (M, W) float array
        What spells their unknown parts, averaged over cells.
    gaps : (M, W) float array
        The bits of what is between the word before and this one, and of the end of a document, averaged likewise.
    joined : (M, W) bool array
        Whether a token crosses from the word before to this one, so that both share a figure.
    """

    features: Columns
    of_trainings: tuple[Array, ...]
    spelling: Array
    gaps: Array
    joined: Array

    @property
    def bits(self) -> Array:
        """(M, W) ``of_trainings``, averaged."""
        return np.stack([_mean(bits) for bits in self.of_trainings])


def word_blocks(
    run: Run,
    models: Sequence[ModelEntry],
    split: Split,
    columns: Sequence[str],
    *,
    seeds: int | None = None,
    documents: Array | None = None,
) -> Iterator[WordBlock]:
    """Yield the words of a split in order, with these columns of their features.

    Parameters
    ----------
    run : Run
    models : sequence of ModelEntry
        Models of any tokens.
    split : {"valid", "test"}
    columns : sequence of str
        Of ``TokenizedCorpus.words``.
    seeds : int, optional
        How many finished cells of each model are read, the first ones; by default all.
    documents : array, optional
        The indices of the documents whose words are wanted, if not all.

    Raises
    ------
    RunFolderError
        If the rows of a cell are not the words of the text.
    """
    tokens = run.tokens[models[0].tokens_fingerprint]
    cells = [model.done[:seeds] for model in models]
    flat = [cell for of_model in cells for cell in of_model]
    streams = [tokens.word_blocks(split, list(dict.fromkeys(["document", *columns])), documents)]
    streams += [cell.word_blocks(split, ("document", *_SCORES), documents) for cell in flat]
    for known, *pieces in side_by_side(streams):
        for cell, piece in zip(flat, pieces, strict=True):
            if not np.array_equal(piece.get("document", []), known.get("document", [])):
                raise RunFolderError(
                    f"the {split} rows of {cell.path / 'words.parquet'} are not the words of the text: "
                    f"run the model '{cell.name}' again"
                )
        found = iter(pieces)
        of_models = [[next(found) for _ in of_model] for of_model in cells]
        yield WordBlock(
            known,
            tuple(np.stack([_bits(piece) for piece in own]) for own in of_models),
            np.stack([_mean([piece["spelling_bits"] for piece in own]) for own in of_models]),
            np.stack([_mean([piece["gap_bits"] for piece in own]) for own in of_models]),
            np.stack([np.logical_or.reduce([piece["joined"] for piece in own]) for own in of_models]),
        )


def _bits(piece: Columns) -> Array:
    found: Array = (piece["surprisal_bits"] + piece["spelling_bits"]).astype(np.float64)
    return found


def _mean(of_cells: Sequence[Array] | Array) -> Array:
    """(W,) float64 the mean over cells."""
    found = np.zeros(len(of_cells[0]))
    for values in of_cells:
        found += values.astype(np.float64) / len(of_cells)
    return found
