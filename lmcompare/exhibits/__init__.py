"""Exhibits: the figures and tables by which a model explains itself.

A model yields exhibits of a few kinds. A kind knows its form and its drawing, and no model by name. A package can
bring kinds of its own (docs/exhibits.md). Exhibits hold plain Python values, so they are stored as JSON.
"""

from lmcompare.exhibits.attention import Attention, AttentionHead, Rows
from lmcompare.exhibits.charts import Bars, Curve, Map2D, Neighbours
from lmcompare.exhibits.equation import WorkedEquation, latex_lines, latex_text
from lmcompare.exhibits.exhibit import (
    KINDS,
    Drawing,
    Exhibit,
    draw,
    draw_stored,
    fill,
    from_json,
    kind_named,
    problem_with,
    to_json,
    unequal,
)
from lmcompare.exhibits.film import TrainingFilm
from lmcompare.exhibits.heatmap import Heatmap, Panels
from lmcompare.exhibits.passages import BackoffStep, BackoffTrace, Passage, SourcedGuess, Sources
from lmcompare.render.markdown import plain, table

MOST = 100  # exhibits of a model that are stored; the rest is left out

__all__ = [
    "KINDS",
    "MOST",
    "Attention",
    "AttentionHead",
    "BackoffStep",
    "BackoffTrace",
    "Bars",
    "Curve",
    "Drawing",
    "Exhibit",
    "Heatmap",
    "Map2D",
    "Neighbours",
    "Panels",
    "Passage",
    "Rows",
    "SourcedGuess",
    "Sources",
    "TrainingFilm",
    "WorkedEquation",
    "draw",
    "draw_stored",
    "fill",
    "from_json",
    "kind_named",
    "latex_lines",
    "latex_text",
    "plain",
    "problem_with",
    "table",
    "to_json",
    "unequal",
]
