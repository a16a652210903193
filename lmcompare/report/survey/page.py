"""The survey of a corpus as a page: what ``lmcompare corpora show --out`` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from lmcompare import __version__
from lmcompare.render import numbers
from lmcompare.render.charts.law import law
from lmcompare.report.contents import Entry
from lmcompare.report.page import whole_page
from lmcompare.report.sections import glossary
from lmcompare.report.survey.words import encodings, facts, laws, remarks, share
from lmcompare.runfolder.files import write_text
from lmcompare.survey import Law, Survey

TERMS = ("split", "document", "sentence", "token", "type", "vocabulary", "unknown", "unseen", "zipf", "heaps",
         "contamination")  # fmt: skip
PLACES = {
    "sizes": "Sizes",
    "laws": "Words",
    "repetitions": "Repetitions",
    "lines": "Lines",
    "files": "Files",
    "samples": "Samples",
    "definitions": "Definitions",
}
FILES = 20  # files that are listed; the others are only counted
LISTED = 50  # documents that repeat the training text


@dataclass(frozen=True)
class Fact:
    """A figure in large type; ``term`` is its key in the glossary."""

    name: str
    value: str
    detail: str
    term: str


def write_survey(found: Survey, path: Path) -> None:
    """Write the survey as one HTML page that works offline.

    Raises
    ------
    LmcompareError
        If the file cannot be written.
    """
    write_text(path, survey_page(found))


def survey_page(found: Survey) -> str:
    """Return the page."""
    return whole_page(
        "survey",
        version=__version__,
        contents=[("Corpus", [Entry(*place) for place in PLACES.items() if found.files or "files" not in place])],
        found=found,
        facts=[Fact(*fact) for fact in facts(found)],
        remarks=remarks(found),
        files=found.files[:FILES],
        repeated=found.repeated[:LISTED],
        encodings=encodings(found),
        share=share,
        drawn=_charts(found),
        laws=laws(found),
        glossary=glossary.build(TERMS),
    )


def _charts(found: Survey) -> Sequence[tuple[str, str, Markup]]:
    return [
        (
            "Rank and frequency",
            "zipf",
            _chart(found.zipf, "Frequency of the types by rank", "Rank", "Frequency", "frequency ∝ rank"),
        ),
        (
            "Growth of the vocabulary",
            "heaps",
            _chart(found.heaps, "Types by length of the text", "Tokens read", "Different types", "types ∝ tokens"),
        ),
    ]


def _chart(found: Law, label: str, x_title: str, y_title: str, relation: str) -> Markup:
    fitted: Sequence[tuple[float, float]] = ()
    formula = ""
    if found.exponent is not None:
        fitted = [(x, found.at(x)) for x in found.fitted]
        formula = f"{relation}^{numbers.decimals(found.exponent, 2)}"
    curve: Mapping[float, float] = dict(zip(found.x, found.y, strict=True))
    return law([*curve.items()], fitted, label, x_title, y_title, formula, numbers.short)
