"""Uniform and quantile bins of values that are divided by their mean size."""

from __future__ import annotations

import numpy as np

from lmcompare.corpora.series.values import Line
from lmcompare.tokens.values.bins import Floats
from lmcompare.tokens.values.tokenizer import ValueTokenizer, Way

TAIL = 0.001  # the share of training values below the first edge of uniform bins, and above the last edge


class _MeanScaled(ValueTokenizer):
    """Divides values by the mean absolute value of the context."""

    def way(self, line: Line) -> Way:
        numbers = np.abs(self._context(line))
        return Way(float(numbers.mean()) if len(numbers) else 0.0)


class UniformBins(_MeanScaled):
    """Bins of equal width, for values divided by their mean size: Ansari et al. (2024), *Chronos*, section 3.1.

    The bins of Chronos reach from -15 to 15, whatever the values are. Here they cover the values of the training
    series, except the 0.1 % at each end, which fall into the open bins.
    """

    kind = "bins"
    description = "A value, divided by the mean size of its series' past, is the token of one of the equal bins."

    def edges(self, values: Floats, number: int) -> Floats:
        low, high = np.quantile(values, [TAIL, 1 - TAIL])
        return np.linspace(low, high if high > low else low + 1.0, number - 1)


class QuantileBins(_MeanScaled):
    """Bins with the same number of training values each, for values divided by their mean size."""

    kind = "quantiles"
    description = (
        "A value, divided by the mean size of its series' past, is the token of one of the bins of equal counts."
    )

    def edges(self, values: Floats, number: int) -> Floats:
        return np.unique(np.quantile(values, np.arange(1, number) / number))
