"""What the laboratory found on the text of the run, where its folder is that of the run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from markupsafe import Markup

from lmcompare.analysis.comparison import SIGNIFICANCE
from lmcompare.analysis.findings import Figures, Row, StoredFindings, order_of
from lmcompare.exhibits import TrainingFilm, WorkedEquation
from lmcompare.render import numbers
from lmcompare.render.charts import intervals as charts
from lmcompare.render.markdown import plain
from lmcompare.render.prose import Inline
from lmcompare.render.templating import anchor
from lmcompare.report.data import SERVED, ReportData, Section
from lmcompare.runfolder.layout import LAB_PAGE
from lmcompare.studies.exhibits.section import Drawn, in_series

_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")  # of a sentence
_PAGE = Inline(Markup('<a href="{}">The page of the laboratory</a>').format(LAB_PAGE), "The page of the laboratory")
PREVIEW = "Preview, no verdict: so few trainings can't tell an effect of the change from chance in a single training."


def _not_significant(row: Row) -> bool:
    """Return whether a row was tested, and nothing was found after the correction for all rows."""
    return row.p_holm is not None and row.p_holm >= SIGNIFICANCE


@dataclass(frozen=True)
class DrawnTable:
    """A table of measured quantities, with a chart of those that have an interval."""

    figures: Figures
    chart: Markup | None

    @classmethod
    def of(cls, figures: Figures) -> Self:
        """Draw the rows with an interval and without a remark, if there are two or more."""
        rows = [
            charts.Row(row.name, 0, row.value, row.low, row.high, "g", _not_significant(row))
            for row in figures.rows
            if row.value is not None and row.low is not None and not row.remark
        ]
        if not rows[1:]:
            return cls(figures, None)
        label = numbers.signed if figures.differences else numbers.bits_per_byte
        axis = f"Difference in {figures.unit}" if figures.differences else figures.unit
        return cls(figures, charts.intervals(rows, figures.title, axis, numbers.tidy, label, zero=True))

    @property
    def hollow(self) -> bool:
        """Whether a row of the chart is not significant."""
        return any(map(_not_significant, self.figures.rows))

    @staticmethod
    def warning(remark: str) -> Inline:
        """Return a remark on a row, after its name."""
        return Inline(Markup(' <span class="warning">{}</span>').format(remark), f" {plain(remark)}")

    def written(self, row: Row) -> tuple[str, str]:
        """Return the estimate of a row and its interval as text."""
        write = numbers.signed if self.figures.differences else numbers.bits_per_byte
        interval = "–" if row.low is None or row.high is None else f"{write(row.low)} to {write(row.high)}"
        return write(row.value), interval


@dataclass(frozen=True)
class DrawnExperiment:
    """An experiment as a page shows it.

    Parameters
    ----------
    key : str
        Its id on the page.
    found : StoredFindings
    tables : tuple of DrawnTable
    series : list
        Its exhibits.
    """

    key: str
    found: StoredFindings
    tables: tuple[DrawnTable, ...]
    series: list[list[Drawn]]

    @property
    def question(self) -> Inline:
        """Its question, as a link to it."""
        html = Markup('<a href="#{}">{}</a>').format(self.key, self.found.question)
        return Inline(html, plain(self.found.question))

    @property
    def mention(self) -> Inline:
        """Its title in small print, as a link to it."""
        html = Markup('<small><a href="#{}">{}</a></small>').format(self.key, self.found.title)
        return Inline(html, f" ({plain(self.found.title)})")

    @property
    def answer(self) -> str:
        """The first sentence of the verdict."""
        return _END.split(self.found.verdict, maxsplit=1)[0]

    @property
    def details(self) -> str:
        """The rest of the verdict."""
        return self.found.verdict[len(self.answer) :].strip()

    @classmethod
    def of(
        cls, key: str, found: StoredFindings, tables: Iterable[Figures], exhibits: Iterable[Mapping[str, Any]]
    ) -> Self:
        """Draw these of the tables and exhibits of an experiment."""
        return cls(key, found, tuple(map(DrawnTable.of, tables)), in_series(exhibits))


def build(data: ReportData) -> Section | None:
    """Return the section, or None if the folder of no run has findings."""
    found: dict[str, StoredFindings] = {}
    left_out: list[str] = []
    for those, why in data.findings:
        found = {each.name: each for each in those} | found
        left_out += why
    if not found and not left_out:
        return None
    experiments = [
        DrawnExperiment.of(
            f"ideas-{anchor(name)}",
            found[name],
            found[name].tables[:1],
            _of_kind(found[name], TrainingFilm.kind),
        )
        for name in sorted(found, key=order_of)
    ]
    alone = data.run.runs == (data.run,) and data.page.get("live") != SERVED
    return Section.written(
        "ideas",
        "What the laboratory found",
        __package__,
        experiments=experiments,
        titles={each.found.name: each for each in experiments},
        equations={name: in_series(_of_kind(each, WorkedEquation.kind)) for name, each in found.items()},
        left_out=left_out,
        preview=PREVIEW,
        unit=data.comparison.unit,
        page=_PAGE if alone and (data.run.path / LAB_PAGE).is_file() else None,
    )


def _of_kind(found: StoredFindings, kind: str) -> list[Mapping[str, Any]]:
    """Return the exhibits of one kind."""
    return [each for each in found.exhibits if each.get("kind") == kind]
