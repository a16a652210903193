"""Runs on several texts on one page: a leaderboard for each text, and why the figures of two are not compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lmcompare.analysis.comparability import ASPECTS, aspects
from lmcompare.analysis.joined import Table
from lmcompare.analysis.verdict import repeated_warning, verdict
from lmcompare.report import numbers
from lmcompare.report.data import ReportData, Section
from lmcompare.report.markdown import plain, table
from lmcompare.report.page import whole_page
from lmcompare.report.sections import glossary, leaderboard
from lmcompare.report.templating import anchor

LONGEST = 40  # characters of a folder's name
LEAD = (
    "Bits per byte, perplexity and every other figure depend on the text, on how it is cut and split, and on what"
    " is charged. Where these differ, a lower figure is no better model: each text has its own table, and nothing"
    " is ranked across tables."
)


@dataclass(frozen=True)
class Part:
    """One table of the page; ``first`` is the one that the others are told apart from, ``names`` the models of all
    tables.
    """

    number: int
    table: Table
    first: Table
    names: Sequence[str]

    @property
    def text(self) -> str:
        """What its text is called."""
        return str(self.table.run.corpus.get("name") or "text")

    @property
    def name(self) -> str:
        """The number of the table and what its text is called."""
        return f"{self.number}. {self.text}"

    @property
    def key(self) -> str:
        """Its id on the page."""
        return f"table-{self.number}"

    @property
    def folder(self) -> str:
        """Where its full report lies, relative to the page."""
        return f"tables/{self.number}-{anchor(self.text)[:LONGEST]}"

    @cached_property
    def aspects(self) -> Mapping[str, str]:
        """What its figures depend on, in words."""
        return aspects(self.table.run)

    def differs(self, aspect: str) -> bool:
        """Is this another thing in the first table?"""
        return self.aspects[aspect] != aspects(self.first.run)[aspect]

    @cached_property
    def verdict(self) -> str:
        """The first sentence of what its figures say, and whether test documents stand in train."""
        return " ".join([verdict(self.table.run)[0], *repeated_warning(self.table.run)])

    @cached_property
    def leaderboard(self) -> Section:
        return leaderboard.build(ReportData(self.table.run, self.names), place=f"{self.key}-")


class SeveralTexts:
    """The page, as HTML and as Markdown."""

    def __init__(self, tables: Sequence[Table]) -> None:
        names = list(dict.fromkeys(model.name for each in tables for model in each.run.models))
        self.parts = [Part(i, each, tables[0], names) for i, each in enumerate(tables, 1)]
        runs = sum(len(each.run.runs) for each in tables)
        self.title = f"{numbers.plural(runs, 'run')}, {numbers.plural(len(tables), 'text')}"
        self.subtitle = ", ".join(label for each in tables for label in each.run.labels)

    def html(self) -> str:
        """Return the page."""
        return whole_page(
            "several_texts",
            version=str(self.parts[0].table.run.manifest.get("lmcompare") or ""),
            title=self.title,
            subtitle=self.subtitle,
            lead=LEAD,
            parts=self.parts,
            aspects=ASPECTS,
            glossary=glossary.build(),
        )

    def markdown(self) -> str:
        """Return the page as Markdown."""
        said = [f"# {plain(self.title)}", plain(self.subtitle), LEAD, "## What may be compared"]
        rows = (
            (plain(part.name), *(plain(part.aspects[a]) for a in ASPECTS), plain(", ".join(part.table.run.labels)))
            for part in self.parts
        )
        said.append(table(("table", *ASPECTS, "runs"), rows, 2 + len(ASPECTS)))
        for part in self.parts:
            said.append(f"## {plain(part.name)}")
            if part.table.reasons:
                said.append(plain("Not to be compared with the first table. " + " ".join(part.table.reasons)))
            said.append(f"{plain(part.verdict)} [The full report of this table]({part.folder}/report.md)")
            board = part.leaderboard.markdown.replace("](charts/", f"]({part.folder}/charts/")
            said.append(board)
        terms = glossary.build()
        return "\n\n".join([*said, f"## {terms.title}", terms.markdown]) + "\n"
