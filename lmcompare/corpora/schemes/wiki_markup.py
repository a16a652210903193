"""MediaWiki markup that has to be read before gensim's ``filter_wiki`` gets the text.

``filter_wiki`` is regular expressions, and goes wrong on nested file links (captions lose their beginnings), on ``<``
in running text (all is lost up to the next ``>``), on tables (cells mixed with their style attributes) and on
templates (see `wiki_templates`). These are resolved here; links, categories and addresses are left for gensim.
"""

from __future__ import annotations

import html
import re

from lmcompare.corpora.schemes.wiki_templates import expand_templates, superscript

_PRIVATE = 0xF0000  # protected characters are moved to plane 15, where no text lives, and moved back at the end
_MARKUP = "'[]{}|*#:;=<>!&_-~,.()"
_PROTECT = {ord(c): chr(_PRIVATE + ord(c)) for c in _MARKUP}
_RESTORE = {_PRIVATE + ord(c): c for c in _MARKUP}

_PROTECTED = re.compile(f"[{''.join(map(chr, _RESTORE))}]")
_STRAY = re.compile(r"[<>&]|!!")  # what is left of these once tags, entities and tables are read is text

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_REFERENCE = re.compile(r"<ref\b[^>]*/>|<ref\b[^>]*>.*?</ref\s*>", re.DOTALL | re.IGNORECASE)
_LITERAL = re.compile(r"<(nowiki|pre|source|syntaxhighlight)\b[^>/]*>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_CODE = re.compile(r"<(code|tt)\b[^>/]*>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_POEM = re.compile(r"<poem\b[^>]*>(.*?)</poem\s*>", re.DOTALL | re.IGNORECASE)
_DROPPED = re.compile(r"<(timeline|imagemap|score|references|hiero)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_MATH = re.compile(r"<math\b[^>]*>(.*?)</math\s*>", re.DOTALL | re.IGNORECASE)
_GALLERY = re.compile(r"<gallery\b[^>]*>(.*?)</gallery\s*>", re.DOTALL | re.IGNORECASE)
_RAISED = re.compile(r"<sup\b[^>]*>([^<]*)</sup\s*>", re.IGNORECASE)
_LOWERED = re.compile(r"</?su[bp]\b[^>]*>", re.IGNORECASE)
_BREAK = re.compile(r"\s*</?(?:br|p|div|li|ol|ul|dd|dt|dl|hr|blockquote|center|tr|h[1-6])\b[^<>]*>\s*", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:small|big|span|code|tt|u|s|i|b|em|strong|cite|font|abbr|var|kbd|samp|del|ins|strike|noinclude|"
    r"onlyinclude|includeonly|table|td|th|references|ref|nowiki|bdi|bdo|q|includeonly|section)\b[^<>]*>",
    re.IGNORECASE,
)
_FILE = re.compile(r"\[\[\s*(?:file|image|media)\s*:", re.IGNORECASE)
_BRACKETS = re.compile(r"\[\[|\]\]")
_OPTION = re.compile(
    r"\s*(?:thumb(?:nail)?|frame(?:d|less)?|border|left|right|cent(?:er|re)|none|baseline|middle|sub|super|top|bottom|"
    r"text-(?:top|bottom)|upright[\s=.\d]*|[x\d\s]+px|[\d\s]+x[\d\s]+(?:px)?|(?:alt|link|lang|page|class|thumbtime)\s*=.*)"
    r"\s*",
    re.DOTALL | re.IGNORECASE,
)
_PIPE = re.compile(r"\|(?![^\[\]]*\]\])")
_ROW_END = chr(_PRIVATE)  # ends a row until the outermost table is done, as a line end inside a cell is no row's end
_BETWEEN_ROWS = re.compile(rf"[;,\s]*{_ROW_END}[;,\s]*")
_TABLE = re.compile(r"^[:*\s]*\{\|((?:(?!\{\||^\s*\|\}).)*)^\s*\|\}", re.DOTALL | re.MULTILINE)
_LINK_PREFIX = re.compile(r"\[\[\s*:?(?:wikt|wiktionary|s|q|b|c|commons|wikisource|[a-z]{2,3}):([^\[\]|]*)\]\]")
_INTERLANGUAGE = re.compile(r"^\[\[[a-z]{2,3}(?:-[a-z-]+)?:[^\[\]|]*\]\][ \t]*$", re.MULTILINE)
_CATEGORY_LINK = re.compile(r"\[\[\s*:\s*(category\s*:[^\[\]|]*)\|", re.IGNORECASE)
_ENTITY = re.compile(r"&#?\w+;")
_SWITCH = re.compile(r"__(?:no)?(?:toc|editsection|forcetoc|newsectionlink|gallery|index)__", re.IGNORECASE)

_LATEX_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda": "λ", "mu": "μ",
    "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω", "psi": "ψ", "in": "∈", "to": "→",
    "times": "×", "cdot": "·", "ldots": "...", "dots": "...", "dotsc": "...", "leq": "≤", "geq": "≥", "neq": "≠",
    "approx": "≈", "pm": "±", "sin": "sin", "cos": "cos", "exp": "exp", "log": "log", "neg": "¬", "infty": "∞",
    "rangle": "⟩", "langle": "⟨", "leftrightarrow": "↔", "rightarrow": "→", "therefore": "∴", "quad": " ",
}  # fmt: skip


def protect(text: str) -> str:
    """Return ``text`` with the characters that mean something in MediaWiki moved out of harm's way."""
    return text.translate(_PROTECT)


def restore(text: str) -> str:
    """Undo `protect`."""
    return _PROTECTED.sub(lambda m: _RESTORE[ord(m[0])], text)


def _formula(match: re.Match[str]) -> str:
    """A formula of one line in plain characters (``x_k``, ``α``, ``n + 1``); one that needs more is left out."""
    latex = re.sub(r"_\\(?:rm|text|mathrm)\s*", "_", match[1])
    latex = re.sub(r"\\(?:rm|text|mathrm|left|right|big|Big|,|;|!|\s)(?![a-zA-Z])", " ", latex).replace("~", " ")
    latex = re.sub(r"\\([{}|])", r"\1", latex)
    latex = re.sub(r"\\([a-zA-Z]+)", lambda m: _LATEX_SYMBOLS.get(m[1], "\\"), latex)
    if "\\" in latex or "&" in latex:
        return ""
    latex = re.sub(r"\^\{([^{}]*)\}|\^(\w)", lambda m: superscript(m[1] or m[2]), latex)
    return protect(" ".join(latex.replace("{", "").replace("}", "").split()))


def _literal(match: re.Match[str]) -> str:
    """Text without markup: code blocks keep their lines."""
    text = protect(html.unescape(match[2]))
    return text if match[1].casefold() == "nowiki" else _own_lines(text)


def _code(match: re.Match[str]) -> str:
    """Code in a sentence: its lone commas and brackets are not what a dropped template left behind."""
    text = _ENTITY.sub(lambda m: protect(html.unescape(m[0])), match[2])
    return re.sub(r"[,.;:()]", lambda m: protect(m[0]), text)


def _own_lines(text: str) -> str:
    """Each line as a paragraph of its own: a single line end would join it to its neighbours."""
    return "\n\n" + "\n\n".join(text.split("\n")) + "\n\n"


def _gallery(match: re.Match[str]) -> str:
    """The captions of a gallery, a line each."""
    captions = (line.split("|", 1)[1] for line in match[1].splitlines() if "|" in line)
    return _own_lines("\n".join(_caption(c) for c in captions))


def _caption(parameters: str) -> str:
    """The caption among a file link's parameters: the last that is not an option such as ``thumb`` or ``200px``."""
    said = [p for p in _PIPE.split(parameters) if p.strip() and not _OPTION.fullmatch(p)]
    return said[-1].strip() if said else ""


def _resolve_files(markup: str) -> str:
    """Replace each ``[[File:…|…|caption]]``, links inside the caption and all, by its caption on its own line."""
    out: list[str] = []
    at = 0
    while (start := _FILE.search(markup, at)) is not None:
        depth, end = 0, None
        for bracket in _BRACKETS.finditer(markup, start.start()):
            depth += 1 if bracket[0] == "[[" else -1
            if depth == 0:
                end = bracket.end()
                break
        out.append(markup[at : start.start()])
        if end is None:  # never closed: the opening goes, the text stays
            at = start.end()
            continue
        inner = markup[start.end() : end - 2]
        caption = _resolve_files(_caption(inner.split("|", 1)[1])) if "|" in inner else ""
        own_line = start.start() == 0 or markup[start.start() - 1] == "\n" or "thumb" in inner
        out.append(f"\n\n{caption}\n\n" if caption and own_line else caption if not own_line else "")
        at = end
    out.append(markup[at:])
    return "".join(out)


def _cell(text: str) -> str:
    """A cell's content: without its attributes (``style="…" |``), on one line."""
    head, bar, rest = text.partition("|")
    if bar and "[[" not in head and ("=" in head or not head.strip() or head.strip() in {"nowrap"}):
        text = rest
    lines = (re.sub(r"^[*#:;]+", "", line.strip()).strip() for line in text.split("\n"))
    return ", ".join(line.rstrip(",") for line in lines if line)


def _table(match: re.Match[str]) -> str:
    """The rows of a table, a line each, the cells of a row joined by semicolons."""
    body = match[1].partition("\n")[2]  # the first line holds the table's own attributes
    rows: list[str] = []
    for row in re.split(r"^\s*\|-.*$", body, flags=re.MULTILINE):
        cells = re.split(r"^\s*(?:\|\+|[|!])|\|\||(?<=[^\n])!!", row, flags=re.MULTILINE)
        said = [cell for cell in map(_cell, cells[1:] if not cells[0].strip() else cells) if cell]
        if said:
            rows.append("; ".join(said))
    return _ROW_END + _ROW_END.join(rows) + _ROW_END


def resolve(markup: str) -> str:
    """Return an article's ``markup`` with all but links, quote runs, headings and list marks turned into text.

    Characters that are text but would be read as markup are protected (see `protect`); call `restore` in the end.
    """
    markup = _COMMENT.sub("", markup)
    markup = _CODE.sub(_code, _LITERAL.sub(_literal, markup))
    markup = _REFERENCE.sub("", markup)
    markup = _DROPPED.sub("", markup)
    markup = _MATH.sub(_formula, markup)
    markup = expand_templates(markup)
    markup = _REFERENCE.sub("", markup)  # those that a template kept open
    markup = _GALLERY.sub(_gallery, markup)
    markup = _resolve_files(markup)
    markup = _RAISED.sub(lambda m: superscript(m[1]), markup)
    markup = _LOWERED.sub("", markup)
    markup = _POEM.sub(lambda m: _own_lines(m[1]), markup)
    markup = _BREAK.sub("\n\n", markup)
    markup = _TAG.sub("", markup)
    n = 1
    while n:
        markup, n = _TABLE.subn(_table, markup)
    markup = _BETWEEN_ROWS.sub("\n\n", markup)
    markup = _SWITCH.sub("", _INTERLANGUAGE.sub("", markup))
    markup = _CATEGORY_LINK.sub("[[", _LINK_PREFIX.sub(r"\1", markup)).replace("[[:", "[[")
    markup = _ENTITY.sub(lambda m: protect(html.unescape(m[0])), markup)
    return _STRAY.sub(lambda m: protect(m[0]), markup)
