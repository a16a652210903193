"""The corpus: splits, tokens, unknown words, contamination, and what a reader should know about the text."""

from __future__ import annotations

from lmcompare.analysis.repeats import FEW, MOST
from lmcompare.render.templating import fill
from lmcompare.report.data import ReportData, Section
from lmcompare.report.sections.tokenizers import cuts

RULE = (
    "Held-out text counts as repeated where it agrees with earlier text, word for word or nearly so, over so many"
    " words that neither chance nor a set phrase explains it: about seven, or four if a whole document is the same."
    " Validation text is compared with the training text, and test text with both. If more than"
    f" {100 * FEW:g} % of the test text is repeated, the models are compared without it, and if more than"
    f" {100 * MOST:g} % is, they are not ranked."
)
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
        repeated=data.results["repeated_text"],
        rule=RULE,
    )
    return Section.of("text", "The text", html)
