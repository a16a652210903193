"""A corpus before any model reads it: sizes, unknown words, two laws of its words, repetitions, lines and samples."""

from lmcompare.survey.figures import HeldOut, Line, Sample, SplitFigures, Survey
from lmcompare.survey.laws import Law, heaps, zipf
from lmcompare.survey.surveying import survey

__all__ = ["HeldOut", "Law", "Line", "Sample", "SplitFigures", "Survey", "heaps", "survey", "zipf"]
