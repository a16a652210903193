"""Running text from the MediaWiki markup of the articles of ``wiki-sample``, as a reader of the page sees it.

mwparserfromhell parses the markup; here each node of its tree becomes text, if it is of a kind that these articles
have. References, boxes and notes to editors are dropped. Paragraphs, headings, list items, captions and table rows
become one line each.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from lmcompare.corpora.schemes.wiki_templates import render_template, superscript

_HEADING = "\ue000"  # private characters that mark the kind of a line until the lines are cleaned
_ITEM = "\ue001"

_REFERENCE = re.compile(r"<!--.*?-->|<ref\b[^>]*/>|<ref\b[^>]*>.*?</ref\s*>", re.DOTALL | re.IGNORECASE)
_INDENTED_TABLE = re.compile(r"^[:* ]+\{\|", re.MULTILINE)
_BLOCKS = {"div", "blockquote", "center", "ol"}
_CODE_BLOCKS = {"source", "poem"}
_FILES = {"file", "image"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z-]+)?")
_FILE_OPTION = re.compile(
    r"thumb(?:nail)?|frame(?:d|less)?|border|left|right|cent(?:er|re)|none|baseline|middle|sub|super|top|bottom|"
    r"text-(?:top|bottom)|upright[\s=.\d]*|[x\d\s]*px|[\d\s]+x[\d\s]+(?:px)?|(?:alt|link|lang|page|class)\s*=.*|",
    re.DOTALL | re.IGNORECASE,
)
_LATEX = {
    "in": "∈", "to": "→", "times": "×", "cdot": "·", "ldots": "...", "neg": "¬", "rangle": "⟩", "leftrightarrow": "↔",
    "sin": "sin", "exp": "exp",
}  # fmt: skip

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
# The holes that dropped templates leave in brackets and before punctuation.
_TIDY = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"(?<!')''([^'\n]+)''(?='s\b)", r"\1"),  # ''Iliad'''s
        (r"(?<!')'{3}(?='{1}(?!'))", ""),  # '''A''''s
        # Bold and italic marks, markup that was not closed, and switches such as __NOTOC__.
        (r"''+|__[A-Z]{3,}__|\[\[|\]\]|\{\{[^{}]*\}\}|</?(?:li|ol|ul|div|span|small|su[bp]|center|br)\b[^<>]*>", ""),
        (r"\s+", " "),
        (r"\( ?(?:(?:[,;:]|/(?= )|(?:or|and)(?= ?[,;:)])) ?)+", "("),  # "(; , born"
        (r"(?: ?[,;:])+ ?\)", ")"),  # "(one, )"
        (r" ?\( ?\)", ""),
        (r"\( | (?=\))", lambda m: m[0].strip()),
        (r"([,;])(?: ?[,;])+", r"\1"),  # "one, ; two"
        (r"[,;] ?(?=\.(?: (?!\.)|$))", ""),  # "52 minutes, ."
        (r"(?<![. ]) (?=[,;](?: |$)|\.(?: (?!\.)|$))", ""),  # "word ." but not ". . ."
        (r"(?<=[^. ]\.) \.(?= (?!\.)|$)", ""),  # "A title. ."
        (r"^(?:[,;:.)*#] )+", ""),
    )
)


def article_text(markup: str) -> str:
    """Return the running text of an article, one line a paragraph; "" if it has none."""
    from mwparserfromhell import parse

    markup = _REFERENCE.sub("", markup)  # more than half of the markup, and often not well-formed
    markup = _INDENTED_TABLE.sub("{|", markup)
    lines: list[str] = []
    headings: list[str] = []  # headings, with their marks, that still wait for text below them
    for paragraph in _paragraphs(_text(parse(markup, skip_style_tags=True))):
        line = _tidy(paragraph.lstrip(_HEADING + _ITEM))
        level = len(paragraph) - len(paragraph.lstrip(_HEADING))
        if level:
            headings = [above for above in headings if above.count(_HEADING) < level] + [_HEADING * level + line]
        elif re.search(r"\w", line) and not line.startswith(("{|", "File:")):  # not closed
            lines += [heading.lstrip(_HEADING) for heading in headings] + [line]
            headings = []
    return "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    """Join lines of running text that no blank line separates; headings, list items and indented lines stay alone."""
    running: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.strip() and line[0] not in (_HEADING, _ITEM, " "):
            running.append(line)
            continue
        if running:
            yield " ".join(running)
            running = []
        if line.strip():
            yield line


def _tidy(line: str) -> str:
    line = _INVISIBLE.sub("", line).strip()
    for pattern, by in _TIDY:
        line = pattern.sub(by, line)
    return line.strip()


def _text(code: Any) -> str:
    """The text of parsed markup, None included."""
    return "" if code is None else "".join(map(_node, code.nodes))


def _node(node: Any) -> str:
    kind = type(node).__name__
    if kind == "Text":
        return str(node)
    if kind == "HTMLEntity":
        return str(node.normalize())
    if kind == "Heading":
        return f"\n{_HEADING * node.level}{_text(node.title).strip()}\n"
    if kind == "Wikilink":
        return _link(node)
    if kind == "ExternalLink":
        return _text(node.title)
    if kind == "Tag":
        return _tag(node)
    if kind == "Template":
        return render_template(node, _text)
    return ""  # a comment, or a parameter of a template's own page


def _link(node: Any) -> str:
    title = _text(node.title).strip()
    prefix, colon, rest = title.partition(":")
    prefix = prefix.strip().lower()
    if prefix in _FILES:
        return _caption(node.text)
    if prefix == "category":
        return ""
    if node.text is not None:
        return _text(node.text)
    if prefix == "wikt":
        return rest
    if colon and _LANGUAGE.fullmatch(title.partition(":")[0]):
        return ""  # the same article in another language
    return title.lstrip(":")


def _caption(code: Any) -> str:
    """The caption of a file link, on a line of its own; "" if the picture has none or is part of a sentence."""
    parts = [""]
    for node in code.nodes if code is not None else ():
        first, *more = str(node).split("|") if type(node).__name__ == "Text" else [_node(node)]
        parts[-1] += first
        parts += more
    captions = [part.strip() for part in parts if not _FILE_OPTION.fullmatch(part.strip())]
    framed = any(re.match(r"\s*(?:thumb|frame)", part) for part in parts)
    return f"\n\n{captions[-1]}\n\n" if captions and framed else ""


def _tag(node: Any) -> str:
    name = str(node.tag).strip().lower()
    if name == "references":
        return ""
    if name == "table":
        return "\n\n" + "\n\n".join(_rows(node.contents)) + "\n\n"
    if name == "math":
        return _formula(str(node.contents))
    if name == "nowiki":
        return html.unescape(str(node.contents))
    if name in _CODE_BLOCKS:  # each line stays a line
        text = _text(node.contents) if name == "poem" else html.unescape(str(node.contents))
        return "\n\n" + text.replace("\n", "\n\n") + "\n\n"
    if name == "gallery":
        return "\n\n" + "\n\n".join(_gallery(str(node.contents))) + "\n\n"
    text = _text(node.contents)
    if name in ("li", "dt", "dd", "br"):
        return f"\n{_ITEM}{text}"
    if name == "sup":
        return superscript(text)
    return f"\n\n{text}\n\n" if name in _BLOCKS else text


def _rows(code: Any) -> Iterator[str]:
    """The rows of a table, its caption included: the cells joined by semicolons, the lines of a cell by commas."""
    cells: list[str] = []
    for node in code.nodes:
        name = str(node.tag).strip().lower() if type(node).__name__ == "Tag" else ""
        if name in ("td", "th"):
            cell = _text(node.contents).removeprefix("+").strip()  # "|+" begins the caption
            lines = [line for each in cell.split("\n") if (line := each.strip(_ITEM + " "))]
            if "\n\n" in cell:  # a table that arranges the page, not a table of data
                yield from lines
            else:
                cells.append(", ".join(line.rstrip(",") for line in lines))
        elif name == "tr":  # the cells before the first one are a row, too
            yield from filter(None, ["; ".join(filter(None, cells))])
            cells = []
            yield from _rows(node.contents)
    yield from filter(None, ["; ".join(filter(None, cells))])


def _gallery(contents: str) -> Iterator[str]:
    from mwparserfromhell import parse

    for line in contents.splitlines():
        if "|" in line:
            yield _text(parse(line.partition("|")[2], skip_style_tags=True)).strip()


def _formula(latex: str) -> str:
    """A formula of one line in plain characters (``x_k``, ``α``, ``n + 1``); "" for one that needs more."""
    latex = re.sub(r"\\(?:rm|text|mathrm|left|right|big|Big|,|;|!|\s)(?![a-zA-Z])", " ", latex).replace("~", " ")
    latex = re.sub(r"\\([{}|])", r"\1", latex)
    latex = re.sub(r"\\([a-zA-Z]+)", lambda m: _LATEX.get(m[1]) or _greek(m[1]), latex)
    if "\\" in latex or "&" in latex:
        return ""
    latex = re.sub(r"\^\{([^{}]*)\}|\^(\w)", lambda m: superscript(m[1] or m[2]), latex)
    return " ".join(latex.replace("{", "").replace("}", "").split())


def _greek(name: str) -> str:
    try:
        return unicodedata.lookup(f"GREEK {'CAPITAL' if name[0].isupper() else 'SMALL'} LETTER {name}")
    except KeyError:
        return "\\"
