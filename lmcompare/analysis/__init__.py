"""Stored scores to tables: metrics, intervals, slices and mixtures, from the run folder alone."""

from lmcompare.analysis.run import Cell, ModelEntry, Run, TokenTables, load_run

__all__ = ["Cell", "ModelEntry", "Run", "TokenTables", "load_run"]
