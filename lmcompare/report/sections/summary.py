"""The top of the report: the finding, what it rests on, and the questions that the page answers."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from lmcompare.analysis.leaderboard import Verdict, verdict
from lmcompare.analysis.metrics import document_figures, tokens_read, unequal_reading
from lmcompare.analysis.repeats import FEW
from lmcompare.analysis.results import as_csv
from lmcompare.analysis.results import leaderboard as figures
from lmcompare.render import numbers
from lmcompare.render.titles import Titles, sentence, short_titles, spoken, with_titles
from lmcompare.report import finding
from lmcompare.report.data import ReportData, Section
from lmcompare.report.finding import beside_compressor, headline, lead, of_settings
from lmcompare.report.notes import doubts, of_all_of_it, repeated_note, with_repeated
from lmcompare.report.sections import fairness, leaderboard
from lmcompare.report.sections.fairness import budget, limited

UNIGRAM = "unigram"  # the plug-in that knows word frequencies alone


EQUAL = ("tokens", "seconds")  # budgets that make trainings equal
AS_RUN = "As run"
SAVE = '<a download="results.csv" href="data:text/csv;charset=utf-8;base64,{}">Save the leaderboard (results.csv)</a>'
MANY = 12  # models: with more, their chart is below the text, not beside it


@dataclass(frozen=True)
class View:
    """A finding with its chart; ``label`` says which trainings are compared, if there are several findings.

    ``many`` is whether the chart has more than ``MANY`` models. ``read`` and ``seconds`` are tokens and time of
    trainings that did not read equally much; ``limit`` is to which tokens or seconds all of them were limited, as
    sentences.

    Models of the same name in other views have their runs in their titles; here they need not.
    """

    label: str
    titles: Mapping[str, str]
    found: Verdict | None
    results: Mapping[str, Any]
    read: Mapping[str, float]
    seconds: Mapping[str, float]
    train: int
    lead: Sequence[str]
    remarks: Sequence[str]
    chart: Markup | None
    many: bool = False
    limit: str = ""

    @classmethod
    def of(cls, data: ReportData, label: str, names: Sequence[str]) -> View:
        """Return the finding on the ranked models of these names."""
        own = Counter(data.by_name[name].entry.title for name in names)
        titles = {
            model.name: model.entry.title if own[model.entry.title] == 1 else model.full for model in data.models
        }
        titles |= dict(zip(names, short_titles([titles[name] for name in names]), strict=True))
        rows = [row for row in data.rows if row.name in names]
        timed = data.run.one_machine
        found = verdict(rows, data.comparison, timed=timed)
        unigram = next((row for row in rows if row.plugin == UNIGRAM), None)
        said = lead(found, unigram, titles.__getitem__)
        if data.results["repeated_text"]["test"]["share"] > FEW:
            said += repeated_note(data.results, data.rows, data.title)
        read = unequal_reading(data.run, names)
        seconds = {
            row.name: row.processor_seconds for row in rows if timed and row.name in read and row.processor_seconds
        }
        drawn = names or [model.name for model, _ in data.ranking]  # adaptive models if no model is ranked
        chart = leaderboard.chart(data, {name: titles[name] for name in drawn})
        compressed = {} if data.is_of_a_part else data.run.corpus.compressors  # these have read all of the text
        remarks = [
            documents_won(data, found, titles.__getitem__),
            beside_compressor(found, compressed, titles.__getitem__),
        ]
        train = data.run.manifest.tokens[data.main_tokens].tokens["train"] if data.main_tokens else 0
        limit = "" if _label(budget(data.run.manifest)) == AS_RUN else limited(data)
        return cls(
            label, titles, found, data.results, read, seconds, train, said, remarks, chart, len(drawn) > MANY, limit
        )

    @property
    def leading(self) -> list[str]:
        """The two best models."""
        return (
            [] if self.found is None else [self.found.best.name, *(rival.row.name for rival in self.found.rivals[:1])]
        )

    def _spoken(self, name: str) -> str:
        return spoken(self.titles[name])

    @property
    def title(self) -> str:
        """The finding in one sentence."""
        if self.found is not None and not self.found.rivals:
            best = self.found.best
            if sweep := next((each for each in self.results["sweeps"] if each["model"] == best.name), None):
                return with_repeated(of_settings(sweep, best, self.titles.__getitem__), self.results)
        timed = any(finding.same_time(names, self.seconds) for names in (self.leading, self.read))
        return with_repeated(
            headline(self.found, self.read, self.titles.__getitem__, timed, self.train), self.results
        )

    @property
    def outcome(self) -> str:
        """The finding with its intervals, and what is nearly as good for less."""
        return " ".join(filter(None, [*finding.outcome(self.found, self._spoken), *self.remarks]))

    @property
    def fairness(self) -> str:
        """What was equal for all models, and what was not."""
        return fairness.in_brief(self.read, self.seconds, self.leading, self.limit)


def build(data: ReportData) -> Section:
    """Return the section above all others."""
    return _written("summary", False, _facts(data))


def for_notebook(data: ReportData) -> tuple[Section, Section]:
    """Return this section for a document that stands alone: what stands before the leaderboard, and after it."""
    found = _facts(data)
    return _written("summary", True, found), _written("sure", True, found)


def _written(template: str, still: bool, found: Mapping[str, Any]) -> Section:
    return Section.written("summary", found["views"][0].title, "lmcompare.report", template, still, **found)


def _facts(data: ReportData) -> dict[str, Any]:
    run = data.run
    names = [row.name for _, row in data.with_status("ranked")]
    views = [View.of(data, label, chosen) for label, chosen in compared(data, names).items()]
    return {
        "views": views,
        "also": [f"{view.label}, {view.title[:1].lower()}{view.title[1:]}." for view in views[1:] if view.found],
        "subtitle": _subtitle(data),
        "doubts": [
            *finding.failed(data.results["failed"], data.spoken),
            *doubts(data.rows, data.results, {} if data.is_of_a_part else run.corpus.compressors, data.spoken),
        ],
        "compressed": bool(run.corpus.compressors) and not data.is_of_a_part,
        "scope": finding.scope(data.comparison, run.corpus.splits["test"].documents),
        "headings": fairness.HEADINGS,
        "trainings": (trained := fairness.trainings(data)),
        "before": fairness.pretrained_vectors(trained),
        "outlook": finding.outlook(
            data.outlook,
            data.spoken,
            data.measured_ideas,
            _longest(data, names),
            _advice(data),
        ),
        "limits": [
            *repeated_note(data.results, data.rows, data.title),
            *of_all_of_it(data.results),
            *finding.limits(data.comparison, data.results, data.rows, data.spoken),
        ],
        "switch": _switch([view.label for view in views]),
        "save": Markup(SAVE).format(base64.b64encode(as_csv(figures(run)).encode()).decode()),
    }


def _switch(labels: Sequence[str]) -> Markup:
    """Return the buttons that choose a finding; nothing for one alone."""
    if len(labels) < 2:
        return Markup()
    button = Markup('<button type="button" aria-pressed="{}">{}</button>')
    buttons = [button.format("false" if i else "true", label) for i, label in enumerate(labels)]
    whole = Markup('<div class="views js" role="group" aria-label="Which trainings are compared">{}</div>')
    return whole.format(Markup().join(buttons))


def _advice(data: ReportData) -> dict[str, str]:
    """Return what studies say of what would help, by heading."""
    found: dict[str, list[str]] = {}
    for each in data.results["advice"]:
        said = with_titles(each["said"], data.by_name, data.spoken)
        found.setdefault(each["about"], []).append(sentence(said))
    return {about: " ".join(said) for about, said in found.items()}


def _longest(data: ReportData, names: Sequence[str]) -> float | None:
    """Return how long the network that was trained longest was trained; None if that is not known."""
    networks = {name for name in names if tokens_read(data.run.model(name)) is not None}
    return max(
        (row.processor_seconds for row in data.rows if row.name in networks and row.processor_seconds), default=None
    )


def compared(data: ReportData, ranked: Sequence[str]) -> dict[str, list[str]]:
    """Return by label which models each finding is about: all models, or separately those that were trained equally.

    There are trainings as they were run, with equal tokens and with equal seconds. Models that are not trained in
    steps belong to all findings.
    """
    budgets = {row.name: row.settings.budget for row in data.run.manifest.models}
    trained: dict[str, list[str]] = {}
    for name in ranked:
        if tokens_read(data.run.model(name)) is not None:
            trained.setdefault(_label(budgets.get(name, {})), []).append(name)
    plugins = [{data.by_name[name].entry.plugin for name in names} for names in trained.values()]
    if len(trained) < 2 or len(set.intersection(*plugins)) < 2:
        return {AS_RUN: list(ranked)}
    counted = [name for name in ranked if not any(name in names for names in trained.values())]
    first = sorted(trained, key=lambda label: label != AS_RUN)
    return {label: [name for name in ranked if name in (*trained[label], *counted)] for label in first}


def _label(budget: Mapping[str, float]) -> str:
    """Return the label of trainings with a budget: what is equal in them."""
    unit = next((unit for unit in EQUAL if unit in budget), None)
    if unit is None:
        return AS_RUN
    return f"At equal {unit} ({(numbers.seconds if unit == 'seconds' else numbers.short)(budget[unit])})"


def documents_won(data: ReportData, found: Verdict | None, title: Titles) -> str:
    """Return on how many of the test documents the best model is better than the second.

    "" for a single document, or if a part of the test text is left out.
    """
    if found is None or not found.rivals or data.is_of_a_part:
        return ""
    best, second = (document_figures(data.run, data.run.model(row.name)) for row in (found.best, found.rivals[0].row))
    some = best["bytes"] > 0
    won, count = int((best["bits"] < second["bits"])[some].sum()), int(some.sum())
    if count < 2:
        return ""
    of = f"all {numbers.count(count)}" if won == count else f"{numbers.count(won)} of {numbers.count(count)}"
    who, other = (spoken(title(row.name)) for row in (found.best, found.rivals[0].row))
    return f"On {of} test documents {who} needs fewer bits than {other}."


def _subtitle(data: ReportData) -> str:
    run = data.run
    train, test = (numbers.size(run.corpus.splits[split].bytes) for split in ("train", "test"))
    models = numbers.plural(len(data.whole.scored), "language model")
    said = f"{models}, trained on {train} and tested on {test} of {_corpus(data)} (run “{run.name}”, {_day(data)})"
    return said + (f"; {len(run.runs)} runs" if len(run.runs) > 1 else "")


def _corpus(data: ReportData) -> str:
    """Return the name of the corpus and what it is, unless its source is only a path."""
    corpus = data.run.corpus
    described = " " in corpus.source and Path(corpus.source).name != corpus.name
    return f"{corpus.name}, {corpus.source}" if described else corpus.name


def _day(data: ReportData) -> str:
    return str(data.run.manifest.created[:10])
