"""The laboratory: controlled experiments on one text, each with a question, a prediction and a verdict.

``lmcompare lab`` lists and runs them. An experiment is one file with a class that derives from ``LabExperiment``.
"""

from lmcompare.lab.contract import EXPERIMENTS, Condition, Figures, Findings, LabExperiment, Row, experiment_names

__all__ = ["EXPERIMENTS", "Condition", "Figures", "Findings", "LabExperiment", "Row", "experiment_names"]
