"""The corpus: splits, tokens, unknown words, contamination, and what a reader should know about the text."""

from __future__ import annotations

from lmcompare.corpora.repeats import RULE
from lmcompare.report.data import ReportData, Section
from lmcompare.report.sections.tokenizers import cuts
from lmcompare.report.templating import fill
from lmcompare.report.verdict import REPEATED

SPLITS = ("train", "valid", "test")
SIZES = ("documents", "sentences", "words", "bytes")


def build(data: ReportData) -> Section:
    """Return the section."""
    html = fill(
        "corpus",
        corpus=data.run.corpus,
        names=SPLITS,
        sizes=SIZES,
        tokens=[(data.run.tokens_name(fp), entry) for fp, entry in data.run.manifest.tokens.items()],
        cuts=cuts(data),
        repeated=data.results["repeated_documents"],
        kinds=REPEATED,
        rule=RULE,
    )
    return Section.of("text", "The text", html)
