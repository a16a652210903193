"""Times on a regular grid: columns of times, the step of a series, where values are missing, how long a season is."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lmcompare.errors import LmcompareError, one_line

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


MOST_MISSING = 0.3  # of the steps of a grid
SEASONS = {  # by the step, how many of them are a season
    "month": 12,
    "quarter": 4,
    "year": 1,
    "week": 52,
    "day": 7,
    "business day": 5,
    "hour": 24,
}
IN_MONTHS = {"month": 1, "quarter": 3, "year": 12}
SECONDS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
DAY = 24 * 3_600
NANO = 10**9


@dataclass(frozen=True)
class Grid:
    """Where n values are on a regular grid of time.

    Parameters
    ----------
    step : str
        The step in words, such as "month" or "15 minutes"; "" for values without times.
    places : (n,) int64 array
        The place of each value, from 0, rising.
    start : str
        The time of the first place, as ISO 8601 without a zone; "" for values without times.
    season : int
        How many steps are a season; 1 for none.
    """

    step: str
    places: npt.NDArray[np.int64]
    start: str
    season: int


def plain_grid(length: int) -> Grid:
    """Return the grid of values that have no times."""
    return Grid("", np.arange(length), "", 1)


def grid_of(times: pd.DatetimeIndex, name: str) -> Grid:
    """Return the grid on which rising times are.

    Tried are months (of equal days of the month, or of last days), business days, and equal steps.

    Raises
    ------
    LmcompareError
        If there is no step on whose grid the times are, or values are missing on more than 30 % of it.
    """
    found = _months(times) or _business_days(times) or _equal_steps(times)
    start = times[0].isoformat() if times[0].time().isoformat() != "00:00:00" else times[0].date().isoformat()
    if found is None or len(times) < (1 - MOST_MISSING) * (found[1][-1] + 1):
        raise LmcompareError(
            f"the times of '{name}' are not evenly spaced (the steps are {_steps_in_words(times)}): bring them to"
            " equal steps first, for example with resample of pandas"
        )
    step, places = found
    return Grid(step, places, start, season_of(step))


def season_of(step: str) -> int:
    """Return how many of these steps are a season; 1 for none."""
    if step in SEASONS:
        return SEASONS[step]
    seconds = seconds_of(step)
    return DAY // seconds if 60 <= seconds < DAY and DAY % seconds == 0 else 1


def seconds_of(step: str) -> int:
    """Return the seconds of an equal step in words; 0 for months, business days and values without times."""
    number, _, unit = step.rpartition(" ")
    return SECONDS.get(unit.removesuffix("s"), 0) * int(number) if number.isdigit() else SECONDS.get(unit, 0)


def months_of(step: str) -> int:
    """Return the months of a step in words; 0 for steps of another kind."""
    return IN_MONTHS.get(step) or (int(step.split()[0]) if step.endswith("months") else 0)


def _months(times: pd.DatetimeIndex) -> tuple[str, npt.NDArray[np.int64]] | None:
    same_day = len(set(times.day)) == 1
    if not (same_day or bool(times.is_month_end.all())) or len(set(times.time)) > 1:
        return None
    months = (times.year * 12 + times.month).to_numpy(np.int64)
    gaps = np.diff(months)
    if len(gaps) and gaps.min() < 1:
        return None
    by = int(np.gcd.reduce(gaps)) if len(gaps) else 1
    word = next((word for word, many in IN_MONTHS.items() if many == by), f"{by} months")
    return word, (months - months[0]) // by


def _business_days(times: pd.DatetimeIndex) -> tuple[str, npt.NDArray[np.int64]] | None:
    days = times.to_numpy().astype("datetime64[D]")
    if len(set(times.time)) > 1 or len(times) < 6 or bool((times.day_of_week > 4).any()):
        return None
    if np.median(np.diff(days).astype(np.int64)) != 1:
        return None
    return "business day", np.busday_count(days[0], days).astype(np.int64)


def _equal_steps(times: pd.DatetimeIndex) -> tuple[str, npt.NDArray[np.int64]] | None:
    stamps = times.to_numpy().astype("datetime64[ns]").astype(np.int64)
    gaps = np.diff(stamps)
    values, counts = np.unique(gaps, return_counts=True)
    step = int(values[counts.argmax()])
    if step % NANO or (gaps % step).any():
        return None
    return _in_words(step // NANO), (stamps - stamps[0]) // step


def _in_words(seconds: int) -> str:
    for unit, size in SECONDS.items():
        if seconds % size == 0:
            number = seconds // size
            return unit if number == 1 and unit in SEASONS else f"{number} {unit}{'s' if number > 1 else ''}"
    raise AssertionError("a whole number of seconds")


def _steps_in_words(times: pd.DatetimeIndex) -> str:
    gaps = times.to_series().diff().dropna()
    return f"between {gaps.min()} and {gaps.max()}"


TIMES = (
    *("time", "date", "datetime", "timestamp", "ds", "unix", "epoch"),
    *("month", "quarter", "period", "year", "unnamed: 0", "index"),
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MOST_SECONDS = 1e11  # seconds since 1970: larger numbers are milliseconds or smaller units
_YEARS = (1000, 3000)
_DAY_NUMBERS = (20_000, 80_000)  # day numbers of spreadsheets: 1954 to 2119
_YEAR_FIRST = r"[12]\d{3}(?!\d*\.)"
_LOCAL_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2})[T ]00:00(?::00(?:\.0+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})$"


def times_column(table: pd.DataFrame, where: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of times, and a sentence if there is none."""
    import pandas as pd

    for name in table.columns:
        if pd.api.types.is_datetime64_any_dtype(table[name]) or isinstance(table[name].dtype, pd.PeriodDtype):
            return str(name), ()
    named = column_named(table, TIMES)
    if named is not None:
        return named, ()
    return None, (f"{where} has no column of times, so its rows are taken as equal steps.",)


