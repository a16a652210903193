"""The corpora in gensim's test data, which its wheel installs: ``lee``, and ``wiki-sample`` with 106 articles.

gensim itself is imported only to cut the dump of Wikipedia into pages.
"""

from __future__ import annotations

import bz2
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lmcompare.corpora.contract import CorpusScheme, Found
from lmcompare.corpora.document import Piece, cut
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError


def missing(file: str) -> str:
    """Return why ``file`` of gensim's test data cannot be read, or "" if it can."""
    spec = find_spec("gensim")
    if spec is None or not spec.submodule_search_locations:
        return "gensim is not installed"
    if data_path(file).is_file():
        return ""
    return f"the installed gensim lacks its test file {file}"


def data_path(file: str) -> Path:
    """Return the path of ``file`` in gensim's test data; gensim must be installed."""
    spec = find_spec("gensim")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places or ["gensim"]))) / "test" / "test_data" / file


def located(file: str, corpus: str) -> Path:
    """Return the path of ``file``, from which the embedded ``corpus`` is read.

    Raises
    ------
    LmcompareError
        If gensim, or this file of it, is not installed.
    """
    reason = missing(file)
    if reason:
        raise LmcompareError(
            f"the embedded corpus '{corpus}' cannot be read because {reason}; "
            "run pip install 'gensim>=4.3.3', or give a file or folder of your own as the corpus"
        )
    return data_path(file)


LEE_FILE = "lee_background.cor"
# lines with the words of another line, or all but a few of them
COPIES = frozenset(f"lee:{line}" for line in (73, 99, 113, 120, 121, 157, 183, 233, 237, 272, 289))


def read_lee(name: str, options: CorpusOptions) -> Found:
    """Return the news texts in the order of the file, one document a line.

    Raises
    ------
    LmcompareError
        If gensim, or this file of it, is not installed.
    """
    text = located(LEE_FILE, "lee").read_bytes().decode("utf-8")
    return Found(
        tuple(piece for piece in cut(Piece("lee", text), "line") if piece.name not in COPIES),
        sentences="punkt",
        source="289 short Australian news texts, the Lee background corpus in gensim's test data without copies",
    )


LEE = CorpusScheme(
    "289 news texts of the Australian Broadcasting Corporation of 2001, about 58,000 words",
    read_lee,
    missing=lambda: missing(LEE_FILE),
    file=lambda: data_path(LEE_FILE),
)


_SUPERSCRIPT = str.maketrans("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ")
_MONTH_NAMES = "January February March April May June July August September October November December"
_MONTHS = _MONTH_NAMES.split()
_UNITS = {
    "m": "metres", "km": "kilometres", "cm": "centimetres", "mm": "millimetres", "mi": "miles", "ft": "feet",
    "in": "inches", "nmi": "nautical miles", "km2": "square kilometres", "m2": "square metres", "ha": "hectares",
    "sqmi": "square miles", "acre": "acres", "kg": "kilograms", "lb": "pounds", "C": "°C", "mph": "miles per hour",
    "oilbbl/d": "barrels per day", "PD/sqmi": "inhabitants per square mile",
}  # fmt: skip
_RANGES = {"-": "–", "–": "–", "to": " to ", "and": " and ", "and(-)": " and ", "by": " by "}

Args = list[str]
Named = dict[str, str]


