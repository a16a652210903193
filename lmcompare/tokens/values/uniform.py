"""Bins of equal width or equal counts, and the letters of SAX."""

from __future__ import annotations

import numpy as np
from scipy import special

from lmcompare.corpora.series.values import Line
from lmcompare.errors import LmcompareError
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


MOST_LETTERS = 26


class Sax(ValueTokenizer):
    """Symbolic aggregate approximation (Lin, Keogh, Lonardi and Chiu 2003), with a letter for each value.

    Values are shifted and scaled to mean 0 and variance 1 over the past of their series, and the breakpoints make the
    letters equally likely under a normal distribution. A letter does not tell where in its bin a value is, so there
    is no density. Figures are in nats per letter and can't be compared with the figures of another tokenizer.
    """

    kind = "sax"
    description = "A value, brought to mean 0 and variance 1 over its series' past, is a letter; there is no density."
    has_density = False

    def __init__(self, bins: int = 8, differences: bool | None = None) -> None:
        if type(bins) is not int or not 3 <= bins <= MOST_LETTERS:
            raise LmcompareError(f"bins must be a whole number of letters from 3 to {MOST_LETTERS}, not {bins!r}")
        super().__init__(bins, differences)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(chr(ord("a") + at) for at in range(len(self.learnt)))

    def edges(self, values: Floats, number: int) -> Floats:
        return np.asarray(special.ndtri(np.arange(1, number) / number))

    def way(self, line: Line) -> Way:
        numbers = self._context(line)
        spread = float(numbers.std()) if len(numbers) else 0.0
        return Way(spread, float(numbers.mean()) if len(numbers) else 0.0)