def read_times(column: pd.Series[Any], name: str, where: str) -> pd.DatetimeIndex:
    """Return a column of times. Whole numbers are years if they can be, and otherwise seconds from 1970."""
    import pandas as pd

    if isinstance(column.dtype, pd.PeriodDtype):
        return pd.DatetimeIndex(column.dt.to_timestamp())
    if column.isna().any():
        row = int(np.flatnonzero(column.isna().to_numpy())[0]) + 1
        raise LmcompareError(f"{where} has no time in row {row:,} of column '{name}': correct it there")
    try:
        if pd.api.types.is_numeric_dtype(column):
            numbers = column.to_numpy(np.float64)
            if (numbers == numbers.round()).all() and numbers.min() >= _YEARS[0] and numbers.max() < _YEARS[1]:
                return pd.DatetimeIndex([pd.Timestamp(int(year), 1, 1) for year in numbers])
            if _DAY_NUMBERS[0] <= numbers.min() and numbers.max() <= _DAY_NUMBERS[1]:
                raise LmcompareError(
                    f"the column '{name}' of {where} has day numbers of a spreadsheet, such as {numbers[0]:g}: write"
                    " dates, such as 2024-01-31"
                )
            if dates := _dates(numbers):
                return pd.DatetimeIndex(dates)
            if np.abs(numbers).min() > MOST_SECONDS:
                raise LmcompareError(
                    f"the column '{name}' of {where} has times such as {numbers[0]:.0f}, which are too large to be"
                    " seconds since 1970: if they are milliseconds, divide them by 1000"
                )
            return pd.DatetimeIndex(pd.to_datetime(numbers, unit="s"))
        text = column.astype(str).str.strip()
        if not text.str.match(_YEAR_FIRST).all():
            raise LmcompareError(
                f"the column '{name}' of {where} has times such as '{text.iloc[0][:30]}': write them with the year"
                " first, as 2024-01-31 or 2024-01-31 12:00"
            )
        if not (local := text.str.extract(_LOCAL_MIDNIGHT)[0]).isna().any():  # days, whatever their zone
            return pd.DatetimeIndex(pd.to_datetime(local))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a format is guessed
            try:
                return pd.DatetimeIndex(pd.to_datetime(column))
            except ValueError:  # several offsets from UTC, as with summer time
                return pd.DatetimeIndex(pd.to_datetime(column, utc=True))
    except (ValueError, OverflowError) as error:
        why = one_line(error).split(". ")[0][:120]
        raise LmcompareError(
            f"the column '{name}' of {where} can't be read as times ({why}): write them as 2024-01-31 or"
            " 2024-01-31 12:00"
        ) from None


