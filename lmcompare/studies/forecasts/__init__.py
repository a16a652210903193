"""How do models of series forecast, which values surprise them, and how far back do they read?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Forecasts(Study):
    """Paths that are drawn from a model of series, and how far off they are."""

    name: ClassVar[str] = "forecasts"
    title: ClassVar[str] = "Forecasts"
    order: ClassVar[int] = 20
    kinds: ClassVar[Collection[str]] = ("series",)
    questions: ClassVar[Mapping[str, str]] = {"forecasts": "What do the forecasts look like?"}
    options: ClassVar[tuple[str, ...]] = ("forecast",)
    section: ClassVar[str] = "lmcompare.studies.forecasts.section:forecasts"

    def measure(self, finished: Finished) -> Any:
        """Return the forecasts from several origins of the test series."""
        from lmcompare.measure.series import model_forecasts

        return [*model_forecasts(finished.model, finished.corpus, finished.options["forecast"], finished.seed)]


class Surprises(Study):
    """The values of the test series to which the best model gave the lowest densities."""

    name: ClassVar[str] = "surprises"
    title: ClassVar[str] = "Surprises"
    order: ClassVar[int] = 30
    kinds: ClassVar[Collection[str]] = ("series",)
    questions: ClassVar[Mapping[str, str]] = {"along": "Which values surprised the models?"}
    section: ClassVar[str] = "lmcompare.studies.forecasts.section:surprises"


class Lags(Study):
    """How much the next distribution of a model depends on the value at each lag."""

    name: ClassVar[str] = "lags"
    title: ClassVar[str] = "Lags"
    group: ClassVar[str] = "Inside"
    order: ClassVar[int] = 10
    kinds: ClassVar[Collection[str]] = ("series",)
    questions: ClassVar[Mapping[str, str]] = {"lags": "How far back does each model read?"}
    options: ClassVar[tuple[str, ...]] = ("forecast",)
    section: ClassVar[str] = "lmcompare.studies.forecasts.section:lags"

    def measure(self, finished: Finished) -> Any:
        """Return for each lag the mean Kullback-Leibler divergence, in nats."""
        from lmcompare.studies.forecasts.lags import lag_influences

        return lag_influences(finished.model, finished.corpus, finished.options["forecast"])


class TheSeries(Study):
    """What are the series, and how were they split?"""

    name: ClassVar[str] = "series"
    title: ClassVar[str] = "The series"
    group: ClassVar[str] = "Trust"
    order: ClassVar[int] = 10
    kinds: ClassVar[Collection[str]] = ("series",)
    section: ClassVar[str] = "lmcompare.studies.forecasts.section:the_series"
