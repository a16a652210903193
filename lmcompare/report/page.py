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
from lmcompare.report.sections import glossary, leaderboard, reproduce, summary, validity
from lmcompare.runfolder.files import RunFolderError
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
    "Results": {"Leaderboard": (10, leaderboard.build)},
    "Try it": {},
    "Inside": {},
    "Trust": {
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


def with_studies(core: Mapping[str, Mapping[str, tuple[int, Build]]], shown_of: Sequence[Study]) -> Groups:
    """Return these sections of the core and those of studies, in their order."""
    places = {
        group: [(order, name, build) for name, (order, build) in of_core.items()] for group, of_core in core.items()
    }
    taken = {name for of_core in core.values() for name in of_core}
    for study in shown_of:
        name = study.title if study.title not in taken else f"{study.title} ({study.name})"
        taken.add(name)
        places.setdefault(study.group, []).append((study.order, name, partial(shown, study)))
    in_order = {group: sorted(found, key=lambda each: each[:2]) for group, found in places.items()}
    return {group: {name: build for _, name, build in found} for group, found in in_order.items()}


def studies_of(kind: str) -> list[Study]:
    """Return the studies that show something of runs on this kind of data, in the order of the page."""
    groups = list(SECTIONS)
    found = [study for study in studies().values() if study.title and kind in study.kinds]
    return sorted(found, key=lambda study: ([*groups, study.group].index(study.group), study.order, study.title))


def shown(study: Study, data: ReportData) -> Section | None:
    """Return the section of a study; a note in its place if the study fails."""
    why = data.results["failed_studies"].get(study.name)
    if why is None:
        try:
            found = study.show(data)
        except RunFolderError:  # the run is damaged
            raise
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
        self.studies = studies_of(run.corpus.kind)
        board = (
            {"Leaderboard": (10, lambda data: series.leaderboard(data.series))} if of_series else SECTIONS["Results"]
        )
        self.groups = with_studies({**SECTIONS, "Results": board}, self.studies)
        self.summary = series.summary(self.data.series) if of_series else summary.build(self.data)
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
                [*taken, *(section.key for section in self.sections.values())],
                self.studies,
                self.data.run.corpus.series,
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
