"""The top of the report: title, verdict and key figures."""

from __future__ import annotations

from dataclasses import dataclass

from lmcompare.analysis.progress import outlook, unequal_reading
from lmcompare.analysis.verdict import Verdict, verdict
from lmcompare.report import numbers
from lmcompare.report import verdict as words
from lmcompare.report.data import ReportData, Section
from lmcompare.report.sections import leaderboard
from lmcompare.report.templating import fill

COUNTS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


@dataclass(frozen=True)
class Fact:
    """A figure in large type; ``term`` is its key in the glossary, if it has one."""

    name: str
    value: str
    detail: str
    term: str = ""


def build(data: ReportData) -> Section:
    """Return the section above all others."""
    run = data.run
    found = verdict(data.rows, data.comparison, timed=run.one_machine)
    names = [row.name for _, row in data.with_status("ranked")]
    count = len(data.scored)
    number = COUNTS[count] if count < len(COUNTS) else count
    title = f"{number} language model{'s' if count != 1 else ''}, one text"
    html = fill(
        "summary",
        title=title,
        subtitle=_subtitle(data),
        outcome=words.outcome(found, unequal_reading(run, names), data.title),
        outlook=words.outlook(outlook(run, names), data.title),
        limits=words.limits(data.comparison, data.results, data.rows, data.title),
        facts=_facts(data, found),
        chart=leaderboard.chart(data),
    )
    return Section.of("summary", title, html)


def _subtitle(data: ReportData) -> str:
    run = data.run
    train, test = (numbers.size(run.corpus.splits[split].bytes) for split in ("train", "test"))
    said = f"{run.name}: trained on {train} of {run.corpus.name}, tested on {test} of it, {run.manifest.created[:10]}"
    return said + (f"; {len(run.runs)} runs" if len(run.runs) > 1 else "")


def _facts(data: ReportData, found: Verdict | None) -> list[Fact]:
    if not data.ranking:
        return []
    best, row = data.ranking[0]
    interval = "bits per byte"
    if row.interval:
        low, high = map(numbers.bits_per_byte, row.interval)
        interval += f", 95 % interval {low} to {high}"
    facts = [Fact(f"Best: {best.title}", numbers.bits_per_byte(row.bits_per_byte), interval, "bits_per_byte")]
    if row.figure("perplexity") is not None:
        share = numbers.percent(row.top1_accuracy, 0)
        detail = f"its first guess is right for {share} of the tokens"
        facts.append(Fact("Its perplexity", numbers.perplexity(row.perplexity), detail, "perplexity"))
    if found and found.cheapest and found.cheapest is not found.best:
        time = numbers.seconds(found.cheapest.train_seconds)
        facts.append(Fact("Nearly as good, fastest to train", data.title(found.cheapest.name), f"trained in {time}"))
    elif row.train_seconds is not None and data.run.one_machine:
        facts.append(Fact("Its training time", numbers.seconds(row.train_seconds), "wall clock", "train_seconds"))
    manifest = data.run.manifest
    documents = f"in {numbers.plural(manifest.corpus.splits['test'].documents, 'document')}"
    facts.append(Fact("Scored tokens", numbers.count(manifest.tokens[data.main_tokens].tokens["test"]), documents))
    what = "The whole run" if len(data.run.runs) == 1 else "All runs together"
    facts.append(Fact(what, numbers.seconds(manifest.seconds), "training and scoring of all models"))
    return facts