def superscript(text: str) -> str:
    """Return ``text`` in raised characters if Unicode has them all (``6`` becomes ``⁶``), and unchanged if not."""
    raised = text.strip().translate(_SUPERSCRIPT)
    return raised if all(c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ" for c in raised) else text


def render_template(node: Any, text: Callable[[Any], str]) -> str:
    """Return the text of a template.

    Parameters
    ----------
    node : mwparserfromhell.nodes.Template
        The template.
    text : callable
        Returns the text of the parsed markup of an argument.
    """
    name = " ".join(str(node.name).replace("_", " ").split()).casefold()
    if name.startswith("formatnum:"):  # a parser function
        digits = name.partition(":")[2].strip()
        return f"{int(digits):,}" if digits.isdigit() else digits
    render = _RENDER.get("lang-" if name.startswith("lang-") else name)
    if render is None:
        return ""
    args: Args = []
    named: Named = {}
    for parameter in node.params:
        key = str(parameter.name).strip().casefold()
        if not parameter.showkey or key.isdigit():
            args.append(text(parameter.value).strip())
        else:
            named[key] = text(parameter.value).strip()
    return render(args, named)


def _first(args: Args, named: Named) -> str:
    return args[0] if args else ""


def _last(args: Args, named: Named) -> str:
    return args[-1] if args else ""


def _joined(mark: str) -> Callable[[Args, Named], str]:
    return lambda args, named: mark.join(arg for arg in args if arg)


def _after(prefix: str) -> Callable[[Args, Named], str]:
    return lambda args, named: f"{prefix} {_first(args, named)}"


def _constant(text: str) -> Callable[[Args, Named], str]:
    return lambda args, named: text


def _convert(args: Args, named: Named) -> str:
    """``{{convert|10|to|20|km|mi}}``: the measure of the author, without its conversion."""
    value, rest = args[0], args[1:]
    while len(rest) >= 2 and rest[0] in _RANGES:
        value += _RANGES[rest[0]] + rest[1]
        rest = rest[2:]
    value = re.sub(r"(?<![\d.])-(?=\d)", "−", value)
    value = re.sub(r"(?<![\d.,])\d{4,}", lambda m: f"{int(m[0]):,}", value)
    unit = rest[0].split(" ")[0] if rest else ""
    name = _UNITS.get(unit, unit)
    if named.get("adj") in ("on", "mid") and len(unit) <= 2:  # "a 100-metre dash"
        name = {"feet": "foot", "inches": "inch"}.get(name, name.removesuffix("s"))
        return f"{value} {name}" if name.startswith("°") else f"{value}-{name}"
    if "on" in (named.get("abbr"), named.get("abbre")):
        name = unit.replace("sq", "sq ").replace("2", "²").replace("3", "³")
    return f"{value} {name}".strip()


def _nihongo(args: Args, named: Named) -> str:
    inside = ", ".join(arg for arg in args[1:3] if arg)
    return f"{_first(args, named)} ({inside})" if inside else _first(args, named)


def _fraction(args: Args, named: Named) -> str:
    """``{{frac|3}}`` is 1/3, ``{{frac|2|3}}`` is 2/3, ``{{frac|1|2|3}}`` is 1 2/3."""
    whole, numerator, denominator = {1: ("", "1", *args), 2: ("", *args), 3: tuple(args)}.get(len(args), ("", "", ""))
    return f"{whole} {numerator}/{denominator}".strip() if args else ""


def _month(number: str) -> str:
    return _MONTHS[int(number) - 1] if number.isdigit() and 1 <= int(number) <= 12 else number


def _as_of(args: Args, named: Named) -> str:
    parts = [_month(arg) if at == 1 else arg for at, arg in enumerate(args)]
    return f"{'as' if named.get('lc') else 'As'} of {' '.join(reversed(parts))}"


def _date(args: Args, named: Named) -> str:
    return f"{_month(args[1])} {args[2]}, {args[0]}" if len(args) == 3 else " ".join(args)


def _value(args: Args, named: Named) -> str:
    power = f" × 10{superscript(named['e'])}" if "e" in named else ""
    return f"{_first(args, named)}{power} {named.get('u', named.get('ul', ''))}".strip()


def _quote(args: Args, named: Named) -> str:
    return "\n\n" + (_first(args, named) or named.get("text", named.get("quote", ""))) + "\n\n"


_SHOW_FIRST = """
    nowrap small smaller big center ipa vanchor tooltip nts flag railgauge linktext angbr vr lang-
"""
_RENDER: dict[str, Callable[[Args, Named], str]] = {
    "lang": lambda args, named: "".join(args[1:2]), "transl": _last, "script": _last, "columns-list": _last,
    "convert": _convert, "as of": _as_of,
    "dts": _date, "nihongo": _nihongo, "val": _value, "frac": _fraction, "sfrac": _fraction, "chem": _joined(""),
    "nuclide2": _joined("-"), "simplenuclide2": _joined("-"), "hlist": _joined(", "), "circa": _after("c."),
    "e": lambda args, named: f" × 10{superscript(_first(args, named))}",
    "sc": lambda args, named: _first(args, named).upper(),
    "eqm": _constant("⇌"), "nbsp": _constant(" "), "spaces": _constant(" "), "thinsp": _constant(" "),
    "ndash": _constant("–"), "mdashb": _constant("—"), "snd": _constant(" – "), "spaced ndash": _constant(" – "),
    "'s": _constant("’s"), "'": _constant("’"), "=": _constant("="),
}  # fmt: skip
_RENDER |= dict.fromkeys(_SHOW_FIRST.split(), _first)
_RENDER |= dict.fromkeys(("quote", "quotation", "quote box"), _quote)
_RENDER |= {ship.casefold(): _after(ship) for ship in ("USS", "HMS", "MV", "SS")}


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


WIKI_FILE = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"

SOURCE = "the shortened English Wikipedia dump in gensim's test data (CC BY-SA)"
CLEANING = (
    "Redirects and empty pages were dropped and the wiki markup was removed; a paragraph, heading, list item or "
    "table row is a line; headings without text below them, references and boxes are left out."
)


def read_wiki(name: str, options: CorpusOptions) -> Found:
    """Return the articles in the order of the dump, named by their titles, without redirects and empty pages.

    Raises
    ------
    LmcompareError
        If gensim, or this file of it, is not installed.
    """
    path = located(WIKI_FILE, "wiki-sample")
    from gensim.corpora.wikicorpus import extract_pages  # half a second: only when it is needed

    articles = []
    with bz2.open(path) as dump:
        for title, markup, _ in extract_pages(dump, ["0"]):
            if markup.lstrip()[:9].casefold() == "#redirect":
                continue
            if text := article_text(markup):
                articles.append(Piece(title, text + "\n"))
    return Found(
        tuple(articles),
        sentences="punkt",
        notes=(CLEANING,),
        source=SOURCE,
    )


WIKI_SAMPLE = CorpusScheme(
    "106 articles of the English Wikipedia of 2016, about 480,000 words of clean running text",
    read_wiki,
    missing=lambda: missing(WIKI_FILE),
    file=lambda: data_path(WIKI_FILE),
)
