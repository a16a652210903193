"""Files of tables: which columns they have, and which way their numbers are written."""

from __future__ import annotations

import csv
import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcompare.corpora.series.tables import NAMES, listed
from lmcompare.errors import LmcompareError, one_line

if TYPE_CHECKING:
    import pandas as pd

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
