"""The page of the laboratory: each experiment with its question, its prediction, its verdict and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lmcompare import __version__
from lmcompare.analysis.findings import findings_in
from lmcompare.analysis.units import units_of
from lmcompare.render import prose
from lmcompare.render.charts.svg import standalone
from lmcompare.render.definitions import words
from lmcompare.render.templating import anchor
from lmcompare.report.contents import ID, Entry, Linked, link
from lmcompare.report.data import Section
from lmcompare.report.page import whole_page
from lmcompare.report.sections import glossary
from lmcompare.report.sections.reproduce import facts_of
from lmcompare.runfolder.files import write_text
from lmcompare.runfolder.layout import CHARTS, LAB_CHARTS, LAB_MARKDOWN, LAB_PAGE, LAB_RUN
from lmcompare.runfolder.run import load_run
from lmcompare.studies.ideas.section import PREVIEW, DrawnExperiment

TERMS = ("split", "token", "bits_per_byte", "surprisal", "interval", "significant", "p_value", "seed", "truth",
         "causal_mask", "attention", "head", "position_encoding", "parameters")  # fmt: skip
TITLE = "What is each idea worth?"


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
    run, failures = load_run(folder / LAB_RUN), failures or {}
    experiments = [
        DrawnExperiment.of(anchor(found.name), found, found.tables, found.exhibits)
        for found in findings_in(folder)[0]  # damaged findings are measured again when their experiment is run again
        if found.text in ("", run.corpus_fingerprint)
    ]
    titles = {each.found.name: each for each in experiments}

    def said(key: str, title: str, template: str, **context: object) -> Section:
        return Section(key, title, *prose.written(template, __package__, LAB_CHARTS + key, **context))

    sections = [
        said(
            "answers",
            "The answers",
            "answers",
            experiments=experiments,
            unit=units_of(run).kind,
            failures=failures,
            left_out=left_out,
        ),
        *(
            said(
                each.key,
                each.found.title,
                "experiment",
                each=each,
                found=each.found,
                titles=titles,
                failure=failures.get(each.found.name),
                preview=PREVIEW,
            )
            for each in experiments
        ),
        said("reproduce", "How to reproduce it", "reproduce", command=run.manifest.command, facts=facts_of(run, run)),
        glossary.build((*TERMS, *words().values())),
    ]
    taken = {key for section in sections for key in (section.key, f"{section.key}-title", *ID.findall(section.html))}
    lead = f"Controlled experiments on {run.corpus.name}: the same model, the same text, one thing changed at a time."
    answers, *others = (Entry(section.key, section.title) for section in sections)
    html = whole_page(
        "lab",
        version=__version__,
        run=run,
        title=TITLE,
        lead=lead,
        contents=[("The laboratory", [answers]), ("Experiments", others[:-2]), ("Trust", others[-2:])],
        sections=[Linked.of(section, taken) for section in sections],
        link=link,
    )
    for section in sections:
        for name, drawing in section.charts.items():
            write_text(folder / CHARTS / name, standalone(drawing))
    parts = [f"# {TITLE}", lead, *(f"## {section.title}\n\n{section.markdown}" for section in sections)]
    write_text(folder / LAB_MARKDOWN, "\n\n".join(parts) + "\n")
    write_text(folder / LAB_PAGE, html)
    return folder / LAB_PAGE
