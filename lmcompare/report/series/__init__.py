"""The sections of a report on series of numbers: forecasts in place of sentences."""

from lmcompare.report.series import along, board, corpus, fans, lags, summary

__all__ = ["along", "board", "corpus", "fans", "lags", "summary"]
