"""What a trained model answered to minimal pairs, stored beside it: ``cells/<model>/<seed>/probes/<name>.json``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lmcompare.errors import moved
from lmcompare.runfolder.files import RunFolderError, read_object, write_json
from lmcompare.runfolder.layout import PROBES


@dataclass(frozen=True)
class Accuracy:
    """How often a model finds the acceptable sentence of a pair likelier, for the pairs of a phenomenon.

    Parameters
    ----------
    phenomenon : str
        "" means all pairs.
    pairs, unknown : int
        The number of pairs, and of those that differ in an unknown word.
    accuracy : float
        The share of pairs whose acceptable sentence is likelier; ties count half.
    low, high : float
        The 95 % interval of Wilson (1927) over pairs.
    """

    phenomenon: str
    pairs: int
    unknown: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Probed:
    """The answers to one set of pairs.

    Parameters
    ----------
    name : str
        What the pairs are called: "english", or the name of the file without its suffix.
    digest : str
        A digest of the pairs.
    rows : tuple of Accuracy
        A row for each phenomenon, and a last one for all pairs if there are several.
    """

    name: str
    digest: str
    rows: tuple[Accuracy, ...]

    @property
    def whole(self) -> Accuracy:
        """The row of all pairs."""
        return self.rows[-1]


def write_probed(cell: Path, probed: Probed) -> None:
    """Store the answers in the folder of a cell; those to pairs of the same name are replaced.

    Raises ``LmcompareError`` for a cell that is not there any more, for a link in place of a folder, and for a file
    that is not lmcompare's.
    """
    if not cell.is_dir():
        raise RunFolderError(moved(cell))
    if (cell / PROBES).is_symlink():
        raise RunFolderError(f"{cell / PROBES} is a link, and writing would change what it leads to: remove the link")
    name = re.sub(r"[^\w.-]+", "-", probed.name).lstrip(".") or "pairs"
    if name != probed.name:  # another name may become the same one
        name += f"-{hashlib.sha256(probed.name.encode('utf-8', 'surrogateescape')).hexdigest()[:6]}"
    path = cell / PROBES / f"{name}.json"
    if path.exists() and probed_in(path) is None:
        raise RunFolderError(f"{path} is in the way and was not written by 'lmcompare probe': move or remove it")
    write_json(path, asdict(probed))


def read_probed(cell: Path) -> tuple[Probed, ...]:
    """Return the answers in the folder of a cell; a file that is damaged is left out, since asking again is cheap."""
    found = (probed_in(path) for path in sorted((cell / PROBES).glob("*.json")))
    return tuple(probed for probed in found if probed is not None)


def probed_in(path: Path) -> Probed | None:
    """Return the answers in a file; None if it has none, or not as lmcompare writes them."""
    try:
        table = read_object(path, *(field.name for field in fields(Probed)))
        rows = tuple(_accuracy(row) for row in table["rows"])
    except (RunFolderError, TypeError, ValueError):
        return None
    return Probed(str(table["name"]), str(table["digest"]), rows) if rows else None


def phenomena_of(answers: Sequence[Probed]) -> list[str]:
    """Return the phenomena of several models' answers to the same pairs, in their order, and "" last."""
    names = list(dict.fromkeys(row.phenomenon for each in answers for row in each.rows))
    return [name for name in names if name] + [""] * ("" in names)


def _accuracy(row: dict[str, Any]) -> Accuracy:
    """Return a stored row. Raises ``TypeError`` or ``ValueError`` if it is not a valid one."""
    made = Accuracy(**row)
    figures = (made.low, made.accuracy, made.high)
    if not (isinstance(made.phenomenon, str) and all(isinstance(n, int) for n in (made.pairs, made.unknown))):
        raise TypeError(row)
    if not (all(isinstance(x, int | float) and 0 <= x <= 1 for x in figures) and made.pairs > 0):
        raise ValueError(row)
    return made
