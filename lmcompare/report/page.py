"""The whole report: its sections in order, as one HTML file or as Markdown with drawings beside it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from markupsafe import Markup

from lmcompare.analysis import Run
from lmcompare.errors import CONTROL, PluginError, what_went_wrong
from lmcompare.render import numbers
from lmcompare.render.definitions import Groups as Terms
from lmcompare.render.definitions import also_known, parsed
from lmcompare.render.palette import style_sheet
from lmcompare.render.templating import asset, fill
from lmcompare.report import series
from lmcompare.report.contents import ID, SHOWN_OPEN, Linked, asked_terms, grouped, link, questions
from lmcompare.report.data import SERVED, ReportData, Section
from lmcompare.report.sections import glossary, leaderboard, reproduce, summary, validity
from lmcompare.runfolder.files import RunFolderError
from lmcompare.study import BROUGHT, GROUPS, Study, brought, chosen_by

USED_TERM = re.compile(r' href="#term-([^"]*)"')
SCRIPTS = {  # of the core, by name: the beginning of an element without which a page does not need it
    "page.js": "",
    "renew.js": '<p class="unfinished" data-left',
    "attention.js": '<div class="att ',
    "charts.js": "<svg",
    "film.js": '<div class="film ',
    "pictures.js": '<div class="pictures ',
    "denoising.js": '<div class="denoising ',
}
STYLES = ("charts.css", "report.css", "attention.css", "pictures.css")  # before those of studies
LAST_STYLE = "media.css"
LISTED = 6  # models that are not finished
_ENDS = re.compile(r"</(?:script|style)|<!--", re.IGNORECASE)
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
    studies: Iterable[Section] = (),
    **context: Any,
) -> str:
    """Return a page made from a template that extends the layout, with style and scripts inside.

    ``served``: whether it may ask the server that it comes from; ``scripts``: whether it has those that it needs;
    ``studies``: the sections whose styles and scripts it has.
    """
    brought = [(each.style, each.script) for each in studies]
    sheets = [*map(asset, styles), *dict.fromkeys(sheet for sheet, _ in brought), asset(LAST_STYLE)]
    style = Markup(style_sheet() + "".join(sheets))
    bare = fill(template, style=style, scripts=(), digests=(), served=served, **context)
    if not scripts:
        return bare.translate(CONTROL)
    own = dict.fromkeys(script for _, script in brought if script)
    code = [Markup(script) for script in (*(asset(name) for name, mark in SCRIPTS.items() if mark in bare), *own)]
    digests = [base64.b64encode(hashlib.sha256(str(s).encode()).digest()).decode() for s in code]
    return fill(template, style=style, scripts=code, digests=digests, served=served, **context).translate(CONTROL)


def with_studies(core: Mapping[str, Mapping[str, tuple[int, Build]]], shown_of: Sequence[Study]) -> Groups:
    """Return these sections of the core and those of studies, in the order given, in which each group is sorted.

    Studies that an experiment has put into another order take each other's places: those of the core stay.
    """
    orders = {group: iter(sorted(each.order for each in shown_of if each.group == group)) for group in GROUPS}
    places = {
        group: [(order, name, build) for name, (order, build) in of_core.items()] for group, of_core in core.items()
    }
    taken = {name for of_core in core.values() for name in of_core}
    for study in shown_of:
        name = study.title if study.title not in taken else f"{study.title} ({study.name})"
        taken.add(name)
        order = next(orders[study.group]) if study.group in orders else study.order
        places.setdefault(study.group, []).append((order, name, partial(shown, study)))
    in_order = {group: sorted(found, key=lambda each: each[0]) for group, found in places.items()}
    return {group: {name: build for _, name, build in found} for group, found in in_order.items()}


def studies_of(run: Run) -> list[Study]:
    """Return the studies that show something of a run: in the order of its experiment, or else in their own."""
    found = [each for each in chosen_by(run).values() if each.title and run.corpus.kind in each.kinds]
    if run.studies is not None:
        return found
    return sorted(found, key=lambda study: ([*GROUPS, study.group].index(study.group), study.order, study.title))


def brought_by(study: Study) -> tuple[str, str, Terms]:
    """Return the script, the style and the terms of a study.

    Raises ``PluginError`` if a file is missing or is not what it should be.
    """
    script, style, terms = (brought(study, what).translate(CONTROL) for what in BROUGHT)
    for what, text in (("script", script), ("style", style)):
        if found := _ENDS.search(text):
            raise PluginError(
                f"the {what} of the study '{study.name}' has {found[0]} in it, which a page takes for HTML: put these"
                " letters together in another way"
            )
    try:
        return script, style, parsed(terms)
    except (TypeError, ValueError, AttributeError) as error:
        raise PluginError(
            f"the terms of the study '{study.name}' can't be read ({error}): write for each a table [Group.key] with"
            " a name and a definition"
        ) from error


def section_of(study: Study, data: ReportData) -> Section | None:
    """Return what a study shows, with what it brings to the page. Raises ``PluginError`` as ``brought_by`` does."""
    script, style, terms = brought_by(study)
    with also_known(terms):
        found = study.show(data)
    return replace(found, script=script, style=style, terms=terms) if isinstance(found, Section) else found


def shown(study: Study, data: ReportData) -> Section | None:
    """Return the section of a study; a note in its place if the study fails."""
    why = data.results["failed_studies"].get(study.name)
    if why is None:
        try:
            found = section_of(study, data)
        except RunFolderError:  # the run is damaged
            raise
        except (Exception, SystemExit) as error:  # a study may be anybody's code
            why = what_went_wrong(error)
        else:
            notes = _lacking(study, data)
            if isinstance(found, Section):
                return _noted(found, notes)
            if found is None:  # who has chosen a study expects its section
                expected = data.run.studies is not None and bool(notes)
                return _noted(Section(study.name, study.title, Markup(), ""), notes) if expected else None
            why = "its method show returned no Section"
    return _noted(Section(study.name, study.title, Markup(), ""), [f"This section could not be made: {why}."])


def _noted(section: Section, notes: Sequence[str]) -> Section:
    """Return a section with notes at its beginning."""
    if not notes:
        return section
    said = Section.of_text("", "", "{% for note in notes %}\n{.note} {{ note }}\n\n{% endfor %}", notes=notes)
    markdown = "\n\n".join(filter(None, (said.markdown, section.markdown)))
    return replace(section, html=said.html + section.html, markdown=markdown)


def _lacking(study: Study, data: ReportData) -> list[str]:
    """Return sentences on models that a study has not measured, or by other code or options than most."""
    if type(study).measure is Study.measure:
        return []
    by = {model.title: model.cell.measured_by(study.name) for model in data.scored}
    most = Counter(filter(None, by.values())).most_common(1)
    lacking = [title for title, digest in by.items() if digest is None]
    others = [title for title, digest in by.items() if digest and digest != most[0][0]]
    notes = []
    if lacking:
        names = numbers.listed(lacking)
        notes.append(f"Not measured by this study: {names}. Run the experiment again to measure them.")
    if others:
        notes.append(f"Measured by another version of this study, or with other options: {numbers.listed(others)}.")
    return notes


class Report:
    """The report of a run as HTML and Markdown; ``names`` and ``page`` as in ``ReportData``."""

    def __init__(self, run: Run, names: Sequence[str] = (), page: Mapping[str, Any] = {}) -> None:
        self.data = ReportData(run, names, page)
        of_series = run.corpus.kind == "series" and bool(run.scored)
        self.studies = studies_of(run)
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
        self.sections["Definitions"] = glossary.build(
            used | asked_terms(of_series), [part.terms for part in self.sections.values()]
        )

    @property
    def version(self) -> str:
        """The version of lmcompare that carried out the run."""
        return self.data.run.manifest.lmcompare

    @property
    def charts(self) -> dict[str, Markup]:
        """The drawings that ``markdown`` refers to, by file name in ``charts/``."""
        parts = (self.summary, *self.sections.values())
        return {name: drawing for section in parts for name, drawing in section.charts.items()}

    @property
    def unfinished(self) -> str:
        """What the run has not finished, in a sentence; "" if it has finished everything."""
        manifest = self.data.run.manifest
        if not manifest.waiting:
            return ""
        names = list(dict.fromkeys(cell.rpartition("/")[0] for cell in manifest.waiting))
        some = numbers.listed(names if len(names) <= LISTED else [*names[:LISTED], f"{len(names) - LISTED} more"])
        if manifest.left is None:
            return f"Not final: {some} {'is' if len(names) == 1 else 'are'} not finished; the same command goes on."
        return f"Not final: {some} will follow in about {numbers.seconds(manifest.left)}. This page renews itself."

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
            unfinished=self.unfinished,
            contents=grouped(self.groups, linked),
            shown_open=SHOWN_OPEN,
            questions=questions(
                [*taken, *(section.key for section in self.sections.values())],
                self.studies,
                self.data.run.corpus.kind == "series",
            ),
            sections=linked.values(),
            studies=self.sections.values(),
            models=self.data.scored,
            link=link,
            served=self.data.page.get("live") == SERVED,
        )

    def markdown(self) -> str:
        """Return the report as Markdown."""
        parts = [*filter(None, [self.unfinished]), self.summary.markdown]
        for section in self.sections.values():
            parts.append(f"## {section.title}")
            if section.markdown:
                parts.append(section.markdown)
        parts.append(
            f"Written by lmcompare {self.version}. The interactive `report.html` beside this file shows more."
        )
        return "\n\n".join(parts) + "\n"
