"""The tokens or words of a split and their scores by several models side by side.

They come block by block, so that a long text need not fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.runfolder.cell import Cell
from lmcompare.runfolder.files import Array, RunFolderError
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import ModelEntry, Run

PLACE = ("document", "position")  # identifies the rows of different tables
ROUNDING = 1e-3  # nats by which the logarithm of a rounded probability may be above 0
Columns = dict[str, Array]  # (N,) by name


@dataclass(frozen=True)
class Block:
    """N successive tokens: columns of their features, with ``PLACE``, and of the scores of each finished cell.

    ``scores`` is in the order of models and seeds.
    """

    features: Columns
    scores: tuple[tuple[Columns, ...], ...]

    def __len__(self) -> int:
        return len(self.features["position"])

    def only(self, which: Array) -> Block:
        """Return the tokens at which the (N,) bool array ``which`` is true."""
        scores = tuple(
            tuple({name: column[which] for name, column in cell.items()} for cell in cells) for cells in self.scores
        )
        return Block({name: column[which] for name, column in self.features.items()}, scores)

    def stacked(self, model: int, column: str = "log_prob") -> Array:
        """(S, N) a column of one model for all its seeds; reals are float64."""
        found = np.stack([cell[column] for cell in self.scores[model]])
        return found.astype(np.float64, copy=False) if found.dtype.kind == "f" else found


def blocks(
    run: Run,
    models: Sequence[ModelEntry],
    split: Split,
    *,
    features: Sequence[str] = (),
    scores: Sequence[str] = ("log_prob",),
    seeds: int | None = None,
) -> Iterator[Block]:
    """Yield the tokens of a split in order, for models with the same tokens.

    Each model has its first ``seeds`` finished cells, or by default all of them.

    Raises ``RunFolderError`` where a model has no finished cell, or the rows of one are not those of the features or
    have figures that are not log-probabilities.
    """
    tokens = run.tokens[models[0].tokens_fingerprint]
    for model in models:
        if not model.done:
            raise RunFolderError(f"the model '{model.name}' has no finished cell in {run.path}: run it again")
    cells = [model.done[:seeds] for model in models]
    flat = [cell for of_model in cells for cell in of_model]
    # one pass over a table has shown whether its rows are those of the features
    own = [() if split in cell.checked else PLACE for cell in flat]
    streams = [tokens.feature_blocks(split, _once(*PLACE, *features))]
    streams += [cell.score_blocks(split, _once(*place, *scores)) for cell, place in zip(flat, own, strict=True)]
    for known, *pieces in side_by_side(streams):
        for cell, piece, place in zip(flat, pieces, own, strict=True):
            if not _same_rows(piece, known, place):
                raise RunFolderError(
                    f"the {split} rows of {cell.path / 'scores.parquet'} are not those of "
                    f"{tokens.path / 'features.parquet'}: run the model '{cell.name}' again"
                )
            _check_figures(cell, piece)
        found = iter(pieces)
        yield Block(known, tuple(tuple(next(found) for _ in of_model) for of_model in cells))
    for cell in flat:
        cell.checked.add(split)


def _same_rows(piece: Columns, known: Columns, place: Sequence[str]) -> bool:
    if not (piece and known):
        return not (piece or known)
    return all(np.array_equal(piece[column], known[column]) for column in place)


def _check_figures(cell: Cell, piece: Columns) -> None:
    """Raise ``RunFolderError`` for scores that no run stores: NaN, +inf, and above 0 of a valid probability model."""
    valid = cell.truth.get("passed") is True and cell.traits.get("normalised") is True
    for column in ("log_prob", "log_prob_reset"):
        nats = piece.get(column, np.zeros(0))
        wrong = nats > (ROUNDING if valid else np.finfo(np.float64).max)
        if column == "log_prob":  # a model that learns from earlier documents has no others
            wrong |= np.isnan(nats)
        if wrong.any():
            raise RunFolderError(
                f"{cell.path / 'scores.parquet'} has {nats[wrong][0]:g} as a log-probability, which is impossible: "
                f"run the model '{cell.name}' again"
            )


def _once(*names: str) -> list[str]:
    return list(dict.fromkeys(names))


def side_by_side(streams: Sequence[Iterator[Columns]]) -> Iterator[list[Columns]]:
    """Yield equally long row blocks from all tables; a table that ends early yields empty blocks."""
    held = [next(stream, {}) for stream in streams]
    while any(held):
        size = min(map(_length, held))
        yield [{name: values[:size] for name, values in piece.items()} for piece in held]
        rest = [{name: values[size:] for name, values in piece.items()} for piece in held]
        held = [piece if _length(piece) else next(stream, {}) for piece, stream in zip(rest, streams, strict=True)]
        if not all(held):
            break
    if any(held):
        yield held


def _length(piece: Columns) -> int:
    return len(next(iter(piece.values()), ()))


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
