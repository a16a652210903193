"""The top of the report: the finding, what it rests on, and the questions that the page answers."""

from __future__ import annotations

from lmcompare.analysis.progress import outlook, unequal_reading
from lmcompare.analysis.verdict import verdict
from lmcompare.report import numbers
from lmcompare.report import verdict as words
from lmcompare.report.data import ReportData, Section
from lmcompare.report.finding import headline, lead
from lmcompare.report.sections import leaderboard
from lmcompare.report.templating import fill

UNIGRAM = "unigram"  # the plug-in that knows word frequencies alone


def build(data: ReportData) -> Section:
    """Return the section above all others."""
    run = data.run
    found = verdict(data.rows, data.comparison, timed=run.one_machine)
    names = [row.name for _, row in data.with_status("ranked")]
    read = unequal_reading(run, names)
    title = headline(found, read, data.title)
    unigram = next((row for model, row in data.with_status("ranked") if model.entry.plugin == UNIGRAM), None)
    html = fill(
        "summary",
        title=title,
        subtitle=_subtitle(data),
        lead=lead(found, run.corpus.xz, unigram, data.title),
        outcome=words.outcome(found, read, data.title),
        outlook=words.outlook(outlook(run, names), data.title),
        limits=words.limits(data.comparison, data.results, data.rows, data.title),
        chart=leaderboard.chart(data),
    )
    return Section.of("summary", title, html)


def _subtitle(data: ReportData) -> str:
    run = data.run
    train, test = (numbers.size(run.corpus.splits[split].bytes) for split in ("train", "test"))
    models = numbers.plural(len(data.scored), "language model")
    said = f"{run.name}: {models} trained on {train} of {run.corpus.name}, tested on {test} of it, {_day(data)}"
    return said + (f"; {len(run.runs)} runs" if len(run.runs) > 1 else "")


def _day(data: ReportData) -> str:
    return str(data.run.manifest.created[:10])
