"""How do models of series forecast, and how far back do they read?"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from lmcompare.study import Finished, Study


class Forecasts(Study):
    """Paths that are drawn from a model of series, and how far off they are."""

    name: ClassVar[str] = "forecasts"
    kinds: ClassVar[Collection[str]] = ("series",)
    options: ClassVar[tuple[str, ...]] = ("forecast",)

    def measure(self, finished: Finished) -> Any:
        """Return the forecasts from several origins of the test series."""
        from lmcompare.measure.forecasts import model_forecasts

        return [*model_forecasts(finished.model, finished.corpus, finished.options["forecast"], finished.seed)]


class Lags(Study):
    """How much the next distribution of a model depends on the value at each lag."""

    name: ClassVar[str] = "lags"
    kinds: ClassVar[Collection[str]] = ("series",)
    options: ClassVar[tuple[str, ...]] = ("forecast",)

    def measure(self, finished: Finished) -> Any:
        """Return for each lag the mean Kullback-Leibler divergence, in nats."""
        from lmcompare.measure.lags import lag_influences

        return lag_influences(finished.model, finished.corpus, finished.options["forecast"])
