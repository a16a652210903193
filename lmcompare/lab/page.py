"""The page of the laboratory: each experiment with its question, its prediction, its verdict and its evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from lmcompare import __version__
from lmcompare.analysis.findings import findings_in
from lmcompare.analysis.intervals import units_of
from lmcompare.render.charts.svg import standalone
from lmcompare.render.definitions import words
from lmcompare.render.markdown import from_html
from lmcompare.render.templating import anchor
from lmcompare.report.contents import ID, Entry, Linked, link
from lmcompare.report.data import Section
from lmcompare.report.page import whole_page
from lmcompare.report.sections import glossary
from lmcompare.report.sections.reproduce import facts_of
from lmcompare.runfolder.files import write_text
from lmcompare.runfolder.layout import CHARTS, LAB_MARKDOWN, LAB_PAGE, LAB_RUN
from lmcompare.runfolder.run import load_run
from lmcompare.studies.ideas.section import PREVIEW, DrawnExperiment

TERMS = ("split", "token", "bits_per_byte", "surprisal", "interval", "significant", "p_value", "seed", "truth",
         "causal_mask", "attention", "head", "position_encoding", "parameters")  # fmt: skip
_TITLE = re.compile("(<h2[^>]*>(.*?))</h2>", re.DOTALL)
_SECTION = re.compile(r'<section id="([^"]*)".*?</section>', re.DOTALL)


def write_page(folder: Path, left_out: Mapping[str, str], failures: Mapping[str, str] | None = None) -> Path:
    """Write the page, the same in Markdown, and its charts, of all findings in the folder of the laboratory.

    Parameters
    ----------
    folder : Path
    left_out : mapping of str to str
        The experiments that were not run, with what they lack.
    failures : mapping of str to str, optional
        The experiments that failed, with the reason; what an earlier run found of them is shown as that.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    LmcompareError
        If the folder can't be written to.
    """
    run = load_run(folder / LAB_RUN)
    experiments = [
        DrawnExperiment.of(anchor(found.name), found, found.tables, found.exhibits)
        for found in findings_in(folder)[0]  # damaged findings are measured again when their experiment is run again
        if found.text in ("", run.corpus_fingerprint)
    ]
    html = whole_page(
        "lab",
        version=__version__,
        run=run,
        contents=[
            ("The laboratory", [Entry("answers", "Answers")]),
            ("Experiments", [Entry(each.key, each.found.title) for each in experiments]),
            ("Trust", [Entry("reproduce", "How to reproduce it"), Entry("definitions", "Definitions")]),
        ],
        experiments=experiments,
        titles={each.found.name: each for each in experiments},
        left_out=left_out,
        failures=failures or {},
        preview=PREVIEW,
        unit=units_of(run).kind,
        facts=facts_of(run, run),
        glossary=glossary.build((*TERMS, *words().values())),
    )
    markdown, drawings = from_html(html, "lab")
    for name, drawing in drawings.items():
        write_text(folder / CHARTS / name, standalone(drawing))
    write_text(folder / LAB_MARKDOWN, f"{markdown}\n")
    write_text(folder / LAB_PAGE, _linked(html))
    return folder / LAB_PAGE


def _linked(page: str) -> str:
    """Return the page with an id and a link at every heading of its sections, so that each exhibit has an address."""
    taken = set(ID.findall(page))

    def of(found: re.Match[str]) -> str:
        section = Linked.of(Section(found[1], "", Markup(found[0]), ""), taken).html
        return _TITLE.sub(lambda title: f"{title[1]}{link(found[1], Markup(title[2]).unescape())}</h2>", section)

    return _SECTION.sub(of, page)
