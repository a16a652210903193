"""Reading the files of a run folder, with one clear sentence for each that cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lmcompare import storage
from lmcompare.errors import LmcompareError

Array = npt.NDArray[Any]
BLOCK = 2**17  # rows of a long table that are held at a time
BUFFER = 2**18  # bytes that are read at a time of each column


class RunFolderError(LmcompareError):
    """A run folder, or one of its files, cannot be read."""


def check_whole(folder: Path, names: Sequence[str], remedy: str) -> None:
    """Raise ``RunFolderError``, which ends with the ``remedy``, if one of these files of a sealed folder is not as it
    was written.
    """
    if storage.is_sealed(folder) and (damaged := storage.damage(folder, names)):
        lost = "damaged" if (folder / damaged).is_file() else "missing"
        raise RunFolderError(f"{folder / damaged} is {lost}: {remedy}")


def read_json(path: Path) -> Any:
    """Return the JSON value of a file. Raises ``RunFolderError`` where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are both
        raise RunFolderError(f"{path} is broken ({error}): run its model again") from None


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """Return the JSON object of a file that has at least these keys. Raises ``RunFolderError`` where it has not."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise RunFolderError(f"{path} holds no JSON object: run its model again")
    missing = [key for key in keys if key not in value]
    if missing:
        raise RunFolderError(f"{path} lacks '{missing[0]}': run its model again")
    return value


def read_list(path: Path) -> list[Any]:
    """Return the JSON array of a file. Raises ``RunFolderError`` where it holds none."""
    value = read_json(path)
    if not isinstance(value, list):
        raise RunFolderError(f"{path} holds no JSON array: run its model again")
    return value


def read_table(path: Path, columns: Sequence[str] | None = None, split: str | None = None) -> pd.DataFrame:
    """Return a Parquet table, or some of its columns, or the rows of one split.

    Raises ``RunFolderError`` where the file or a column is missing, or the file is broken.
    """
    import pyarrow
    import pyarrow.parquet as pq

    check_table(path, [*(columns or ()), *(["split"] if split else [])])
    try:
        kept = [("split", "=", split)] if split else None
        table = pq.read_table(path, columns=None if columns is None else list(columns), filters=kept)
        frame: pd.DataFrame = table.to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return frame


def read_blocks(
    path: Path, columns: Sequence[str], split: str, documents: Array | None = None
) -> Iterator[dict[str, Array]]:
    """Yield the rows of one split of a Parquet table in order, at most ``BLOCK`` at a time: (N,) by column.

    ``documents``: the indices of those whose rows are wanted, if not all. Raises ``RunFolderError`` where the file or
    a column is missing, or the file is broken.
    """
    import pyarrow
    import pyarrow.parquet as pq

    asked = [*columns, "split", *(["document"] if documents is not None else [])]
    check_table(path, asked)
    try:
        # buffered before it is asked for, all that was read would be held until the end
        with pq.ParquetFile(path, read_dictionary=["split"], pre_buffer=False, buffer_size=BUFFER) as file:
            groups = _row_groups(file.metadata, split)
            for batch in file.iter_batches(BLOCK, groups, columns=list(dict.fromkeys(asked))):
                which = batch.column("split")
                kept = np.isin(which.indices.to_numpy(), np.flatnonzero(which.dictionary.to_numpy(False) == split))
                if documents is not None:
                    kept &= np.isin(batch.column("document").to_numpy(zero_copy_only=False), documents)
                if not kept.all():
                    batch = batch.filter(pyarrow.array(kept))
                if batch.num_rows:
                    yield {name: batch.column(name).to_numpy(zero_copy_only=False) for name in columns}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _row_groups(metadata: Any, split: str) -> list[int]:
    """Return the row groups that may hold rows of a split, as far as their statistics say."""
    at = metadata.schema.names.index("split")
    found = []
    for group in range(metadata.num_row_groups):
        known = metadata.row_group(group).column(at).statistics
        if known is None or not known.has_min_max or known.min <= split <= known.max:
            found.append(group)
    return found


def check_table(path: Path, columns: Sequence[str]) -> None:
    """Raise ``RunFolderError`` where a Parquet file or one of these columns is missing, or its schema is broken."""
    import pyarrow
    import pyarrow.parquet as pq

    try:
        known = pq.read_schema(path).names
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    missing = [c for c in columns if c not in known]
    if missing:
        raise RunFolderError(f"{path} has no column '{missing[0]}': run its model again")


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return a CSV table that has at least these columns. Raises ``RunFolderError`` where it has not."""
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise _unreadable(path, error) from None
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise RunFolderError(f"{path} has no column '{missing[0]}': run its model again")
    return frame


def _unreadable(path: Path, error: Exception) -> RunFolderError:
    if not path.exists():
        return RunFolderError(f"{path} is missing: run its model again")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return RunFolderError(f"{path} cannot be read ({reason}): run its model again")
