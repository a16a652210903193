"""Remove cells and tokens from a run folder: only files that lmcompare wrote, and nothing behind a symbolic link."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lmcompare.errors import LmcompareError, no_permission, unknown
from lmcompare.run_mark import is_run_folder
from lmcompare.runfolder.cell import Cell, model_rows
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.guards import (
    NEW,
    OF_CELL,
    OF_TOKENS,
    OLD,
    is_sealed,
    locked,
    read_cell,
    remove_if_empty,
    remove_written,
)
from lmcompare.runfolder.layout import CELLS, FRACTIONS, MANIFEST, READ, SEAL, TOKENS, TRIALS
from lmcompare.runfolder.manifest import Manifest, ModelRow, read_manifest, write_manifest
from lmcompare.runfolder.states import checkpoints_of, remove_checkpoints, tidy_checkpoints

CELL = re.compile(rf"(\d+)({re.escape(NEW)}|{re.escape(OLD)})?")


@dataclass
class Cleaned:
    """What was removed from a run folder.

    Parameters
    ----------
    removed : dict of str to int
        By their paths relative to the run folder, the bytes of the cells, tokens and checkpoints that were removed.
    left : list of str
        Files and links in these folders that lmcompare did not write.
    has_models : bool or None
        Whether the manifest still lists models; None for a folder without a manifest.
    """

    removed: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    has_models: bool | None = None


def clean(folder: Path, names: Sequence[str] = ()) -> Cleaned:
    """Remove models from a run folder, or what is of no use in it, and bring the manifest up to date.

    Parameters
    ----------
    folder : Path
        The run folder. The runs on shares of its training text are cleaned as well.
    names : sequence of str
        Models, which are removed with all their seeds. Without names, everything is removed that is in no report and
        will be in none: unfinished cells with their checkpoints, cells that others have replaced, cells on a text
        that is not the folder's any more, trials of other sweeps than those that chose its models, and tokens that
        no finished cell reads.

    Raises
    ------
    LmcompareError
        For a folder that is not a run folder or that a run is writing to, and for a model that is not in it.
    """
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise LmcompareError(no_permission(folder))
    if not is_run_folder(folder):
        raise RunFolderError(f"{folder} is not a run folder: give the folder that 'lmcompare run' wrote")
    cleaned = _clean(folder, names)
    for part in filter(is_run_folder, _folders(folder / FRACTIONS)):
        there = [name for name in names if (part / CELLS / name).is_dir()]
        if there or not names:
            found, place = _clean(part, there), part.relative_to(folder).as_posix()
            cleaned.removed |= {f"{place}/{path}": size for path, size in found.removed.items()}
            cleaned.left += [f"{place}/{path}" for path in found.left]
    return cleaned


def _clean(folder: Path, names: Sequence[str]) -> Cleaned:
    with locked(folder):
        if (folder / MANIFEST).exists() and not os.access(folder / MANIFEST, os.R_OK):
            raise LmcompareError(no_permission(folder / MANIFEST))
        try:
            manifest = read_manifest(folder)
        except RunFolderError:  # an interrupted run, or a damaged file: finished cells are listed again
            manifest = None
        cleaned = Cleaned()
        if names:
            useless = _of_models(folder, names, manifest, cleaned)
        else:
            rows = model_rows(folder, manifest.tokens, manifest.models) if manifest else ()
            useless = [path for path in _cells(folder) if _is_useless(path, manifest, rows)]
        for path in useless + _useless_trials(folder, names, manifest):
            _remove(folder, path, OF_CELL, cleaned)
        _remove_checkpoints(folder, names, cleaned)
        if not names:
            left = [read_cell(path) for path in _cells(folder)]  # also a cell whose replacement was interrupted
            kept = {cell.get("tokens_fingerprint") for cell in left if cell.get("status") == "done"}
            for path in _folders(folder / TOKENS):
                if path.name not in kept:
                    _remove(folder, path, OF_TOKENS, cleaned)
            if not kept:
                (folder / READ).unlink(missing_ok=True)
        if manifest is not None:
            cleaned.has_models = _update(folder, manifest, {path.relative_to(folder).as_posix() for path in useless})
    return cleaned


def _folders(path: Path) -> list[Path]:
    """Return the folders in a folder, without symbolic links."""
    if path.is_symlink() or not path.is_dir():
        return []
    return sorted(each for each in path.iterdir() if each.is_dir() and not each.is_symlink())


def _cells(folder: Path) -> Iterator[Path]:
    """Yield the folders of all cells, those of replacements included."""
    for model in _folders(folder / CELLS):
        yield from (path for path in _folders(model) if CELL.fullmatch(path.name))


def _of_models(folder: Path, names: Sequence[str], manifest: Manifest | None, cleaned: Cleaned) -> list[Path]:
    """Return the folders of these models' cells. Raises ``LmcompareError`` for a model that is not there."""
    cells = list(_cells(folder))
    there = {path.parent.name for path in cells} | {row.name for row in (manifest.models if manifest else ())}
    for name in names:
        if name not in there:
            raise LmcompareError(f"{folder}: {unknown('model', name, there)}")
        if (folder / CELLS / name).is_symlink():
            cleaned.left.append(f"{CELLS}/{name}")
    return [path for path in cells if path.parent.name in names]


