"""What all sections of the report share: the run, its models with their names and colours, and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from markupsafe import Markup

from lmcompare.analysis import Cell, ModelEntry, Run
from lmcompare.analysis.comparison import Comparison, comparable_names, compare_models, main_tokens
from lmcompare.analysis.findings import Row as FoundRow
from lmcompare.analysis.findings import StoredFindings, findings_in
from lmcompare.analysis.leaderboard import Row, Status, rows
from lmcompare.analysis.metrics import Outlook, outlook
from lmcompare.analysis.results import results
from lmcompare.render import numbers
from lmcompare.render.definitions import Groups
from lmcompare.render.prose import environment, filled, written
from lmcompare.render.titles import short_titles, spoken
from lmcompare.report.shown import shown
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import FINDINGS, LAB_RUN
from lmcompare.runfolder.manifest import read_manifest

if TYPE_CHECKING:
    from lmcompare.report.passages import Passage
    from lmcompare.report.series import SeriesData


def found_on_its_text(run: Run) -> tuple[list[StoredFindings], list[str]]:
    """Return the findings in the folder of a run, and sentences on those that are left out."""
    found, broken = findings_in(run.path)
    left_out = [
        f"{FINDINGS}/{path.name} is not as it was written and is left out: run the experiment again with"
        f" 'lmcompare lab {path.stem}'."
        for path in broken
    ]
    own = run.corpus_fingerprint
    others = [each.name for each in found if (each.text or _text_of_models(run.path)) != own]
    if others:
        left_out.append(
            f"What was found by {numbers.listed(others)} is left out: it is about another text than this report."
        )
    return [each for each in found if each.name not in others], left_out


def _text_of_models(folder: Path) -> str:
    """Return the fingerprint of the corpus on which the laboratory has trained its models; "" if it can't be read."""
    try:
        return read_manifest(folder / LAB_RUN).corpus.fingerprint
    except RunFolderError:
        return ""


SERVED = "served"  # in place of copies, the models behind a server answer


