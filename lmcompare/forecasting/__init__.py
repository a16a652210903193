"""Forecasters: the classical methods with which models of series are compared, and what a plug-in of them is."""

from lmcompare.forecasting.contract import FORECASTERS, Forecaster, make_forecaster

__all__ = ["FORECASTERS", "Forecaster", "make_forecaster"]