def _dates(numbers: npt.NDArray[np.float64]) -> list[np.datetime64]:
    """Return whole numbers such as 20240131 or 202401 as dates; nothing if they are others."""
    if not (numbers == numbers.round()).all() or numbers.min() < 0:
        return []
    text = [str(int(number)) for number in numbers]
    size = len(text[0])
    if size not in (6, 8) or any(len(one) != size or not _YEARS[0] <= int(one[:4]) < _YEARS[1] for one in text):
        return []
    try:
        return [np.datetime64("-".join(filter(None, (one[:4], one[4:6], one[6:])))) for one in text]
    except ValueError:  # a month 13, say
        return []


def with_times(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table in which years with months, quarters or days are one column.

    A table with a row for each year and a column for each month becomes one with a row for each month, unless a
    ``column`` of it is asked for, such as one month of every year.
    """
    import pandas as pd

    own = {str(name).strip().lower(): str(name) for name in table.columns}
    if "year" not in own:
        return table
    year = own["year"]
    if all(month in own for month in MONTHS):
        if column:
            return table
        long = table.melt([year], [own[month] for month in MONTHS], "month", "value")
        long["month"] = [1 + MONTHS.index(str(name).strip().lower()) for name in long["month"]]
        times = pd.to_datetime({"year": long[year].astype(int), "month": long["month"], "day": 1})
        return pd.DataFrame({"time": times, "value": long["value"]}).sort_values("time", ignore_index=True)
    parts = {"month": own.get("month"), "quarter": own.get("quarter"), "day": own.get("day")}
    parts["hour"] = own.get("hour") if parts["day"] else None
    given = {part: name for part, name in parts.items() if name is not None}
    table = table.assign(**{name: _as_number(table[name], part) for part, name in given.items()})
    columns = [table[name] for name in (year, *given.values())]
    if not given.keys() & {"month", "quarter"} or not all(_are_whole(column) for column in columns):
        return table
    for part, most in (("month", 12), ("quarter", 4)):
        if part in given:
            _check_within(table[given[part]], part, most)
    month = table[given["month"]] if "month" in given else 3 * table[given["quarter"]] - 2
    day = table[given["day"]] if "day" in given and "month" in given else 1
    try:
        times = pd.to_datetime({"year": table[year].astype(int), "month": month.astype(int), "day": day})
    except ValueError:  # a day 32, say: the columns are something else
        return table
    if "hour" in given:
        times += pd.to_timedelta(table[given["hour"]], unit="h")
    return table.drop(columns=[year, *given.values()]).assign(time=times)


def _as_number(column: pd.Series[Any], part: str) -> pd.Series[Any]:
    """Return a column with names of months, or with quarters such as Q1, as numbers; another one as it is."""
    text = column.astype(str).str.strip().str.lower()
    if part == "month" and text.str.fullmatch("[a-z]{3,9}").all() and text.str[:3].isin(MONTHS).all():
        return text.str[:3].map(MONTHS.index) + 1
    if part == "quarter" and text.str.fullmatch("q[1-4]").all():
        return text.str[1:].astype(int)
    return column


def _check_within(column: pd.Series[Any], part: str, most: int) -> None:
    """Raise ``LmcompareError`` for a month that is not 1 to 12, or a quarter that is not 1 to 4."""
    wrong = np.flatnonzero(~column.between(1, most).to_numpy())
    if len(wrong):
        row = int(wrong[0])
        raise LmcompareError(
            f"the column '{column.name}' has {column.iloc[row]:g} in row {row + 1:,}, but a {part} is a number from 1"
            f" to {most}: correct it there"
        )


def _are_whole(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column) and column.notna().all() and (column % 1 == 0).all())


def column_named(table: pd.DataFrame, names: Iterable[str]) -> str | None:
    """Return the first column with one of these names, whatever their case."""
    own = {re.sub(r"\s+", " ", str(name)).strip().lower(): str(name) for name in table.columns}
    return next((own[name] for name in names if name in own), None)