def _useless_trials(folder: Path, names: Sequence[str], manifest: Manifest | None) -> list[Path]:
    """Return the folders of the trials of these models; without names, of trials that chose no model."""
    if manifest is None:  # an interrupted run may go on with them
        return []
    of_model = {place: sweep.name for sweep in manifest.sweeps for trial in sweep.trials for place in trial.cells}
    trials = [path for setting in _folders(folder / TRIALS) for path in _folders(setting)]
    models = {path: of_model.get(path.relative_to(folder).as_posix()) for path in trials}
    return [path for path, model in models.items() if (model in names if names else model is None)]


def _is_finished(path: Path) -> bool:
    return path.name.isdecimal() and read_cell(path).get("status") == "done"


def _is_useless(path: Path, manifest: Manifest | None, rows: Sequence[ModelRow]) -> bool:
    """Return whether a cell is in no report, and will be in none; ``rows`` are the rows that a report would have."""
    if path.name.endswith(OLD):  # if the cell itself is missing, this is its only copy, and the next run restores it
        return path.with_name(path.name.removesuffix(OLD)).exists()
    if not _is_finished(path):
        return True
    if manifest is None:
        return False
    cell = Cell(path, path.parent.name, int(path.name))
    if cell.asked.get("corpus", manifest.corpus.fingerprint) != manifest.corpus.fingerprint:
        return True
    row = next((row for row in rows if row.name == cell.name), None)
    return row is not None and cell.place not in row.cells


def _remove(folder: Path, path: Path, written: Collection[str], cleaned: Cleaned) -> None:
    """Remove the files of a cell or of tokens that lmcompare wrote, and the folders that are empty then."""
    removed = remove_written(path, written)
    remove_if_empty(path.parent)
    cleaned.left += [each.relative_to(folder).as_posix() for each in removed.left]
    if removed.size or not path.exists():
        cleaned.removed[path.relative_to(folder).as_posix()] = removed.size


def _remove_checkpoints(folder: Path, names: Sequence[str], cleaned: Cleaned) -> None:
    """Remove the checkpoints of these models; without names, all of them."""
    root = checkpoints_of(folder)
    for path in [root / name for name in names] or _folders(root):
        if size := remove_checkpoints(path):
            cleaned.removed[f"../{root.name}/{path.name}"] = size
    tidy_checkpoints(folder)


def _update(folder: Path, manifest: Manifest, gone: Collection[str]) -> bool:
    """Write the manifest of the remaining models and return whether there are any; without models, remove it."""
    earlier = [replace(row, cells=tuple(cell for cell in row.cells if cell not in gone)) for row in manifest.models]
    rows = model_rows(folder, manifest.tokens, earlier)
    if not rows:
        (folder / MANIFEST).unlink(missing_ok=True)
        (folder / SEAL).unlink(missing_ok=True)
        return False
    names, tokens = {row.name for row in rows}, {row.tokens_fingerprint for row in rows}
    models = [model for model in manifest.experiment["models"] if model["name"] in names]
    sweeps = tuple(sweep for sweep in manifest.sweeps if sweep.name in names)
    updated = replace(
        manifest,
        models=rows,
        tokens={fingerprint: entry for fingerprint, entry in manifest.tokens.items() if fingerprint in tokens},
        experiment={**manifest.experiment, "models": models, "sweep": {each.name: each.grid for each in sweeps}},
        sweeps=sweeps,
    )
    if updated != manifest or not is_sealed(folder):  # otherwise nothing is written: the disk may be full
        write_manifest(folder, updated)
    return True
