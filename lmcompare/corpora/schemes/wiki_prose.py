"""From ``filter_wiki``'s output to clean running text: no quote, heading and list marks, nor what templates left.

Paragraphs, headings, list items and table rows become a line each; blank lines go. Letter case, punctuation and words
stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_QUOTES = re.compile(r"''+")
_HEADING = re.compile(r"(={1,6})\s*(.*?)\s*\1\s*")
_LIST_MARK = re.compile(r"^[*#:;]+\s*")
_RULE = re.compile(r"-{4,}")
_WORDLIKE = re.compile(r"\w")
_SPACES = re.compile(r"[\s\u200b]+")
_INVISIBLE = re.compile(r"[\u00ad\u200c-\u200f\u202a-\u202e\u2060\ufeff]")

# The holes that dropped templates leave inside brackets and before punctuation, in the order they are filled.
_HOLE = re.compile(r"\s[,;).:]|[,;:]\s*[,;:).]|\(\s*(?:[,;:/)\s]|or\b|and\b)|^[,;.)]\s")
_TIDY: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\s+([,;])(?=\s)"), r"\1"),  # "word , next"
    (re.compile(r"[(]\s*(?:(?:[,;:/]|or|and)(?=[\s,;:)]))(?:\s*(?:[,;:])(?=[\s,;:)]))*\s*"), "("),  # "(; , born"
    (re.compile(r"[,;]\s*(?:[,;]\s*)+"), "; "),  # "one, ; two"
    (re.compile(r"(?:\s*[,;:])+\s*\)"), ")"),  # "(one, )"
    (re.compile(r"\(\s+"), "("),
    (re.compile(r"(?<=\S)\s+\)"), ")"),
    (re.compile(r"\s*\((?:\s|\([\s]*\))*\)"), ""),  # "()"
    (re.compile(r"[,;]\s*(?=\.(?:\s(?!\.)|$))"), ""),  # "52 minutes, ."
    (re.compile(r"(?<![.\s])\s+(?=\.(?:\s(?!\.)|$))"), ""),  # "word ." but not ". . ."
    (re.compile(r"(?<=[^.\s]\.)\s\.(?=\s(?!\.)|$)"), ""),  # "ISBN 0-14. ."
    (re.compile(r"^(?:[,;.)]\s+)+"), ""),
)


def _unquote(line: str) -> str:
    """Take the bold and italic marks out of a line and leave the apostrophes among them.

    Runs of two, three and five quotes are marks; of a run of four, and of longer ones, the surplus is apostrophes. If
    the line has an odd number of bold and of italic marks, one "bold" is an apostrophe and an italic mark
    (``''Rama'''s``): the first after a one-letter word, else the first after a longer one, else the first.
    """
    runs = list(_QUOTES.finditer(line))
    if not runs:
        return line
    kept = [{4: 1}.get(len(m[0]), max(0, len(m[0]) - 5)) for m in runs]
    marks = [{4: 3}.get(len(m[0]), min(len(m[0]), 5)) for m in runs]
    if sum(n in (3, 5) for n in marks) % 2 and sum(n in (2, 5) for n in marks) % 2:
        bold = [i for i, n in enumerate(marks) if n == 3]
        before = [line[max(0, runs[i].start() - 2) : runs[i].start()] for i in bold]
        single = [i for i, b in zip(bold, before, strict=True) if b[-1:].strip() and len(b) == 2 and b[0] == " "]
        longer = [
            i for i, b in zip(bold, before, strict=True) if b[-1:].strip() and not (len(b) == 2 and b[0] == " ")
        ]
        for i in (single or longer or bold)[:1]:
            kept[i] += 1
    out, at = [], 0
    for run, n in zip(runs, kept, strict=True):
        out += [line[at : run.start()], "'" * n]
        at = run.end()
    return "".join([*out, line[at:]])


def _tidy(line: str) -> str:
    line = _SPACES.sub(" ", _INVISIBLE.sub("", line)).strip()
    if _HOLE.search(line):
        for pattern, by in _TIDY:
            line = pattern.sub(by, line)
    return line.strip()


def _paragraphs(text: str) -> Iterator[str]:
    """The blocks of wiki text: lines of running text not parted by a blank line are one; other lines stand alone."""
    open_lines: list[str] = []
    for line in text.split("\n"):
        if line and line[0] not in " *#:;=-" and line.strip():
            open_lines.append(line.strip())
            continue
        if open_lines:
            yield " ".join(open_lines)
            open_lines = []
        if line.strip():
            yield line
    if open_lines:
        yield " ".join(open_lines)


def to_prose(text: str) -> str:
    """Return the running text of ``filter_wiki``'s output: one line a paragraph, without markup and blank lines.

    A heading stays as a line of its own where text follows it; the heading of a section that is empty (references,
    galleries of templates) goes.
    """
    lines: list[str] = []
    open_headings: list[tuple[int, str]] = []  # (level, heading) still waiting for text below them
    for paragraph in _paragraphs(text):
        line = _unquote(paragraph).strip()
        heading = _HEADING.fullmatch(line)
        if heading is not None and heading[2]:
            level = len(heading[1])
            open_headings = [h for h in open_headings if h[0] < level]
            open_headings.append((level, _tidy(heading[2])))
            continue
        if _RULE.match(line):
            line = line.lstrip("-")
        line = _tidy(_LIST_MARK.sub("", line, count=1))
        if not _WORDLIKE.search(line):
            continue
        lines += [h for _, h in open_headings]
        open_headings = []
        lines.append(line)
    return "\n".join(lines)
