"""Markdown: what an HTML page says, tables, and text in which nothing is markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser

from markupsafe import Markup

from lmcompare.errors import CONTROL

SPECIAL = str.maketrans({"&": "&amp;", **{sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|~$"}})
SVG = re.compile(r"<svg(\b[^>]*>).*?</svg>", re.DOTALL)
SHORT = 40  # characters; a list of items no longer than this becomes one line
RAISED = {"sup": "^", "sub": "\\_"}  # as in TeX
VOID = ("br", "hr", "img", "input", "link", "meta")
CONTAINERS = ("html", "body", "main", "header", "section", "article", "figure", "div", "details")
LEFT_OUT = {"head", "nav", "footer", "script", "summary", "form", "aside", "js", "out", "what", "skip", "brand"}


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line, and that no renderer takes for HTML."""
    return escaped(" ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    """Return a Markdown table; all but the first ``left`` columns are aligned to the right."""
    marks = [":--" if i < left else "--:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def from_html(html: str, key: str = "chart") -> tuple[str, dict[str, Markup]]:
    """Return as Markdown what a piece of HTML says, and its charts by file name: ``key``, a hyphen and a number.

    The Markdown contains headings, paragraphs, lists, tables, code and references to the charts, but no controls and
    folded parts. The attribute ``data-markdown`` of an element overrides that: "on" keeps a folded part, below its
    summary in bold, "off" leaves the element out, and any other text replaces its content.
    """
    drawings: list[Markup] = []

    def numbered(found: re.Match[str]) -> str:
        drawings.append(Markup(found[0]))
        return f'<svg data-number="{len(drawings) - 1}"{found[1]}</svg>'

    parser = _Parser()
    parser.feed(f"<div>{SVG.sub(numbered, html)}</div>".translate(CONTROL))
    page = _Page(key, drawings)
    return "\n\n".join(block for block in page.blocks(parser.builder.close()) if block), page.charts


class _Parser(HTMLParser):
    """Builds a tree of elements from HTML in which each element that has content is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.builder = ET.TreeBuilder()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {key: value or "" for key, value in attrs})
        if tag in VOID:
            self.builder.end(tag)

    def handle_endtag(self, tag: str) -> None:
        self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        self.builder.data(data)


class _Page:
    """Converts elements to blocks of Markdown and collects the charts among them."""

    def __init__(self, key: str, drawings: Sequence[Markup]) -> None:
        self.key = key
        self.drawings = drawings
        self.charts: dict[str, Markup] = {}

    def blocks(self, node: ET.Element) -> Iterator[str]:
        """Yield the paragraphs, headings, lists and tables of an element."""
        if _is_left_out(node):
            return
        if node.tag in CONTAINERS:
            summary = node.find("summary") if node.tag == "details" else None
            if summary is not None and summary.get("data-markdown") != "off":
                yield f"**{_inline(summary)}**"
            for child in node:
                yield from self.blocks(child)
        elif node.tag == "svg":
            if node.get("class", "").strip() == "chart":
                name = f"{self.key}-{len(self.charts) + 1}.svg"
                self.charts[name] = self.drawings[int(node.get("data-number", ""))]
                yield f"![{plain(node.get('aria-label', ''))}](charts/{name})"
        elif node.tag == "table":
            yield from _table(node)
        elif node.tag in ("ol", "ul"):
            items = [_inline(item) for item in node]
            marks = (f"{i}." if node.tag == "ol" else "-" for i in range(1, len(items) + 1))
            short = all(len(item) <= SHORT for item in items)
            yield ", ".join(items) if short else "\n".join(map(" ".join, zip(marks, items, strict=True)))
        elif node.tag == "dl":
            yield "\n".join(f"- **{_inline(name)}**: {_inline(value)}" for name, value in node)
        elif node.tag == "pre":
            yield _fenced("".join(node.itertext()))
        elif node.tag in ("h1", "h2", "h3", "h4"):
            yield f"{'#' * int(node.tag[1])} {_inline(node)}"
        else:
            yield _inline(node)


def _is_left_out(node: ET.Element) -> bool:
    choice = node.get("data-markdown", "off" if node.tag == "details" else "")
    if node.get("aria-hidden") == "true":
        return True
    return choice == "off" or not LEFT_OUT.isdisjoint((node.tag, *node.get("class", "").split()))


def _table(node: ET.Element) -> Iterator[str]:
    """Yield the caption of a table, and its rows."""
    yield from (_inline(caption) for caption in node.iter("caption") if not _is_left_out(caption))
    rows = [[cell for cell in row if not _is_left_out(cell)] for row in node.iter("tr")]
    if not rows:
        return
    numeric = ["n" in cell.get("class", "").split() for cell in rows[-1] for _ in range(_width(cell))]
    lines = [[text for cell in row for text in _filled(cell)] for row in rows]
    head = lines.pop(0) if node.find("thead") is not None else [""] * len(numeric)
    marks = ["--:" if right else ":--" for right in numeric]
    yield "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *lines))


def _filled(cell: ET.Element) -> list[str]:
    """Return the text of a cell, and of the empty ones that it covers."""
    return [_inline(cell), *[""] * (_width(cell) - 1)]


def _width(cell: ET.Element) -> int:
    return int(cell.get("colspan", "1"))


def _inline(node: ET.Element) -> str:
    """Return the content of an element as one line."""
    return re.sub(" +", " ", _content(node)).strip()


def _content(node: ET.Element) -> str:
    if said := node.get("data-markdown"):
        return escaped(said)
    parts = [escaped(node.text or "")]
    for child in node:
        parts += ["" if _is_left_out(child) else _marked(child), escaped(child.tail or "")]
    return "".join(parts)


def _marked(node: ET.Element) -> str:
    """Return an element within a line, with its emphasis."""
    if node.tag == "br":
        return " "
    if node.tag in ("ol", "ul"):
        return ", ".join(_inline(item) for item in node)
    text = _content(node)
    inner = text.strip()
    if not inner:
        return text
    if node.tag == "small" or node.get("class") == "tag":
        return f" ({inner})"
    if node.tag == "p":
        return f" {inner} "
    if node.tag in RAISED:
        return f"{RAISED[node.tag]}{inner}"
    if node.tag == "a" and node.get("href", "").endswith(".html"):
        return f"[{inner}]({node.get('href', '').removesuffix('html')}md)"
    if node.tag == "code":
        code = "".join(node.itertext())
        return text if "`" in code or "|" in code else f"`{code}`"
    sign = {"b": "**", "strong": "**", "q": "*"}.get(node.tag, "")
    return text.replace(inner, f"{sign}{inner}{sign}")  # spaces inside the signs would disable them


def escaped(text: str) -> str:
    """Return a part of a line as Markdown in which nothing is markup."""
    return re.sub(r"[ \t\r\n]+", " ", text).translate(CONTROL).translate(SPECIAL)


def _fenced(code: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    return f"{fence}\n{code.rstrip()}\n{fence}"
