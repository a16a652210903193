"""Exhibits: the figures and tables by which a model explains itself.

A model yields exhibits of a few kinds; the report has a renderer for each kind and knows no model by name. A package
can bring kinds of its own (docs/exhibits.md). Exhibits hold plain Python values, so they are stored as JSON.
"""

from lmcompare.exhibits.attention import Attention, AttentionHead, Rows
from lmcompare.exhibits.backoff import BackoffStep, BackoffTrace
from lmcompare.exhibits.bars import Bars
from lmcompare.exhibits.curve import Curve
from lmcompare.exhibits.denoising import Denoised, DenoisingFilm
from lmcompare.exhibits.equation import WorkedEquation
from lmcompare.exhibits.exhibit import Exhibit, unequal
from lmcompare.exhibits.film import TrainingFilm
from lmcompare.exhibits.heatmap import Heatmap, Panels
from lmcompare.exhibits.kinds import KINDS, from_json, kind_named, problem_with, to_json
from lmcompare.exhibits.latex import latex_lines, latex_text
from lmcompare.exhibits.map2d import Map2D
from lmcompare.exhibits.neighbours import Neighbours
from lmcompare.exhibits.pictures import LEVELS, PromptedPictures
from lmcompare.exhibits.sources import Passage, SourcedGuess, Sources

MOST = 100  # exhibits of a model that are stored; the rest is left out

__all__ = [
    "KINDS",
    "LEVELS",
    "MOST",
    "Attention",
    "AttentionHead",
    "BackoffStep",
    "BackoffTrace",
    "Bars",
    "Curve",
    "Denoised",
    "DenoisingFilm",
    "Exhibit",
    "Heatmap",
    "Map2D",
    "Neighbours",
    "Panels",
    "Passage",
    "PromptedPictures",
    "Rows",
    "SourcedGuess",
    "Sources",
    "TrainingFilm",
    "WorkedEquation",
    "from_json",
    "kind_named",
    "latex_lines",
    "latex_text",
    "problem_with",
    "to_json",
    "unequal",
]
