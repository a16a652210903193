"""Times on a regular grid: which step a series has, where values are missing, and how long its season is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.errors import LmcompareError

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
