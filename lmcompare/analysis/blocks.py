"""The token tables of several models side by side, block by block: a long text need not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.run import Cell, ModelEntry, Run, Split
from lmcompare.analysis.stored import Array, RunFolderError

PLACE = ("document", "position")  # what rows of different tables are known by
Columns = dict[str, Array]  # (N,) by name


@dataclass(frozen=True)
class Block:
    """N tokens in a row. ``features``: what was asked for of the features, and ``PLACE``; ``scores``: the same of
    each model's finished cells, in the order of models and seeds.
    """

    features: Columns
    scores: tuple[tuple[Columns, ...], ...]

    def __len__(self) -> int:
        return len(self.features["position"])

    def stacked(self, model: int, column: str = "log_prob") -> Array:
        """(S, N) a column of one model, its seeds side by side."""
        return np.stack([cell[column] for cell in self.scores[model]])


def blocks(
    run: Run,
    models: Sequence[ModelEntry],
    split: Split,
    *,
    features: Sequence[str] = (),
    scores: Sequence[str] = ("log_prob",),
    seeds: int | None = None,
) -> Iterator[Block]:
    """Yield the tokens of a split in order, for models of the same tokens; of each model its first ``seeds`` finished
    cells, or all.

    Raises ``RunFolderError`` where a model has no finished cell, or the rows of one are not those of the features.
    """
    tokens = run.tokens[models[0].tokens_fingerprint]
    for model in models:
        if not model.done:
            raise RunFolderError(f"the model '{model.name}' has no finished cell in {run.path}")
    cells = [model.done[:seeds] for model in models]
    flat = [cell for of_model in cells for cell in of_model]
    streams = [tokens.feature_blocks(split, _once(*PLACE, *features))]
    streams += [cell.score_blocks(split, _once(*PLACE, *scores)) for cell in flat]
    for pieces in _side_by_side(streams):
        known = pieces[0]
        for cell, piece in zip(flat, pieces[1:], strict=True):
            if known is None or piece is None or not all(np.array_equal(piece[c], known[c]) for c in PLACE):
                raise _other_rows(cell, split, tokens.path / "features.parquet")
        found = iter([piece for piece in pieces[1:] if piece is not None])
        if known is not None:
            yield Block(known, tuple(tuple(next(found) for _ in of_model) for of_model in cells))


def _other_rows(cell: Cell, split: Split, features: object) -> RunFolderError:
    return RunFolderError(
        f"the {split} rows of {cell.path / 'scores.parquet'} are not those of {features}: "
        f"run the model '{cell.name}' again"
    )


def _once(*names: str) -> list[str]:
    return list(dict.fromkeys(names))


def _side_by_side(streams: Sequence[Iterator[Columns]]) -> Iterator[list[Columns | None]]:
    """Yield pieces of equal length of all tables; in the end, of tables of unequal length, None for those that are
    over.
    """
    held = [next(stream, None) for stream in streams]
    while any(piece is not None for piece in held):
        if any(piece is None for piece in held):
            yield list(held)
            return
        size = min(len(piece["position"]) for piece in held if piece is not None)
        yield [{name: values[:size] for name, values in piece.items()} for piece in held if piece is not None]
        rest = [{name: values[size:] for name, values in piece.items()} for piece in held if piece is not None]
        held = [
            piece if len(piece["position"]) else next(stream, None)
            for piece, stream in zip(rest, streams, strict=True)
        ]
