"""The models of a manifest, made from the cells on disk: all that are finished on the run folder's text."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from lmcompare.runfolder.manifest import ModelRow, Settings
from lmcompare.runfolder.stored import StoredCell, stored_cells


def model_rows(
    folder: Path,
    tokens: Collection[str],
    earlier: Sequence[ModelRow] = (),
    asked: Mapping[str, str] | None = None,
    places: Collection[str] = (),
) -> tuple[ModelRow, ...]:
    """Return a row for each model that has a cell in the folder.

    The seeds of a row are trainings of one model. If cells of one name are trainings of several, as they are where
    the code of the plug-in has changed between two seeds, those that were asked for last are in the row.

    Parameters
    ----------
    folder : Path
        The run folder.
    tokens : collection of str
        The fingerprints of the tokens of its text: a cell on other tokens is on another text.
    earlier : sequence of ModelRow
        The rows of the manifest that is there.
    asked : mapping of str to str, optional
        By name, the identities of the models that the present run was asked for.
    places : collection of str
        The cells of the present run, of which the failed ones are listed too.
    """
    asked, before = asked or {}, {row.name: row for row in earlier}
    listed = {*places, *(place for row in earlier for place in row.cells)}
    here = [
        cell
        for cell in stored_cells(folder)
        if (cell.tokens_fingerprint in tokens if cell.finished else cell.place in listed)
    ]
    cells = {name: list(same) for name, same in groupby(here, lambda cell: cell.name)}
    found = [n for n in cells if n not in before and n not in asked]
    names = dict.fromkeys([*found, *before, *asked])
    rows = (_row(cells[name], before.get(name), asked.get(name), listed) for name in names if name in cells)
    return tuple(row for row in rows if row is not None)


def _row(
    cells: Sequence[StoredCell], earlier: ModelRow | None, asked: str | None, listed: Collection[str]
) -> ModelRow | None:
    """Return the row of the cells of one name; None if they do not store with which settings they were trained."""
    finished = [cell for cell in cells if cell.finished]
    model = min(finished, key=lambda cell: (cell.identity != asked, cell.place not in listed), default=cells[0])
    shown = [cell for cell in cells if not cell.finished or cell.identity == model.identity]
    settings = _settings_of(model) or (earlier.settings if earlier else None)
    if settings is None:
        return None
    return ModelRow(
        name=model.name,
        plugin=str(model.asked.get("plugin") or model.table.get("plugin") or model.name),
        tokens_fingerprint=model.tokens_fingerprint or (earlier.tokens_fingerprint if earlier else ""),
        seeds=tuple(cell.seed for cell in shown),
        cells=tuple(cell.place for cell in shown),
        settings=settings,
    )


def _settings_of(cell: StoredCell) -> Settings | None:
    try:
        return Settings(**cell.asked["settings"])
    except (KeyError, TypeError, ValueError):
        return None
