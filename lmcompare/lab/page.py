"""The page of the laboratory: each experiment with its question, its prediction, its verdict and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from lmcompare import __version__
from lmcompare.lab.contract import Figures, Row, experiment_names
from lmcompare.lab.findings import StoredFindings, read_findings
from lmcompare.lab.folder import CHARTS, FINDINGS, MARKDOWN, PAGE, RUN
from lmcompare.lab.wording import signed
from lmcompare.report import numbers
from lmcompare.report.charts import intervals as charts
from lmcompare.report.charts.svg import standalone
from lmcompare.report.contents import Entry
from lmcompare.report.markdown import from_html
from lmcompare.report.page import whole_page
from lmcompare.report.sections import glossary
from lmcompare.report.sections.exhibits import Drawn, in_series
from lmcompare.report.templating import anchor
from lmcompare.runfolder.files import RunFolderError, write_text
from lmcompare.runfolder.run import load_run

PREVIEW = "Preview, no verdict: so few trainings can't tell an effect of the change from the chance of a training."
TERMS = ("test", "token", "bits_per_byte", "surprisal", "interval", "significant", "seed", "truth", "causal_mask",
         "attention", "head", "position_encoding", "parameters")  # fmt: skip


@dataclass(frozen=True)
class DrawnTable:
    """A table of measured quantities, with a chart of those that have an interval."""

    figures: Figures
    chart: Markup | None


@dataclass(frozen=True)
class DrawnExperiment:
    """An experiment as the page shows it; ``series`` are its exhibits."""

    found: StoredFindings
    tables: tuple[DrawnTable, ...]
    series: list[list[Drawn]]

    @property
    def key(self) -> str:
        """Its id on the page."""
        return anchor(self.found.name)


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
    experiments = [_drawn(found) for found in _stored(folder)]
    html = whole_page(
        "lab",
        version=__version__,
        run=load_run(folder / RUN),
        contents=[
            ("The laboratory", [Entry("answers", "Answers")]),
            ("Experiments", [Entry(each.key, each.found.title) for each in experiments]),
            ("Trust", [Entry("definitions", "Definitions")]),
        ],
        experiments=experiments,
        titles={each.found.name: each for each in experiments},
        left_out=left_out,
        failures=failures or {},
        preview=PREVIEW,
        written=_written,
        glossary=glossary.build(TERMS),
    )
    markdown, drawings = from_html(html, "lab")
    for name, drawing in drawings.items():
        write_text(folder / CHARTS / name, standalone(drawing))
    write_text(folder / MARKDOWN, f"{markdown}\n")
    write_text(folder / PAGE, html)
    return folder / PAGE


def _written(figures: Figures, row: Row) -> tuple[str, str]:
    """Return the estimate of a row and its interval as text."""
    write = signed if figures.differences else numbers.bits_per_byte
    interval = "–" if row.low is None or row.high is None else f"{write(row.low)} to {write(row.high)}"
    return write(row.value), interval


def _stored(folder: Path) -> list[StoredFindings]:
    """Return the findings in a folder that are as they were written, in the order of the list of experiments."""
    order = {name: i for i, name in enumerate(experiment_names())}
    paths = sorted((folder / FINDINGS).glob("*.json"), key=lambda path: (order.get(path.stem, len(order)), path.stem))
    found = []
    for path in paths:
        with suppress(RunFolderError):  # it is made anew when its experiment is run again
            found.append(read_findings(path))
    return [each for each in found if each is not None]


def _drawn(found: StoredFindings) -> DrawnExperiment:
    tables = tuple(DrawnTable(each, _chart(each)) for each in found.tables)
    return DrawnExperiment(found, tables, in_series(found.exhibits))


def _chart(figures: Figures) -> Markup | None:
    """Return the rows with an interval and without a remark as a chart; None for fewer than two."""
    rows = [
        charts.Row(row.name, 0, row.value, row.low, row.high)
        for row in figures.rows
        if row.value is not None and row.low is not None and not row.remark
    ]
    label = signed if figures.differences else numbers.bits_per_byte
    return charts.intervals(rows, figures.title, figures.unit, numbers.tidy, label, zero=True) if rows[1:] else None
