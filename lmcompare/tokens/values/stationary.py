"""Whether a series has a trend or a wandering level, so that its differences are easier to predict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CRITICAL = -2.57  # value of the Dickey-Fuller statistic with a constant, at 10 % (MacKinnon 2010, table 2)
TREND = 1.0  # standard deviations by which the means of the first and the last third must differ


def wanders(values: npt.NDArray[np.float64]) -> bool:
    """Return whether a series has no level that it returns to, or a trend.

    It has no such level if the augmented Dickey-Fuller test does not reject a unit root (Dickey and Fuller 1979, Said
    and Dickey 1984; with the number of lags of Schwert 1989).
    """
    known = values[np.isfinite(values)]
    if len(known) < 12 or np.ptp(known) == 0:
        return False
    first, _, last = np.array_split(known, 3)
    within = (first.std() + last.std()) / 2
    if abs(last.mean() - first.mean()) > TREND * within:
        return True
    return dickey_fuller(known) > CRITICAL


def dickey_fuller(values: npt.NDArray[np.float64]) -> float:
    """Return the t statistic of the level in a regression of the next change, with lagged changes and a constant.

    The values are standardised first, so that large levels or other units do not change the statistic by rounding.
    """
    values = (values - values.mean()) / values.std()
    lags = min(int(12 * (len(values) / 100) ** 0.25), len(values) // 3 - 2)
    change = np.diff(values)
    target = change[lags:]
    columns = [values[lags:-1], np.ones(len(target)), *(change[lags - k : -k] for k in range(1, lags + 1))]
    design = np.stack(columns, axis=1)
    weights, _, _, _ = np.linalg.lstsq(design, target, rcond=None)
    rest = target - design @ weights
    free = len(target) - design.shape[1]
    variance = float(rest @ rest) / max(free, 1)
    error = np.sqrt(variance * float((np.linalg.pinv(design)[0] ** 2).sum()))
    return float(weights[0] / error) if error > 0 else 0.0
