"""Files and tables to series: which columns are times, names and values, in wide and in long tables."""

from __future__ import annotations

import csv
import re
import warnings
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.series.grid import (
    Grid,
    column_named,
    grid_of,
    plain_grid,
    read_times,
    times_column,
    with_times,
)
from lmcompare.errors import LmcompareError, one_line, suggest

if TYPE_CHECKING:
    import pandas as pd


NAMES = ("id", "series", "series_id", "item_id", "unique_id", "name", "symbol", "ticker")
VALUES = ("value", "values", "y", "target", "close")
MOST_LISTED = 12  # names in a message
LARGEST = 1e150  # the largest value: its square is finite


@dataclass(frozen=True)
class Series:
    """A series of numbers on a grid of time.

    Parameters
    ----------
    name : str
    values : (n,) float64 array
        A value for every step of the grid, NaN where one is missing; the first and the last are not.
    grid : Grid
    """

    name: str
    values: npt.NDArray[np.float64]
    grid: Grid


@dataclass(frozen=True)
class Read:
    """The series of a table, and sentences on what was left out or changed."""

    series: tuple[Series, ...]
    said: tuple[str, ...] = ()


def series_of(table: pd.DataFrame, column: str, where: str) -> Read:
    """Return the series of a table.

    A *long* table has a column of names, one of times and one of values, and a row for each value. In a *wide* one
    every column of numbers is a series. Years may have months, quarters or days in columns of their own, and a table
    of years may have a column for each month.

    Parameters
    ----------
    table : DataFrame
    column : str
        The column of values; "" for the usual names in a long table, and for all columns of numbers in a wide one.
    where : str
        What the table is, for error messages.

    Raises
    ------
    LmcompareError
        If there is no such column, no column has numbers, or the times of a series are wrong.
    """
    table = table.rename(columns=str).reset_index(drop=True)  # rows are found by their number
    if not len(table):
        raise LmcompareError(f"{where} has no rows: give a table with a row for each value")
    if column and column not in table.columns:
        raise LmcompareError(
            f"{where} has no column '{column}'{suggest(column, table.columns)}; name one of {listed(table.columns)}"
        )
    joined = with_times(table, column)
    if not column or column in joined.columns:
        table = joined
    times, said = times_column(table, where)
    named = column_named(table, NAMES)
    if named is not None and named != column and _is_key(table, named):
        said = (*said, f"The column '{named}' has another name in each row, so it is left out.")
        named, table = None, table.drop(columns=[named])
    values = column or column_named(table, VALUES)
    if named is not None and not values:
        values = _only(table, {times, named}, where)
    if named is not None and named != column and values:
        if (nameless := (table[named].isna() | (table[named].astype(str) == "")).to_numpy()).any():
            row = int(np.flatnonzero(nameless)[0]) + 1
            raise LmcompareError(f"{where} has no name in row {row:,} of column '{named}': correct it there")
        groups = {str(key): rows.index.to_numpy() for key, rows in table.groupby(named, sort=False)}
        parts = {name: (_numbers(table[values].iloc[rows], values, where), rows) for name, rows in groups.items()}
        said = (*said, *_left_out(table, {times, named, values}))
    else:
        columns, others = ([column], []) if column else _numeric(table, times, where)
        if others:
            said = (*said, f"Columns without numbers are left out: {listed(others)}.")
        if not columns:
            begins = f" ('{others[0]}' begins with '{str(table[others[0]].iloc[0])[:30]}')" if others else ""
            raise LmcompareError(
                f"{where} has no column of numbers{begins}: write numbers as 1000 or 10.13 (its columns are"
                f" {listed(table.columns)})"
            )
        rows = np.arange(len(table))
        parts = {name: (_numbers(table[name], name, where), rows) for name in columns}
    stamps = None if times is None else read_times(table[times], times, where)
    if stamps is not None and stamps.tz is not None and (stamps.normalize() == stamps).all():  # days of their zone
        stamps = stamps.tz_localize(None)
    if stamps is not None and stamps.tz is not None:
        stamps, said = stamps.tz_convert("UTC").tz_localize(None), (*said, "Times with zones were converted to UTC.")
    found = [_placed(name, part, None if stamps is None else stamps[rows]) for name, (part, rows) in parts.items()]
    unsorted = any(each.said for each in found)
    if unsorted:
        said = (*said, "Rows were put into the order of their times.")
    return Read(tuple(series for each in found for series in each.series), said)


def _is_key(table: pd.DataFrame, name: str) -> bool:
    """Return whether a column, one of several, has another entry in each row, as the key of a table has."""
    return min(table.shape) > 1 and bool(table[name].notna().all() and table[name].is_unique)


