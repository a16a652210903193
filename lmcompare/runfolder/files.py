"""Files that appear whole or not at all, and one clear sentence for each that cannot be read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, cannot_write, no_permission, ordinary
from lmcompare.memory import give_back_what_is_free
from lmcompare.runfolder.layout import TEXT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


REMEDY = "repeat the lmcompare run that wrote it"  # the run makes damaged and missing files again


class RunFolderError(LmcompareError):
    """A run folder, or one of its files, cannot be read."""


class NoPermissionError(RunFolderError):
    """The user may not read a file of a run folder, so that its content is not known."""

    def __init__(self, path: Path) -> None:
        super().__init__(no_permission(path))


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then rename it into place.

    Raises ``LmcompareError`` where the folder can't be written to or has no space left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        aside = Path(name)
        try:
            write(aside)
            aside.chmod(0o666 & ~umask())  # mkstemp makes files that only their owner can read
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, RecursionError) as error:
        raise LmcompareError(cannot_write(path, error)) from error


def write_folder_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a folder beside ``path``, which is not there, then rename it. Raises as ``write_aside``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            write(aside)
            aside.chmod(0o777 & ~umask())  # mkdtemp makes folders that only their owner can enter
            for file in aside.iterdir():
                file.chmod(0o666 & ~umask())  # safetensors makes such files, too
            aside.rename(path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise LmcompareError(cannot_write(path, error)) from error


_ASKING = threading.Lock()  # the umask can be read only by changing it: two threads at once would leave 0


def umask() -> int:
    """Return the umask: the permissions that new files of this process do not get."""
    with _ASKING:
        mask = os.umask(0)
        os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one piece; half a surrogate pair, as in a file name, is written as its escape."""
    write_aside(path, lambda aside: aside.write_text(text, "utf-8", "backslashreplace", "\n"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in one piece. NaN and infinities are refused: they are not JSON."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the JSON value of a file. Raises ``RunFolderError`` where it is missing or broken."""
    try:
        return json.loads(ordinary(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise unreadable(path, error) from None


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """Return the JSON object of a file that has at least these keys. Raises ``RunFolderError`` where it has not."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise RunFolderError(f"{path} does not contain a JSON object: {REMEDY}")
    missing = [key for key in keys if key not in value]
    if missing:
        raise RunFolderError(f"{path} lacks '{missing[0]}': {REMEDY}")
    return value


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return a CSV table that has at least these columns. Raises ``RunFolderError`` where it has not."""
    import pandas as pd

    try:
        with ordinary(path).open("rb") as file:  # of a path, pandas would expand a tilde
            frame = pd.read_csv(file)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise unreadable(path, error) from None
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise RunFolderError(f"{path} has no column '{missing[0]}': {REMEDY}")
    return frame


def no_formula(cell: Any) -> Any:
    """Return a cell of a CSV table; an apostrophe keeps a spreadsheet from taking a text for a formula."""
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def unreadable(path: Path, error: Exception) -> RunFolderError:
    """Return the error of a file that is missing or cannot be read."""
    if isinstance(error, PermissionError):
        return NoPermissionError(path)
    if not path.exists():
        return RunFolderError(f"{path} is missing: {REMEDY}")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return RunFolderError(f"{path} is damaged ({reason}): {REMEDY}")


Array = npt.NDArray[Any]
BLOCK = 2**17  # rows of a long table that are in memory at a time
BUFFER = 2**18  # bytes of each column that are read at a time


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a parquet file in one piece."""

    def write(aside: Path) -> None:
        with _opened(aside, "wb") as file:
            table.to_parquet(file, index=False, compression="zstd")

    write_aside(path, write)


def write_parts(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    """Write the parts of a table, of which only one is in memory at a time, into a Parquet file in one piece."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(aside: Path) -> None:
        writer = None
        with _opened(aside, "wb") as file:
            for part in parts:
                schema = None if writer is None else writer.schema
                table = pa.Table.from_pandas(part, schema=schema, preserve_index=False)
                writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
                writer.write_table(table)
                del part, table
                give_back_what_is_free()  # parts of different sizes leave gaps: 55 of 540 MiB at ten million words
            if writer is not None:
                writer.close()

    write_aside(path, write)


def read_table(path: Path, columns: Sequence[str] | None = None, split: str | None = None) -> pd.DataFrame:
    """Return a Parquet table, or some of its columns, or the rows of one split.

    Raises ``RunFolderError`` where the file or a column is missing, or the file is broken.
    """
    import pyarrow
    import pyarrow.parquet as pq

    check_table(path, [*(columns or ()), *(["split"] if split else [])])
    try:
        kept = [("split", "=", split)] if split else None
        with _opened(path) as file:
            table = pq.read_table(file, columns=None if columns is None else list(columns), filters=kept)
        frame: pd.DataFrame = table.to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise unreadable(path, error) from None
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
        # with pre_buffer, Arrow would hold all data that were read until the end
        with (
            _opened(path) as source,
            pq.ParquetFile(source, read_dictionary=["split"], pre_buffer=False, buffer_size=BUFFER) as file,
        ):
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
        raise unreadable(path, error) from None


def upto_documents(blocks: Iterable[dict[str, Array]], ends: Iterable[int]) -> Iterator[dict[str, Array]]:
    """Yield the rows of blocks, which are in the order of their column ``document``, cut anew.

    ``ends``: the document before which each part ends, in rising order. Rows from the last one on are left out.
    """
    left = iter(blocks)
    held = [next(left)]
    for end in ends:
        while not len(held[-1]["document"]) or held[-1]["document"][-1] < end:
            if (block := next(left, None)) is None:
                break
            held.append(block)
        at = int(np.searchsorted(held[-1]["document"], end))
        last, rest = ({n: v[part] for n, v in held[-1].items()} for part in (slice(at), slice(at, None)))
        yield {name: np.concatenate([block[name] for block in (*held[:-1], last)]) for name in last}
        held = [rest]


def _opened(path: Path, mode: str = "rb") -> Any:
    """Open a file; Arrow itself takes no name that is not UTF-8."""
    import pyarrow

    return pyarrow.OSFile(os.fsencode(path), mode)


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
    """Raise ``RunFolderError`` where a Parquet file or one of these columns is missing, or its schema is not ours."""
    import pyarrow
    import pyarrow.parquet as pq

    try:
        with _opened(ordinary(path)) as file:
            schema = pq.read_schema(file)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise unreadable(path, error) from None
    known = dict(zip(schema.names, schema.types, strict=True))
    for column in columns:
        if column not in known:
            raise RunFolderError(f"{path} has no column '{column}': {REMEDY}")
        wanted = "texts" if column in TEXT_COLUMNS else "numbers"
        if not _holds(known[column], wanted):
            raise RunFolderError(f"{path} does not have {wanted} in its column '{column}': {REMEDY}")


def _holds(kind: Any, wanted: str) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if wanted == "texts":
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind))
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
