"""What a forecaster is: one class that learns from past values and draws paths of future ones.

A package adds one by an entry point in the group ``lmcompare.forecasters``, and an experiment names a class of its
own as ``./file.py:Class``: for example a forecaster that was trained on other series.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from lmcompare.errors import PluginError
from lmcompare.registry import Registry

Floats = npt.NDArray[np.float64]


class Forecaster(ABC):
    """A method of forecasting one series at a time.

    Attributes
    ----------
    title : str
        Its name for people.
    source : str
        The publication of its idea, in a few words.
    needs : str
        The package that it needs, "" for none; a missing package is reported before anything is computed.
    """

    title: ClassVar[str]
    source: ClassVar[str] = ""
    needs: ClassVar[str] = ""

    @abstractmethod
    def fit(self, past: Floats, season: int) -> Self:
        """Learn from the training values (n,) of a series, NaN where one is missing.

        Parameters
        ----------
        past : (n,) float64 array
        season : int
            How many steps are a season; 1 for none.
        """

    @abstractmethod
    def paths(self, past: Floats, horizon: int, number: int, seed: int) -> Floats:
        """Return (number, horizon) drawn continuations of a past (n,), without learning from it."""

    def log_density(self, past: Floats, future: Floats) -> Floats | None:
        """Return (m,) the log-density in nats of each future value, given those before it; None if it has none.

        NaN where a value is missing.
        """
        return None


def _checked(found: Any, name: str) -> type[Forecaster]:
    if not (inspect.isclass(found) and issubclass(found, Forecaster)):
        raise PluginError(f"'{name}' is not a class derived from lmcompare.forecasting.Forecaster")
    if inspect.isabstract(found):
        raise PluginError(f"the forecaster '{name}' lacks {', '.join(sorted(found.__abstractmethods__))}")
    if not isinstance(getattr(found, "title", None), str):
        raise PluginError(f"the forecaster '{name}' has no title: give its class one, as it is to be shown")
    return found


FORECASTERS: Registry[type[Forecaster]] = Registry("lmcompare.forecasters", "forecaster", _checked)


def make_forecaster(name: str) -> Forecaster:
    """Return an untrained forecaster.

    Raises
    ------
    PluginError
        For a name that no forecaster has, and a class that can't be made.
    """
    return FORECASTERS.resolve(name)()