def _left_out(table: pd.DataFrame, used: Collection[str | None]) -> tuple[str, ...]:
    """Return a sentence on the columns of numbers of a long table that are not read; nothing if there are none."""
    import pandas as pd

    others = [name for name in table.columns if name not in used and pd.api.types.is_numeric_dtype(table[name])]
    return (f"Other columns of numbers are left out: {listed(others)}.",) if others else ()


def _only(table: pd.DataFrame, others: Collection[str | None], where: str) -> str | None:
    """Return the only column of numbers beside others; None if there are several or none."""
    numeric, _ = _numeric(table.drop(columns=[name for name in others if name is not None]), None, where)
    return numeric[0] if len(numeric) == 1 else None


def _placed(name: str, values: npt.NDArray[np.float64], times: pd.DatetimeIndex | None) -> Read:
    """Return a series on its grid, without missing values at its ends, and a sentence if its rows were sorted."""
    said: tuple[str, ...] = ()
    if times is None:
        grid = plain_grid(len(values))
    else:
        if not times.is_monotonic_increasing:
            order = np.argsort(times.to_numpy(), kind="stable")
            times, values, said = times[order], values[order], ("sorted",)
        if times.has_duplicates:
            again = times[times.duplicated()][0]
            raise LmcompareError(
                f"'{name}' has two values at {again.isoformat()}: keep one, write date and hour into one column, or,"
                f" if there are several series, call the column of their names one of {', '.join(NAMES)}"
            )
        known = np.flatnonzero(np.isfinite(values))
        if len(known) < 2:
            return Read((Series(name, values[known], plain_grid(len(known))),), said)
        times, values = times[known[0] : known[-1] + 1], values[known[0] : known[-1] + 1]
        grid = grid_of(times, name)
    whole = np.full(int(grid.places[-1]) + 1 if len(grid.places) else 0, np.nan)
    whole[grid.places] = values
    known = np.flatnonzero(np.isfinite(whole))
    if times is None and len(known):
        whole = whole[known[0] : known[-1] + 1]
    return Read((Series(name, whole, grid),), said)


def _numbers(column: pd.Series[Any], name: str, where: str) -> npt.NDArray[np.float64]:
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        raise LmcompareError(f"the column '{name}' of {where} has true and false: name a column of numbers instead")
    if pd.api.types.is_timedelta64_dtype(column):
        raise LmcompareError(
            f"the column '{name}' of {where} has durations: write them as numbers in one unit, such as seconds"
        )
    found = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(np.isnan(found) & column.notna().to_numpy())
    if len(wrong):
        raise LmcompareError(
            f"the column '{name}' of {where} has '{str(column.iloc[wrong[0]])[:30]}' in row {wrong[0] + 1:,}, which"
            " is not a number: correct it there, or name another column with #COLUMN"
        )
    if np.isinf(found).any():
        row = int(np.flatnonzero(np.isinf(found))[0]) + 1
        raise LmcompareError(
            f"the column '{name}' of {where} has an infinite value in row {row:,}: leave it empty if it is not known"
        )
    size = np.abs(np.nan_to_num(found))
    if (large := size > LARGEST).any() or (size.max(initial=0.0) < 1 / LARGEST and size.any()):
        row = int(np.flatnonzero(large if large.any() else size > 0)[0])
        what = "large" if large.any() else "small"
        raise LmcompareError(
            f"the column '{name}' of {where} has {found[row]:g} in row {row + 1:,}, which is too {what} to compute"
            " with: correct it, or give the numbers in another unit"
        )
    return found


def _numeric(table: pd.DataFrame, times: str | None, where: str) -> tuple[list[str], list[str]]:
    """Return the columns of numbers, and those without any. One with numbers and other things is refused."""
    import pandas as pd

    numeric: list[str] = []
    others: list[str] = []
    for name in table.columns:
        column = table[name]
        if name == times:
            continue
        if (
            pd.api.types.is_bool_dtype(column)
            or column.dtype.kind in "mM"
            or isinstance(column.dtype, pd.PeriodDtype)
        ):
            others.append(str(name))
        elif pd.to_numeric(column, errors="coerce").notna().any() or column.isna().all():
            _numbers(column, str(name), where)  # raises an error that names the row of a value that is not a number
            numeric.append(str(name))
        else:
            others.append(str(name))
    return numeric, others


def listed(names: Iterable[object]) -> str:
    """Return the first of these names as text, with the number of others."""
    shown = [str(name)[:40] for name in names]
    return ", ".join(shown[:MOST_LISTED]) + (
        f" and {len(shown) - MOST_LISTED:,} more" if len(shown) > MOST_LISTED else ""
    )


TABLES = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz")
SEPARATORS = (",", ";", "\t", "|")
VALUE = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")  # a number or a date
UNKNOWN = ("", *("NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"))


