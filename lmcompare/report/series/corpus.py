"""The series: where they come from, their splits, how values become tokens, and what a reader should know."""

from __future__ import annotations

from lmcompare.render.templating import fill
from lmcompare.report.data import Section
from lmcompare.report.series.values import SeriesData


def build(data: SeriesData) -> Section:
    """Return the section."""
    run = data.data.run
    tokens = [(run.tokens_name(fp), entry) for fp, entry in run.manifest.tokens.items()]
    return Section.of(
        "text", "The series", fill("series/corpus", corpus=run.corpus, tokens=tokens, series=data.series)
    )
