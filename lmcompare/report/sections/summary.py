"""The top of the report: title, verdict and the few figures that a reader takes along."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from lmcompare.analysis.verdict import judge
from lmcompare.report import numbers
from lmcompare.report.data import ReportData
from lmcompare.report.markdown import plain
from lmcompare.report.sections import leaderboard
from lmcompare.report.sections.cost import NEAR

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Fact:
    """A figure in large type; ``term``: its key in the glossary, if it has one."""

    name: str
    value: str
    detail: str
    term: str = ""


@dataclass(frozen=True)
class Opening:
    """What stands above the sections."""

    title: str
    subtitle: str
    lead: list[str]
    outlook: list[str]
    rest: list[str]
    facts: list[Fact]
    chart: Markup | None

    @property
    def markdown(self) -> str:
        facts = "\n".join(f"- {plain(f.name)}: **{plain(f.value)}** ({plain(f.detail)})" for f in self.facts)
        said = "\n\n".join(plain(" ".join(part)) for part in (self.lead, self.outlook, self.rest) if part)
        return f"# {plain(self.title)}\n\n{plain(self.subtitle)}\n\n{said}\n\n{facts}"


def build(data: ReportData) -> Opening:
    """Return the opening."""
    run = data.run
    count = len(data.scored)
    models = f"{WORDS[count] if count < len(WORDS) else count} language model{'s' if count != 1 else ''}"
    created = str(run.manifest.get("created") or "")[:10]
    said = judge(run)
    runs = len(data.manifests)
    splits = run.corpus.get("splits") or {}
    subtitle = (
        f"{run.name}: trained on {numbers.size((splits.get('train') or {}).get('bytes'))} and scored on "
        f"{numbers.size((splits.get('test') or {}).get('bytes'))} of {run.corpus.get('name') or 'text'}"
        + (f", {created}" if created else "")
        + (f"; {runs} runs" if runs > 1 else "")
    )
    title = f"{models[0].upper()}{models[1:]}, one text"
    return Opening(title, subtitle, said.outcome, said.outlook, said.notes, _facts(data), leaderboard.chart(data))


def _facts(data: ReportData) -> list[Fact]:
    ranking = data.ranking
    if not ranking:
        return []
    best, standing = ranking[0]
    interval = (
        f"bits per byte, {numbers.bits_per_byte(standing.low)} to {numbers.bits_per_byte(standing.high)}"
        if standing.low == standing.low
        else "bits per byte"
    )
    facts = [Fact(f"Best: {best.name}", numbers.bits_per_byte(standing.bits_per_byte), interval, "bits_per_byte")]
    figures = data.figures[best.name]
    if best.entry.tokens_fingerprint == data.main_tokens and figures.get("perplexity") is not None:
        share = numbers.percent(figures.get("top1_accuracy"), 0)
        detail = f"choices per token; its first guess is right for {share}"
        facts.append(Fact("Its perplexity", numbers.perplexity(figures["perplexity"]), detail, "perplexity"))
    near = [
        (float(seconds), model)
        for model, s in ranking
        if (seconds := data.figures[model.name].get("train_seconds")) is not None
        and s.bits_per_byte <= standing.bits_per_byte * (1 + NEAR)
    ]
    if near and data.run.one_machine:
        time, cheapest = min(near, key=lambda pair: pair[0])
        facts.append(
            Fact(f"Fastest within {numbers.percent(NEAR, 0)}", cheapest.name, f"trained in {numbers.seconds(time)}")
        )
    tokens = data.run.tokens[data.main_tokens].entry if data.main_tokens else {}
    if (test := (tokens.get("tokens") or {}).get("test")) is not None:
        documents = (data.run.corpus.get("splits") or {}).get("test", {}).get("documents")
        of = f"in {numbers.plural(documents, 'document')}" if documents else "of held-out text"
        facts.append(Fact("Scored tokens", numbers.count(test), of))
    took = data.run.manifest.get("seconds")
    if took is not None:
        what = "The whole run" if len(data.manifests) == 1 else "All runs together"
        facts.append(Fact(what, numbers.seconds(float(took)), "training and scoring of all models"))
    return facts