@dataclass(frozen=True)
class Model:
    """A model of the run.

    Parameters
    ----------
    index : int
        Determines its colour and marker everywhere: its place in the experiment, or among the names of all tables of
        a page with several.
    full : str
        Its name for people; with the name in the experiment if two models have the same title.
    title : str
        Its name in charts, sentences and most tables: ``full`` up to the first comma, if no other one begins so.
    """

    entry: ModelEntry
    index: int
    full: str
    title: str

    @property
    def name(self) -> str:
        """Its name in the experiment, which the command line takes."""
        return self.entry.name

    @property
    def cell(self) -> Cell:
        """The finished cell whose examples and exhibits represent the model; scored models only."""
        cell = self.entry.first
        assert cell is not None, f"{self.name} has no finished cell"
        return cell

    @property
    def errors(self) -> dict[str, list[int]]:
        """The errors of its failed cells, with their seeds."""
        found: dict[str, list[int]] = {}
        for cell in self.entry.failed:
            found.setdefault(cell.error or "", []).append(cell.seed)
        return found


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Parameters
    ----------
    charts : mapping of str to Markup
        The drawings that ``markdown`` refers to, by file name.
    script, style : str
        What a study brings to the page.
    terms : mapping
        The terms that a study defines, by the titles of their groups.
    """

    key: str
    title: str
    html: Markup
    markdown: str
    charts: Mapping[str, Markup] = field(default_factory=dict)
    script: str = ""
    style: str = ""
    terms: Groups = field(default_factory=dict)

    @classmethod
    def written(
        cls, key: str, title: str, package: str, template: str = "", still: bool = False, **context: Any
    ) -> Self:
        """Return a section that a template in Markdown says, as in ``lmcompare.render.prose.written``."""
        return cls(key, title, *written(template or package.rpartition(".")[2], package, key, still, **context))

    @classmethod
    def of_text(cls, key: str, title: str, text: str, **context: Any) -> Self:
        """Return a section that says this text, which is such a template itself."""
        return cls(key, title, *filled(environment("lmcompare.report").from_string(text), key, False, context))


class ReportData:
    """A run as the sections read it."""

    def __init__(self, run: Run, names: Sequence[str] = (), page: Mapping[str, Any] = {}) -> None:
        """Take a run.

        ``names``: the models of all tables if the page has several, so that a model has the same colour in each
        table. ``page``: the values of ``PageOptions`` that differ from those of the run; ``live`` may be ``SERVED``,
        with the names of the ``models`` that a server has.
        """
        self.whole, self.page = run, dict(page)
        index = {name: i for i, name in enumerate(dict.fromkeys((*names, *(m.name for m in run.models))))}
        alike = Counter(model.title for model in run.models)
        titles = [entry.title if alike[entry.title] == 1 else _told_apart(entry) for entry in run.models]
        self.models = tuple(
            Model(entry, index[entry.name], full, title)
            for entry, full, title in zip(run.models, titles, short_titles(titles), strict=True)
        )
        self.by_name = {model.name: model for model in self.models}

    def title(self, name: str) -> str:
        """Return the title of the model of this name."""
        return self.by_name[name].title

    def spoken(self, name: str) -> str:
        """Return the title of the model of this name as it is said inside a sentence."""
        return spoken(self.title(name))

    @property
    def is_of_a_part(self) -> bool:
        """Whether models are compared without the test text that also occurs in earlier text."""
        return bool(self.results["repeated_text"]["test"]["left_out"])

    def on_all(self, said: str) -> str:
        """Return what is said of all of the test text, with a hint at it if models are compared on a part."""
        return f"{said} (repeated text included)" if said and self.is_of_a_part else said

    @cached_property
    def comparison(self) -> Comparison:
        """Ranks and differences in bits per byte, of all models."""
        return compare_models(self.whole)

    @cached_property
    def outlook(self) -> Outlook:
        """What more training would probably change for the ranked models."""
        return outlook(self.run, [row.name for _, row in self.with_status("ranked")])

    @cached_property
    def ideas(self) -> dict[str, FoundRow]:
        """The ideas that the laboratory found to help, by their names; empty if it did not look at this text."""
        return {name: row for name, row in self.measured_ideas.items() if row.found and row.amount > 0}

    @cached_property
    def measured_ideas(self) -> dict[str, FoundRow]:
        """What the laboratory measured of each idea, by its name; empty if it did not look at this text."""
        return self.measured("ideas")

    def measured(self, experiment: str) -> dict[str, FoundRow]:
        """Return what an experiment of the laboratory measured, by the names of rows; of equal ones the first."""
        tables = (t for those, _ in self.findings for each in those if each.name == experiment for t in each.tables)
        found: dict[str, FoundRow] = {}
        for row in (row for table in tables for row in table.rows):
            found.setdefault(row.name, row)
        return found

    @cached_property
    def results(self) -> Mapping[str, Any]:
        """The contents of results.json."""
        return results(self.whole)

    @cached_property
    def all_rows(self) -> list[Row]:
        """The whole leaderboard."""
        return rows(self.whole)

    @cached_property
    def rows(self) -> list[Row]:
        """The leaderboard of the models that are shown in full."""
        names = shown(self.all_rows)
        return [row for row in self.all_rows if row.name in names]

    @cached_property
    def run(self) -> Run:
        """The run with the models that are shown in full: all, unless there are very many."""
        if len(self.rows) == len(self.all_rows):
            return self.whole
        return self.whole.part({row.name for row in self.rows})

    @cached_property
    def scored(self) -> tuple[Model, ...]:
        """The scored models that are shown in full, in the order of the experiment."""
        return tuple(self.by_name[entry.name] for entry in self.run.scored)

    def with_status(self, status: Status) -> list[tuple[Model, Row]]:
        """Return the models of this status with their rows, the best first."""
        return [(self.by_name[row.name], row) for row in self.rows if row.status == status]

    @cached_property
    def unranked(self) -> frozenset[str]:
        """The names of scored models that are not ranked: they are shown, but never called the best."""
        return frozenset(row.name for row in self.rows if row.status == "not ranked")

    @cached_property
    def comparable(self) -> tuple[Model, ...]:
        """The models whose figures can be compared, in the order of the experiment.

        These are the ranked models, or the adaptive ones if no model is ranked; of very many, only the shown ones.
        """
        names = comparable_names(self.comparison)
        return tuple(model for model in self.scored if model.name in names)

    @cached_property
    def ranking(self) -> list[tuple[Model, Row]]:
        """The comparable models with their rows, the best first."""
        names = {model.name for model in self.comparable}
        return [(self.by_name[row.name], row) for row in self.rows if row.name in names]

    @cached_property
    def findings(self) -> list[tuple[list[StoredFindings], list[str]]]:
        """For each run, the findings of the laboratory on its text, and sentences on findings that are left out."""
        return [found_on_its_text(run) for run in self.run.runs]

    @cached_property
    def passages(self) -> tuple[str, list[Passage]]:
        """Held-out passages, and their unit: "token", or "word" for models with different tokens."""
        from lmcompare.report.passages import chosen
        from lmcompare.report.word_passages import chosen_words

        if len(self.groups) == 1:
            return "token", chosen(self, self.scored)
        return "word", chosen_words(self, self.scored) if self.scored else []

    @cached_property
    def series(self) -> SeriesData:
        """The test series and the methods that forecast them, of a run on series."""
        from lmcompare.report.series import SeriesData

        return SeriesData(self)

    @property
    def groups(self) -> dict[str, tuple[Model, ...]]:
        """The scored models by the fingerprint of their tokens, the largest group first."""
        return grouped(self.scored)

    @cached_property
    def main_tokens(self) -> str:
        """The fingerprint of the tokens that most of the comparable models have; "" if no model was scored."""
        return main_tokens(self.whole, self.comparison)


def _told_apart(entry: ModelEntry) -> str:
    """Return the title of a model that is not the only one of this title."""
    name, title = (text.casefold().replace("-", " ") for text in (entry.name, entry.title))
    return entry.title if name == title or entry.name in entry.title else f"{entry.title} ({entry.name})"


def grouped(models: Sequence[Model]) -> dict[str, tuple[Model, ...]]:
    """Return models by the fingerprint of their tokens: the largest group first, equal ones in the order given."""
    sizes = Counter(model.entry.tokens_fingerprint for model in models)
    order = sorted(sizes, key=lambda fp: -sizes[fp])
    return {fp: tuple(m for m in models if m.entry.tokens_fingerprint == fp) for fp in order}
