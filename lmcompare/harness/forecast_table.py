"""The table ``[forecast]`` of an experiment file: how series are forecast."""

from __future__ import annotations

from pydantic import Field

from lmcompare.harness.faults import Table


class ForecastTable(Table):
    """``[forecast]``: how series are forecast, and the classical methods that models are compared with.

    ``horizon`` steps from ``origins`` places in each test series, with ``paths`` drawn at each: the band that should
    hold 95 % needs 39 of them. ``season`` is the number of steps that are a season. None: what is usual for the step
    of the series.
    """

    horizon: int | None = Field(default=None, ge=1, le=1000)
    season: int | None = Field(default=None, ge=1, le=10_000)
    origins: int = Field(default=8, ge=1, le=64)
    paths: int = Field(default=100, ge=39, le=10_000)
    against: tuple[str, ...] = ("seasonal-naive", "drift", "ets", "arima")