def read_table(path: Path, encoding: str) -> pd.DataFrame:
    """Return the table in a file.

    Raises
    ------
    LmcompareError
        If there is no such file, or it is no table.
    """
    import pandas as pd

    name = path.name.lower()
    if not name.endswith(TABLES):
        raise LmcompareError(f"{path} is not a table of series: give a file that ends in {', '.join(TABLES)}")
    try:
        if name.endswith(".parquet"):
            table = pd.read_parquet(path)
            return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
        first = str(pd.read_csv(path, sep="\0", header=None, nrows=1, encoding=encoding).iloc[0, 0])
        separator = max(SEPARATORS, key=first.count)  # the first one if several are equally frequent
        names = next(csv.reader([first], delimiter=separator, skipinitialspace=True))
        _check_header(names, path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # for dropped fields without a name

            def read(kind: type[str] | None = None) -> pd.DataFrame:
                return pd.read_csv(
                    path,
                    sep=separator,
                    encoding=encoding,
                    dtype=kind,
                    skipinitialspace=True,
                    index_col=False,
                    keep_default_na=False,
                    # in a column of names, "NA" is a name
                    na_values={name: UNKNOWN for name in names if name.strip().lower() not in NAMES},
                )

            table = read()
        if separator == ";":  # usual where a comma comes before the decimals
            _check_thousands(read(str), path)
        table = table.assign(**{str(name): _with_decimal_commas(table[name]) for name in table.columns})
        table = table.loc[:, [not (str(n).startswith("Unnamed: ") and _is_empty(table[n])) for n in table.columns]]
        return _without_row_numbers(table)
    except pd.errors.ParserWarning:
        raise LmcompareError(
            f"{path} has rows with more fields than its header: write numbers as 10.13 and 1000, and leave no"
            " separator at the end of a row"
        ) from None
    except UnicodeError:
        raise LmcompareError(
            f"{path} is not encoded as {encoding}: save it as UTF-8, or give its encoding, as in --encoding utf-16"
        ) from None
    except FileNotFoundError:
        raise LmcompareError(f"there is no file {path}: check the path") from None
    except (OSError, EOFError, zlib.error, ValueError, LookupError) as error:  # pandas' own errors are ValueErrors
        raise LmcompareError(
            f"{path} can't be read as a table ({one_line(error)[:200]}): correct the file, or write it again"
        ) from None


def _check_header(names: Sequence[str], path: Path) -> None:
    """Raise ``LmcompareError`` if two columns have one name, or if the first row has values instead of names."""
    if twice := next((name for name in names if name and names.count(name) > 1), ""):
        raise LmcompareError(f"{path} has two columns named '{twice}': give each a name of its own")
    if all(VALUE.fullmatch(name.strip()) for name in names):
        raise LmcompareError(
            f"the first row of {path} has values ({listed(names)}): give the table a row of names, such as time,value"
        )


def _is_empty(column: pd.Series[Any]) -> bool:
    return bool((column.isna() | (column.astype(str) == "")).all())


def _with_decimal_commas(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return text such as 1.000,5 as numbers; another column, or one whose commas may be thousands, as it is."""
    import pandas as pd

    if not pd.api.types.is_string_dtype(column):
        return column
    text = column.dropna().astype(str).str.strip()
    found = text.str.extract(r"^[-+]?(\d{1,3}(?:\.\d{3})*|\d+)(?:,(\d+))?$")
    if not len(text) or found[0].isna().any() or found[1].isna().all():
        return column
    decimals = found[1].dropna()
    if (decimals.str.len() == 3).all() and not found[0].str.contains(r"\.").any() and not (found[0] == "0").any():
        return column
    plain = column.astype(str).str.strip().str.replace(".", "").str.replace(",", ".")
    return pd.to_numeric(plain.where(column.notna()))


def _check_thousands(text: pd.DataFrame, path: Path) -> None:
    """Raise ``LmcompareError`` where whole numbers stand beside 1.014, say, whose point may be that of thousands."""
    for name in text.columns:
        values = text[name].dropna().str.strip()
        whole, pointed = values.str.fullmatch(r"[-+]?\d{3}"), values.str.fullmatch(r"[-+]?\d{1,3}(\.\d{3})+")
        if whole.any() and pointed.any() and (values.str.fullmatch(r"[-+]?\d{1,3}") | pointed).all():
            first, other = str(values[pointed].iloc[0]), str(values[whole].iloc[0])
            raise LmcompareError(
                f"the column '{name}' of {path} has '{first}' beside '{other}', so the point may mean thousands or"
                f" decimals: write {first.replace('.', '')} for thousands, or {other}.000 for decimals"
            )


def _without_row_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the column of row numbers that pandas' ``to_csv`` writes."""
    first = table.columns[0] if len(table.columns) else ""
    if str(first) == "Unnamed: 0" and np.array_equal(table[first].to_numpy(), np.arange(len(table))):
        return table.drop(columns=[first])
    return table
