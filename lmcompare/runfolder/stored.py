"""The cells of a run folder as they are on disk: what each contains, and how a finished cell is replaced.

The cell that replaces a finished one is trained beside it, in ``cells/<model>/<seed>.new``, and takes its place when
it is finished itself. Until then the finished cell can be used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcompare.runfolder.files import NoPermissionError, RunFolderError, read_object
from lmcompare.runfolder.layout import CELLS
from lmcompare.runfolder.ownership import remove_written

NEW, OLD = ".new", ".old"  # suffixes of the folder of a replacement, and of a cell that is being replaced
SEED = re.compile("[0-9]+")


@dataclass(frozen=True)
class StoredCell:
    """A cell's folder, and the content of its cell.json: {} if it can't be read."""

    name: str
    seed: int
    table: Mapping[str, Any]

    @property
    def place(self) -> str:
        """The cell's folder, relative to the run folder."""
        return place_of(self.name, self.seed)

    @property
    def finished(self) -> bool:
        """Whether the cell was trained and scored to its end; its files may have been damaged since."""
        return self.table.get("status") == "done"

    @property
    def identity(self) -> str:
        """What the model is whatever its seed, as a digest; "" where it is not known."""
        return str(self.table.get("identity") or "")

    @property
    def tokens_fingerprint(self) -> str:
        """The tokens that the model reads; "" where they are not known."""
        return str(self.table.get("tokens_fingerprint") or "")

    @property
    def asked(self) -> Mapping[str, Any]:
        """What the run that trained it asked for, as in ``Job.asked``."""
        return self.part("asked")

    def part(self, key: str) -> Mapping[str, Any]:
        """Return a table of cell.json; {} if it has no such table."""
        value = self.table.get(key)
        return value if isinstance(value, dict) else {}


def place_of(name: str, seed: int) -> str:
    """Return the folder of a cell, relative to the run folder."""
    return f"{CELLS}/{name}/{seed}"


def read_cell(path: Path) -> dict[str, Any]:
    """Return the content of a cell's cell.json; {} if it is missing or damaged."""
    try:
        return read_object(path / "cell.json")
    except NoPermissionError:
        raise
    except RunFolderError:
        return {}


def stored_cells(folder: Path) -> list[StoredCell]:
    """Return the cells of a run folder by name and seed, unfinished ones included."""
    found = [path for path in (folder / CELLS).glob("*/*") if SEED.fullmatch(path.name) and path.is_dir()]
    cells = [StoredCell(path.parent.name, int(path.name), read_cell(path)) for path in found]
    return sorted(cells, key=lambda cell: (cell.name, cell.seed))


def replace_cell(path: Path) -> None:
    """Put the replacement of a finished cell, which is finished now, in the cell's folder, and remove the old one."""
    new, old = path.with_name(path.name + NEW), path.with_name(path.name + OLD)
    _remove(old, path)
    if path.exists():
        path.rename(old)
    new.rename(path)
    _remove(old, path)


def _remove(old: Path, path: Path) -> None:
    """Remove a cell that was replaced; files that lmcompare did not write are put into the cell in its place."""
    for left in remove_written(old).left:
        kept = path / left.relative_to(old)
        kept.parent.mkdir(parents=True, exist_ok=True)
        left.rename(kept)
    remove_written(old)  # only empty folders are left


def end_replacements(folder: Path) -> None:
    """Complete or undo replacements of cells that a killed run has left unfinished, so that no cell is lost."""
    for old in (folder / CELLS).glob(f"*/*{OLD}"):
        path = old.with_name(old.name.removesuffix(OLD))
        if not (SEED.fullmatch(path.name) and old.is_dir()):
            continue
        if path.exists():
            _remove(old, path)
        else:
            old.rename(path)
