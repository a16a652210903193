"""The definitions of all terms and figures."""

from __future__ import annotations

from lmcompare.report.data import Section
from lmcompare.report.definitions import GROUPS
from lmcompare.report.templating import fill


def build() -> Section:
    """Return the section."""
    return Section.of("definitions", "Definitions", fill("glossary", groups=GROUPS))


def as_page() -> str:
    """Return the glossary as a page of the documentation."""
    groups = build().markdown.replace("### ", "## ")
    return f"# Glossary\n\nThe terms of the report, of these pages and of the command line.\n\n{groups}\n"


if __name__ == "__main__":
    print(as_page(), end="")
