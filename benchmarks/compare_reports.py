"""List the headings, tables and figures of two reports, and what only one of them has.

    python benchmarks/compare_reports.py before/report.html after/report.html

A table is listed with its label and its numbers of rows and columns, a figure with its description. Exits with 1 if
anything differs.
"""

from __future__ import annotations

import difflib
import sys
from html.parser import HTMLParser
from pathlib import Path


class Listed(HTMLParser):
    """Collects the headings, tables and charts of a page, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._heading: str | None = None
        self._label, self._rows, self._cells = "", 0, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("h1", "h2", "h3", "h4"):
            self._heading = ""
        elif tag == "table":
            self._rows = self._cells = 0
        elif tag == "tr":
            self._rows += 1
        elif tag in ("td", "th") and self._rows == 1:
            self._cells += int(given.get("colspan") or 1)
        elif tag == "svg" and "chart" in (given.get("class") or "").split():
            self.parts.append(f"figure: {given.get('aria-label')}")
        elif given.get("role") == "group":
            self._label = given.get("aria-label") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h1", "h2", "h3", "h4") and self._heading is not None:
            self.parts.append(f"{tag}: {' '.join(self._heading.split()).removesuffix('#').strip()}")
            self._heading = None
        elif tag == "table":
            self.parts.append(f"table: {self._label} ({self._rows} rows, {self._cells} columns)")

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self._heading += data


def listed(page: Path) -> list[str]:
    """Return the headings, tables and charts of a page."""
    parser = Listed()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.parts


def main() -> int:
    """Compare the two pages of the command line."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    before, after = (listed(Path(page)) for page in sys.argv[1:])
    changes = [
        line for line in difflib.unified_diff(before, after, lineterm="", n=0) if line[:2] not in ("--", "++", "@@")
    ]
    print(f"{len(before)} headings, tables and figures before, {len(after)} after")
    print("\n".join(changes))
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
