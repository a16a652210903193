"""Times on a grid: the step, the places and the season, and times that have none."""

from __future__ import annotations

import pandas as pd
import pytest

from lmcompare.corpora.series.grid import grid_of, season_of, seconds_of
from lmcompare.errors import LmcompareError


@pytest.mark.parametrize(
    ("frequency", "step", "season"),
    [
        ("MS", "month", 12),
        ("ME", "month", 12),
        ("QS", "quarter", 4),
        ("YS", "year", 1),
        ("2MS", "2 months", 1),
        ("W", "week", 52),
        ("D", "day", 7),
        ("B", "business day", 5),
        ("h", "hour", 24),
        ("15min", "15 minutes", 96),
        ("7min", "7 minutes", 1),
        ("30s", "30 seconds", 1),
    ],
)
def test_a_regular_calendar_has_its_step_and_season(frequency: str, step: str, season: int) -> None:
    times = pd.date_range("2020-01-01", periods=40, freq=frequency)
    grid = grid_of(times, "x")
    assert (grid.step, grid.season) == (step, season)
    assert grid.places.tolist() == list(range(40))


def test_missing_times_are_places_that_are_left_out() -> None:
    times = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-04", "2024-01-05", "2024-01-06"])
    grid = grid_of(times, "x")
    assert (grid.step, grid.places.tolist(), grid.start) == ("day", [0, 1, 3, 4, 5], "2024-01-01")
    months = pd.DatetimeIndex(["2024-01-31", "2024-02-29", "2024-04-30", "2024-05-31"])
    assert grid_of(months, "x").places.tolist() == [0, 1, 3, 4]


def test_trading_days_without_holidays_are_business_days() -> None:
    days = pd.bdate_range("2024-01-01", "2024-03-29").drop([pd.Timestamp("2024-01-15")])
    grid = grid_of(days, "x")
    assert grid.step == "business day"
    assert len(grid.places) == grid.places[-1]  # one place is left out


@pytest.mark.parametrize(
    "times",
    [
        ["2024-01-01", "2024-01-02", "2024-01-09", "2024-02-20", "2024-02-21"],
        ["2024-01-01 00:00:00", "2024-01-01 00:07:11", "2024-01-01 02:00:00", "2024-01-02 00:00:00"],
    ],
)
def test_uneven_times_are_refused(times: list[str]) -> None:
    with pytest.raises(LmcompareError, match="not evenly spaced"):
        grid_of(pd.DatetimeIndex(times), "x")


def test_steps_in_seconds() -> None:
    assert [seconds_of(step) for step in ("week", "15 minutes", "month", "")] == [604_800, 900, 0, 0]
    assert season_of("15 minutes") == 96
