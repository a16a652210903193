"""Runs on several texts on one page: a leaderboard for each text, and why figures of two texts are not compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lmcompare.analysis.joined import Kind, Table, TextDifference, sizes_of
from lmcompare.analysis.leaderboard import verdict
from lmcompare.analysis.repeats import FEW
from lmcompare.render import numbers
from lmcompare.render.markdown import plain
from lmcompare.render.templating import anchor
from lmcompare.report import finding
from lmcompare.report.contents import Entry
from lmcompare.report.data import ReportData, Section
from lmcompare.report.notes import REPEATED, repeated_note
from lmcompare.report.page import USED_TERM, whole_page
from lmcompare.report.sections import glossary, leaderboard
from lmcompare.runfolder.run import Run

ASPECTS = ("text", "changes", "split", "documents and sentences")
SPLIT_OF = {"test split": "test", "training split": "train", "validation split": "valid"}
SENTENCES: dict[Kind, str] = {
    "charging": "The text is the same, but another version of lmcompare charged its bytes in another way.",
    "test text": "The test texts differ: {names}.",
    "training text": "The test text is the same, but the training texts differ: {names}.",
    "validation text": "Only the validation texts differ: {names}.",
    "source text": "The texts differed before they were changed or cut: {names}.",
    "changes": "The text was changed in different ways: {changes}.",
    "test split": "The text is split differently: the test text has {words}.",
    "training split": "The test text is the same, but the training text has {words}.",
    "validation split": "Only the validation texts differ: it has {words}.",
    "boundaries": "The documents, the sentences or the white space between them differ: {documents}.",
    "names": "The documents have different names: run both on the same files to compare them.",
}


def in_words(difference: TextDifference) -> str:
    """Return one sentence on a difference between two texts."""
    runs = difference.run, difference.other
    split = SPLIT_OF.get(difference.kind, "test")
    return SENTENCES[difference.kind].format(
        names=_here_and_there(*_names(*runs)),
        changes=_here_and_there(*map(_changes, runs)),
        words=_here_and_there(*(f"{numbers.count(sizes_of(run)[split])} words" for run in runs)),
        documents=_here_and_there(*map(_documents, runs)),
    )


def aspects(run: Run) -> dict[str, str]:
    """Return what the figures of a run depend on, by ``ASPECTS``."""
    read = f" [{digest}]" if (digest := run.corpus.parts.get("read")) else ""
    splits = "; ".join(f"{split} {numbers.count(size)} words" for split, size in sizes_of(run).items())
    return dict(zip(ASPECTS, (f"{run.corpus.name}{read}", _changes(run), splits, _documents(run)), strict=True))


def _here_and_there(one: str, other: str) -> str:
    return f"{one} here, {other} there"


def _names(*runs: Run) -> list[str]:
    names = [run.corpus.name for run in runs]
    if names[0] == names[1]:  # two folders of the same name: their paths differ
        names = [run.corpus.source or run.corpus.name for run in runs]
    return [f"“\u2068{name}\u2069”" for name in names]  # isolated: a name may be written from right to left


def _changes(run: Run) -> str:
    return ", ".join(run.corpus.parts.get("changes") or ()) or "unchanged"


def _documents(run: Run) -> str:
    test = run.corpus.splits["test"]
    documents, sentences = numbers.plural(test.documents, "document"), numbers.plural(test.sentences, "sentence")
    return f"{documents} and {sentences} in the test text"


LONGEST = 40  # characters of a folder's name
LEAD = (
    "Bits per byte, perplexity and all other figures depend on the text, on how it is split into documents, sentences"
    " and tokens, and on what is charged. Where these differ, a lower figure does not mean a better model. Each text"
    " therefore has a table of its own, and nothing is ranked across tables."
)


@dataclass(frozen=True)
class Part:
    """One table of the page; ``first`` is the table that the others are compared with, ``names`` all models."""

    number: int
    table: Table
    first: Table
    names: Sequence[str]

    @property
    def text(self) -> str:
        """The name of its text."""
        return self.table.run.corpus.name

    @property
    def name(self) -> str:
        """The number of the table and the name of its text."""
        return f"{self.number}. {self.text}"

    @property
    def key(self) -> str:
        """Its id on the page."""
        return f"table-{self.number}"

    @property
    def folder(self) -> str:
        """The folder of its full report, relative to the page."""
        return f"tables/{self.number}-{anchor(self.text)[:LONGEST]}"

    @cached_property
    def data(self) -> ReportData:
        """The run with its figures."""
        return ReportData(self.table.run, self.names)

    @cached_property
    def aspects(self) -> Mapping[str, str]:
        """What its figures depend on."""
        return aspects(self.table.run)

    def differs(self, aspect: str) -> bool:
        """Return whether this aspect differs from that of the first table."""
        return self.aspects[aspect] != aspects(self.first.run)[aspect]

    @property
    def reasons(self) -> list[str]:
        """Why its figures cannot be compared with those of the first table, in sentences."""
        return [in_words(difference) for difference in self.table.differences]

    @property
    def repeats(self) -> bool:
        """Whether so much of its test text is earlier text that models are not compared on all of it."""
        return bool(self.data.results["repeated_text"]["test"]["share"] > FEW)

    @cached_property
    def verdict(self) -> str:
        """Who is best, and whether the test text is contaminated."""
        found = verdict(self.data.rows, self.data.comparison, timed=False)
        noted = repeated_note(self.data.results, self.data.rows, self.data.title)
        return " ".join([finding.outcome(found, self.data.spoken)[0], *noted])

    @cached_property
    def section(self) -> Section:
        """Its section of the page, with its leaderboard."""
        facts = leaderboard.facts(self.data, prefix=f"{self.key}-")
        return Section.written(self.key, self.name, "lmcompare.report", "text", part=self, **facts)


class SeveralTexts:
    """The page, as HTML and as Markdown."""

    def __init__(self, tables: Sequence[Table]) -> None:
        names = list(dict.fromkeys(model.name for each in tables for model in each.run.models))
        self.parts = [Part(i, each, tables[0], names) for i, each in enumerate(tables, 1)]
        runs = sum(len(each.run.runs) for each in tables)
        self.title = f"{numbers.plural(runs, 'run')}, {numbers.plural(len(tables), 'text')}"
        if repeating := [part.text for part in self.parts if part.repeats]:
            self.title += f"; some test text of {numbers.listed(repeating)} {REPEATED}"
        self.subtitle = ", ".join(label for each in tables for label in each.run.labels)

    def html(self) -> str:
        """Return the page."""
        return whole_page(
            "several_texts",
            version=self.parts[0].table.run.manifest.lmcompare,
            title=self.title,
            subtitle=self.subtitle,
            lead=LEAD,
            contents=[
                ("Texts", [Entry("texts", "All texts"), *(Entry(each.key, each.name) for each in self.parts)]),
                ("Trust", [Entry("definitions", "Definitions")]),
            ],
            sections=self.sections,
        )

    @cached_property
    def sections(self) -> list[Section]:
        """What can be compared, the tables, and the definitions of their terms."""
        tables = [part.section for part in self.parts]
        used = {key for table in tables for key in USED_TERM.findall(str(table.html))}
        texts = Section.written(
            "texts", "What can be compared", "lmcompare.report", "texts", parts=self.parts, aspects=ASPECTS
        )
        return [texts, *tables, glossary.build(used)]

    def markdown(self) -> str:
        """Return the page as Markdown."""
        top = [f"# {plain(self.title)}", plain(self.subtitle), LEAD]
        sections = [text for each in self.sections for text in (f"## {plain(each.title)}", each.markdown)]
        return "\n\n".join([*top, *sections]) + "\n"
