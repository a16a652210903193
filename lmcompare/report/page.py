"""The whole report: its sections in order, as one HTML file or as Markdown with drawings beside it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from lmcompare.analysis import Run
from lmcompare.errors import CONTROL, what_went_wrong
from lmcompare.render.palette import style_sheet
from lmcompare.render.templating import asset, fill
from lmcompare.report import series
from lmcompare.report.contents import ID, SHOWN_OPEN, Linked, asked_terms, grouped, link, questions
from lmcompare.report.data import SERVED, ReportData, Section
from lmcompare.report.sections import (
    contexts,
    corpus,
    cost,
    exhibits,
    glossary,
    history,
    ideas,
    leaderboard,
    learning,
    live,
    reproduce,
    slices,
    story,
    summary,
    sweeps,
    validity,
)
from lmcompare.report.series.values import SeriesData
from lmcompare.study import Study, studies

USED_TERM = re.compile(r' href="#term-([^"]*)"')
SCRIPTS = {  # by name, the beginning of an element without which a page does not need it
    "page.js": "",
    "attention.js": '<div class="att ',
    "charts.js": "<svg",
    "film.js": '<div class="film ',
    "pictures.js": '<div class="pictures ',
    "denoising.js": '<div class="denoising ',
    "story.js": '<div class="scenes">',
    "reader.js": '<div class="reader"',
    "game.js": '<div class="game ',
    "gains.js": '<div class="gains">',
    "choice.js": '<figure class="js choice" ',
    "live.js": '<div class="live ',
}
STYLES = ("charts.css", "report.css", "attention.css", "pictures.css", "try-it.css", "media.css")
Build = Callable[[ReportData], Section | None]
Groups = Mapping[str, Mapping[str, Build]]  # sections by their names in the contents
SECTIONS: Mapping[str, Mapping[str, tuple[int, Build]]] = {  # those of the core: by group and name, order and maker
    "Results": {
        "Leaderboard": (10, leaderboard.build),
        "Cost": (20, cost.build),
        "History": (30, history.build),
        "By kind": (40, slices.build),
        "Learning": (50, learning.build),
        "Sweeps": (90, sweeps.build),
    },
    "Try it": {
        "From counting to attention": (10, story.build),
        "Your own text": (20, live.build),
    },
    "Inside": {
        "Laboratory": (10, ideas.build),
        "Inside the models": (20, exhibits.build),
        "In context": (40, contexts.build),
    },
    "Trust": {
        "Corpus": (10, corpus.build),
        "Validity": (20, validity.build),
        "Reproduce": (30, reproduce.build),
        "Definitions": (40, lambda _: glossary.build()),
    },
}


def whole_page(
    template: str,
    *,
    served: bool = False,
    scripts: bool = True,
    styles: Sequence[str] = STYLES,
    **context: Any,
) -> str:
    """Return a page made from a template that extends the layout, with style and scripts inside.

    ``served``: whether it may ask the server that it comes from; ``scripts``: whether it has those that it needs.
    """
    style = Markup(style_sheet() + "".join(map(asset, styles)))
    bare = fill(template, style=style, scripts=(), digests=(), served=served, **context)
    if not scripts:
        return bare.translate(CONTROL)
    code = [Markup(asset(name)) for name, mark in SCRIPTS.items() if mark in bare]
    digests = [base64.b64encode(hashlib.sha256(str(s).encode()).digest()).decode() for s in code]
    return fill(template, style=style, scripts=code, digests=digests, served=served, **context).translate(CONTROL)


def groups_of_series(data: ReportData) -> Groups:
    """Return the sections of a report on series, by their names in the contents."""
    found = SeriesData(data)
    return {
        "Results": {
            "Leaderboard": lambda _: series.board.build(found),
            "Forecasts": lambda _: series.fans.build(found),
            "Surprises": lambda _: series.along.build(found),
            "Learning": learning.build,
        },
        "Inside": {"Lags": lambda _: series.lags.build(found)},
        "Trust": {
            "The series": lambda _: series.corpus.build(found),
            "Validity": validity.build,
            "Reproduce": reproduce.build,
            "Definitions": lambda _: glossary.build(),
        },
    }


def all_sections() -> Groups:
    """Return the sections of the core and of all studies, in their order."""
    places = {
        group: [(order, name, build) for name, (order, build) in of_core.items()]
        for group, of_core in SECTIONS.items()
    }
    taken = {name for of_core in SECTIONS.values() for name in of_core}
    for study in studies().values():
        if study.title:
            name = study.title if study.title not in taken else f"{study.title} ({study.name})"
            taken.add(name)
            places.setdefault(study.group, []).append((study.order, name, partial(shown, study)))
    in_order = {group: sorted(found, key=lambda each: each[:2]) for group, found in places.items()}
    return {group: {name: build for _, name, build in found} for group, found in in_order.items()}


def shown(study: Study, data: ReportData) -> Section | None:
    """Return the section of a study; a note in its place if the study fails."""
    why = data.results["failed_studies"].get(study.name)
    if why is None:
        try:
            found = study.show(data)
        except (Exception, SystemExit) as error:  # a study may be anybody's code
            why = what_went_wrong(error)
        else:
            if found is None or isinstance(found, Section):
                return found
            why = "its method show returned no Section"
    note = Markup('<p class="note">This section could not be made: {}.</p>').format(why)
    return Section.of(study.name, study.title, note)


class Report:
    """The report of a run as HTML and Markdown; ``names`` and ``page`` as in ``ReportData``."""

    def __init__(self, run: Run, names: Sequence[str] = (), page: Mapping[str, Any] = {}) -> None:
        self.data = ReportData(run, names, page)
        of_series = run.corpus.series and bool(run.scored)
        self.groups = groups_of_series(self.data) if of_series else all_sections()
        self.summary = series.summary.build(SeriesData(self.data)) if of_series else summary.build(self.data)
        built = {name: build(self.data) for group in self.groups.values() for name, build in group.items()}
        self.sections = {name: section for name, section in built.items() if section is not None}
        parts = (self.summary, *self.sections.values())
        used = {key for part in parts for key in USED_TERM.findall(str(part.html))}
        # of all terms, those of this page
        self.sections["Definitions"] = glossary.build(used | asked_terms(of_series))

    @property
    def version(self) -> str:
        """The version of lmcompare that carried out the run."""
        return self.data.run.manifest.lmcompare

    @property
    def charts(self) -> dict[str, Markup]:
        """The drawings that ``markdown`` refers to, by file name in ``charts/``."""
        parts = (self.summary, *self.sections.values())
        return {name: drawing for section in parts for name, drawing in section.charts.items()}

    def html(self) -> str:
        """Return the page with its drawings."""
        parts = (self.summary, *self.sections.values())
        taken = {key for part in parts for key in ID.findall(str(part.html))}
        linked = {name: Linked.of(section, taken) for name, section in self.sections.items()}
        return whole_page(
            "page",
            version=self.version,
            run=self.data.run,
            summary=self.summary,
            contents=grouped(self.groups, linked),
            shown_open=SHOWN_OPEN,
            questions=questions(
                [*taken, *(section.key for section in self.sections.values())], self.data.run.corpus.series
            ),
            sections=linked.values(),
            models=self.data.scored,
            link=link,
            served=self.data.page.get("live") == SERVED,
        )

    def markdown(self) -> str:
        """Return the report as Markdown."""
        parts = [self.summary.markdown]
        for section in self.sections.values():
            parts.append(f"## {section.title}")
            if section.markdown:
                parts.append(section.markdown)
        parts.append(
            f"Written by lmcompare {self.version}. The interactive `report.html` beside this file shows more."
        )
        return "\n\n".join(parts) + "\n"
