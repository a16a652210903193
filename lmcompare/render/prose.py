"""Sections that are written once, as templates in Markdown, and shown as HTML and as Markdown.

A template is CommonMark with tables, filled by Jinja. Three signs are added:

- ``{.fine} Text`` is a paragraph of the class "fine".
- ``### Heading {id=key}`` is a heading with an id.
- ``[interval](#term-interval)`` is a term of the glossary, with its definition as a tooltip.

Values are text: nothing in them is markup. A drawing (SVG of the class "chart") is on the page, and a file beside the
Markdown; other HTML is shown by the page alone. ``Inline`` says what Markdown shows instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template, Undefined, pass_context
from jinja2.runtime import Context
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from lmcompare.errors import CONTROL
from lmcompare.render import numbers, templating
from lmcompare.render.charts import svg
from lmcompare.render.definitions import known
from lmcompare.render.markdown import escaped, plain
from lmcompare.render.titles import sentence, spoken
from lmcompare.render.tokens import shown as narrow
from lmcompare.render.tokens import visible

_INLINE, _BLOCK, _END = "\ue000", "\ue002", "\ue001"  # around the number of a piece of HTML, while Markdown is parsed
_PIECE = re.compile(f"(?:<p>)?{_BLOCK}(\\d+){_END}(?:</p>)?|{_INLINE}(\\d+){_END}")
_CLASS = re.compile(r"<p>\{\.([\w -]+)\} ?")
_ID = re.compile(r"<(h[34])>(.*?) ?\{id=([^}]+)\}</h[34]>")
_SIGNS = re.compile(r"^\{\.[\w -]+\} ?| ?\{id=[^}]+\}$", re.MULTILINE)
_INSIDE = re.compile(r"\[([^\]]*)\]\(#[^)]*\)")  # a link within the page
_HELD = re.compile(f"{_INLINE}(\\d+){_END}")
_EMPTY = re.compile(r"\n\s*\n")  # the lines of statements
_BETWEEN_ITEMS = re.compile(r"(?m)^((?:-|1\.) .*)\n\s*\n(?=(?:-|1\.) )")
_CHART = re.compile(r'(<svg\b[^>]*class="chart\b[^>]*aria-label="([^"]*)".*?</svg>)', re.DOTALL)
_TERM = re.compile(r'<a href="#term-([^"]*)">(.*?)</a>')
_QUOTED = re.compile(r"(?<!\w)'([^']+)'(?!\w)")


@dataclass(frozen=True)
class Inline:
    """A part of a line: what the page shows, and what Markdown shows.

    ``cell`` and ``row`` are attributes of the cell and of the row of a table in which it stands.
    """

    html: Markup
    markdown: str
    cell: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Filling:
    """One filling of a template: the HTML that stands for signs in its text, or the drawings of its Markdown."""

    html: bool
    key: str = "chart"
    still: bool = False
    pieces: list[Inline] = field(default_factory=list)
    parts: set[int] = field(default_factory=set)  # pieces of the template itself, with signs for others in them
    charts: dict[str, Markup] = field(default_factory=dict)

    def piece(self, html: Inline | str, block: bool = False) -> Markup:
        """Return a sign for a value."""
        self.pieces.append(html if isinstance(html, Inline) else Inline(Markup(html), ""))
        sign = f"{_BLOCK if block else _INLINE}{len(self.pieces) - 1}{_END}"
        return Markup(f"\n\n{sign}\n\n" if block else sign)

    def part(self, html: str) -> Markup:
        """Return a sign for a part of the template."""
        self.parts.add(len(self.pieces))
        return self.piece(html, block=True)

    def value(self, value: Any) -> Markup:
        """Return a value as it stands in the text that is parsed, or in the Markdown."""
        if isinstance(value, Inline):
            return self.piece(value) if self.html else Markup(value.markdown)
        if isinstance(value, Undefined):  # of a condition without "else"
            return Markup()
        if not isinstance(value, Markup):
            return self.piece(escape(str(value).translate(CONTROL))) if self.html else Markup(escaped(str(value)))
        if not value.lstrip().startswith("<"):  # a part of the template itself: a macro, or a set block
            return value
        if self.html:
            return self.piece(value, block=True)
        return Markup("").join(map(self._reference, _CHART.findall(value)))

    def _reference(self, chart: tuple[str, str]) -> Markup:
        name = f"{self.key}-{len(self.charts) + 1}.svg"
        self.charts[name] = Markup(chart[0])
        return Markup(f"\n\n![{plain(Markup(chart[1]).unescape())}](charts/{name})\n\n")

    def parsed(self, text: str) -> str:
        """Return text of the template as HTML, with signs for its pieces."""
        html = _CLASS.sub(r'<p class="\1">', _parser().render(_BETWEEN_ITEMS.sub(r"\1\n", text)))
        html = _ID.sub(r'<\1 id="\3">\2</\1>', html)
        return _TERM.sub(self._term, html)

    def line(self, text: str) -> str:
        """Return a line of the template as HTML, with signs for its pieces."""
        return _TERM.sub(self._term, _parser().renderInline(text))

    def _term(self, found: re.Match[str]) -> str:
        return found[2] if self.still else str(templating.term(found[1], Markup(found[2])))

    def whole(self, html: str) -> Markup:
        """Return HTML with the pieces in place of their signs; what looks like a sign in a value stays."""

        def in_place(found: re.Match[str]) -> str:
            number = int(found[1] or found[2])
            piece = self.pieces[number].html
            return self.whole(piece) if number in self.parts else piece

        return Markup(_PIECE.sub(in_place, html))


_FILLING: ContextVar[_Filling] = ContextVar("_FILLING")


Written = tuple[Markup, str, dict[str, Markup]]  # HTML, Markdown, and the drawings of the latter by file name


def written(template: str, package: str, key: str = "chart", still: bool = False, /, **context: Any) -> Written:
    """Return a template in Markdown with these values, as HTML, as Markdown, and the drawings of the latter.

    Parameters
    ----------
    template : str
        The template's path in the package's folder ``templates``, without ``.md.j2``.
    package : str
        The package that brings the template.
    key : str
        The drawings are named after it, with a number: "chart-1.svg".
    still : bool, default=False
        Whether the HTML is for a document that stands alone, without links, controls and scripts.
    **context : object
        The values of the template's names, which also has the name ``still``.
    """
    return filled(environment(package).get_template(f"{template}.md.j2"), key, still, context)


def filled(source: Template, key: str, still: bool, context: Mapping[str, Any]) -> Written:
    """Return what ``written`` returns, given a template."""
    page, text = _Filling(True, key, still), _Filling(False, key)
    html = page.whole(page.parsed(_rendered(source, page, {**context, "still": still})))
    markdown = _INSIDE.sub(r"\1", _SIGNS.sub("", _rendered(source, text, {**context, "still": False})))
    return html, _EMPTY.sub("\n\n", _BETWEEN_ITEMS.sub(r"\1\n", markdown)).strip(), text.charts


def _rendered(source: Template, filling: _Filling, context: Mapping[str, Any]) -> str:
    token = _FILLING.set(filling)
    try:
        return source.render(**context)
    finally:
        _FILLING.reset(token)


@cache
def environment(package: str) -> Environment:
    """Return the environment of a package's templates in Markdown."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(each) for each in (package, "lmcompare.render")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: _FILLING.get().value(value),
    )
    made.filters |= {name: getattr(numbers, name) for name in templating.NUMBERS}
    made.filters |= {"spoken": spoken, "sentence": sentence, "visible": visible, "shown": shown}
    made.filters |= {"explained": explained, "flagged": flagged}
    blocks = (table, fold, figure, box, listing, likely, on_page, off_page)
    words = (comma, bdi, raw, span, continuation, sup, chip, model, code, term, small, tag, link)
    cells = (nearest, bar, head, heat, number)
    made.globals |= {"hue": svg.hue, "terms": known, **{each.__name__: each for each in (*blocks, *words, *cells)}}
    made.globals["widget"] = pass_context(partial(widget, package))
    return made


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("code")


# Blocks: {% call fold("More") %} text {% endcall %}


def fold(
    summary: object,
    open: bool = False,
    markdown: bool = True,
    kind: str = "",
    *,
    caller: Callable[[], str],
    **attributes: object,
) -> Markup:
    """Return a part that is folded on the page, and below its summary in Markdown, if it is there at all."""
    filling = _FILLING.get()
    named = filling.value(summary)
    if not filling.html:
        above = f"**{named}**\n\n" if named else ""
        return Markup(f"\n\n{above}{caller()}\n\n") if markdown else Markup()
    state = " open" if open or filling.still else ""
    begin = f"<details{_attributes(kind, attributes)}{state}>"
    return filling.part(f"{begin}<summary>{filling.line(named)}</summary>{filling.parsed(caller())}</details>")


def box(kind: str = "", element: str = "div", *, caller: Callable[[], str], **attributes: object) -> Markup:
    """Return a part of the page of a class, such as "grid", and with attributes: ``data_model`` is "data-model"."""
    filling = _FILLING.get()
    if not filling.html:
        return Markup(f"\n\n{caller()}\n\n")
    return filling.part(f"<{element}{_attributes(kind, attributes)}>{filling.parsed(caller())}</{element}>")


def _attributes(kind: str, others: Mapping[str, object]) -> str:
    """Return attributes of an element; those that are "" or None are left out."""
    found = {"class": kind, **{name.replace("_", "-"): value for name, value in others.items()}}
    given = ((name, value) for name, value in found.items() if value not in ("", None))
    return "".join(Markup(' {}="{}"').format(*each) for each in given)


def figure(kind: str = "", *, caller: Callable[[], str]) -> Markup:
    """Return a drawing or a table with what is said of it."""
    return box(kind, "figure", caller=caller)


def table(
    label: str,
    caption: object = "",
    kind: str = "plain",
    columns: Sequence[object] = (),
    id: str = "",
    *,
    caller: Callable[[], str],
) -> Markup:
    """Return a table in Markdown as one that scrolls sideways.

    Columns to the right hold figures, the first one to the left names its row, and a row with one cell is as wide as
    all.
    """
    filling = _FILLING.get()
    said, text = filling.value(caption) if caption else "", _EMPTY.sub("\n", caller()).strip()
    if not filling.html:
        return Markup(f"\n\n{said}\n\n{text}\n\n")
    tokens = _parser().parse(text)
    _mark_cells(tokens)
    html = _parser().renderer.render(tokens, _parser().options, {})
    above = f"<caption><span>{filling.line(said)}</span></caption>" if said else ""
    count = f' style="--n:{len(columns)}"' if columns else ""
    html = html.replace("<table>", f'<table class="{kind}"{count}>{above}', 1)
    html = _TERM.sub(filling._term, html)
    about = filling.value(f"{label}, a table")
    begin = f'<div class="scroll" tabindex="0" role="group" aria-label="{about}"{_attributes("", {"id": id})}>'
    return filling.part(f"{begin}{html}</div>")


def listing(text: str, copy: bool = False) -> Markup:
    """Return lines of code; ``copy``: with a button that copies them."""
    filling = _FILLING.get()
    if not filling.html:
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        return Markup(f"\n\n{fence}\n{text.translate(CONTROL).rstrip()}\n{fence}\n\n")
    html = Markup('<pre tabindex="0"><code>{}</code></pre>').format(text)
    if copy:
        button = Markup() if filling.still else Markup('<button type="button" class="copy js">Copy</button>')
        html = Markup('<div class="command">{}{}</div>').format(html, button)
    return filling.piece(html, block=True)


def widget(package: str, context: Context, template: str) -> Markup:
    """Return a part of the page that a script works with, from a template in HTML with the values of this one."""
    if not _FILLING.get().html:
        return Markup()
    own = context.environment.globals
    values: dict[str, Any] = {key: value for key, value in context.get_all().items() if value is not own.get(key)}
    return templating.fill(template, package, **values)


def likely(words: Iterable[tuple[str, float]], came: str = "", remarks: bool = True) -> Markup:
    """Return words with bars for their probabilities; ``came`` is marked, ``remarks`` explain signs."""
    filling, items, said = _FILLING.get(), [], []
    for word, p in words:
        remark = {"¶": "end of a sentence", "<unk>": "unknown word"}.get(word, "") if remarks else ""
        name, share = shown(word, 18), numbers.probability(p)
        named = Markup("<strong>{}</strong>" if word == came else "{}").format(name.html)
        html = Markup('<li style="--w:{:.3f}"><span>{}</span> <b>{}</b></li>')
        items.append(html.format(p, named + (small(remark).html if remark else ""), share))
        marked = f"**{name.markdown}**" if word == came else name.markdown
        said.append(f"{marked}{small(remark).markdown if remark else ''} **{share}**")
    html = Markup('<ol class="next">{}</ol>').format(Markup("").join(items))
    return filling.piece(html, block=True) if filling.html else Markup(", ".join(said))


def _mark_cells(tokens: Sequence[Token]) -> None:
    """Give the rows and cells of a table their roles, and the attributes of what they hold."""
    pieces = _FILLING.get().pieces
    for row in _between(tokens, "tr_open", "tr_close"):
        cells = [i for i, token in enumerate(row) if token.type in ("th_open", "td_open")]
        texts = [row[i + 1].content for i in cells]
        wide = len(cells) > 1 and row[cells[0]].type == "td_open" and not any(texts[1:])
        if wide:
            row[0].attrs["class"] = "asked"
            row[cells[0]].attrs["colspan"] = str(len(cells))
            for token in row[cells[1] : -1]:
                token.hidden, token.content, token.children = True, "", []
        named = wide
        for i, text in zip(cells, texts, strict=True):
            cell = row[i]
            side = cell.attrs.pop("style", "")
            right = side == "text-align:right"
            if cell.type == "th_open" and text:
                cell.attrs["scope"] = "col"
            elif cell.type == "th_open":  # a corner of the table heads nothing
                cell.tag = row[i + 2].tag = "td"
            elif side in ("", "text-align:left") and not named:
                named = True
                cell.tag = row[i + 2].tag = "th"
                cell.attrs["scope"] = "row"
            held = [pieces[int(number)] for number in _HELD.findall(text)]
            cell.attrs |= {key: value for each in held for key, value in each.cell.items()}
            row[0].attrs |= (
                {key: value for each in held for key, value in each.row.items()} if cell.tag == "th" else {}
            )
            if right:
                cell.attrs["class"] = f"n {cell.attrs.get('class', '')}".strip()


def _between(tokens: Sequence[Token], first: str, last: str) -> Iterator[Sequence[Token]]:
    ends = (i for i, token in enumerate(tokens) if token.type == last)
    starts = (i for i, token in enumerate(tokens) if token.type == first)
    yield from (tokens[start : end + 1] for start, end in zip(starts, ends, strict=True))


# Parts of a line


def on_page(caller: Callable[[], str]) -> Markup:
    """Return a part of the text that Markdown does not have: it is about the page."""
    return Markup(caller()) if _FILLING.get().html else Markup()


def off_page(caller: Callable[[], str]) -> Markup:
    """Return a part of the text that only Markdown has: it stands for something of the page."""
    return Markup() if _FILLING.get().html else Markup(caller())


def comma(loop: Any) -> str:
    """Return what stands before an item of a list in a sentence: nothing, a comma or "and"."""
    return "" if loop.first else " and " if loop.last else ", "


def bdi(caller: Callable[[], str]) -> Markup:
    """Return a part of a line that has a direction of its own, from left to right or from right to left."""
    filling = _FILLING.get()
    if not filling.html:
        return Markup(caller())
    return Markup("{}{}{}").format(filling.piece("<bdi>"), Markup(caller()), filling.piece("</bdi>"))


def raw(html: Markup, markdown: str = "", kind: str = "") -> Inline:
    """Return HTML within a line, and the text that Markdown shows in its place; ``kind`` is a class of its cell."""
    return Inline(html, plain(markdown), {"class": kind} if kind else {})


def span(text: Inline | str, kind: str = "", note: str = "", **attributes: object) -> Inline:
    """Return text of a class, with attributes as in ``box``, and with a note in small print."""
    inner = text if isinstance(text, Inline) else Inline(Markup("<bdi>{}</bdi>").format(text), plain(text))
    more = small(note) if note else Inline(Markup(), "")
    html = Markup(f"<span{_attributes(kind, attributes)}>") + inner.html + more.html + Markup("</span>")
    return Inline(html, inner.markdown + more.markdown)


def bar(share: float, kind: str = "", floor: float = 0.0) -> Inline:
    """Return a bar that fills a share of its cell, and before it a part of it that nothing can save."""
    html = Markup("<i{}></i>").format(Markup(_attributes(kind, {"style": f"width:{100 * share:.1f}%"})))
    if floor:
        html += Markup('<i class="floor" style="width:{:.1f}%"></i>').format(100 * floor)
    return Inline(html, "")


def sup(text: str) -> Inline:
    """Return an exponent."""
    return Inline(Markup("<sup>{}</sup>").format(text), f"^{plain(text)}")


def continuation(text: str) -> Inline:
    """Return how a model goes on."""
    return Inline(Markup("<bdi>… <q>{}</q></bdi>").format(text), f"… *{plain(text)}*")


def nearest(words: Iterable[tuple[str, str, float, bool]], kind: str) -> Inline:
    """Return a list of words in a cell of a class: each with a figure, a share that colours it, and if it is bold."""
    items, said = [], []
    for word, text, share, bold in words:
        name = shown(word)
        named = Markup("<b>{}</b>").format(name.html) if bold else name.html
        items.append(Markup('<li style="--w:{:.2f}">{} <span>{}</span></li>').format(share, named, text))
        said.append(f"{f'**{name.markdown}**' if bold else name.markdown} {plain(text)}")
    return Inline(
        Markup('<ol class="near-list">{}</ol>').format(Markup("").join(items)), ", ".join(said), {"class": kind}
    )


def head(text: str, key: str = "", more: bool = False, sorted: bool = False) -> Inline:
    """Return the name of a column by which a "sortable" table can be sorted; ``more``: whether more is better."""
    if _FILLING.get().still:
        return Inline(escape(text), plain(text))
    found = known().get(key)
    title = Markup(' title="{}"').format(found.definition) if found else ""
    html = Markup('<button type="button"{}>{}</button>').format(title, text)
    if found:
        html += Markup('<a class="what" href="#term-{}" aria-label="{}: definition">?</a>').format(key, found.name)
    order = {"aria-sort": "ascending"} if sorted else {}
    return Inline(html, plain(text), {"data-sort": "more" if more else "", **order})


def model(one: Any, unranked: Sequence[str] = (), full: bool = False) -> Inline:
    """Return the title of a model with its mark, and remarks if it is not ranked."""
    remarks = "".join(f" ({each})" for each in templating.remarks(one, unranked))
    said = plain(one.full if full else one.title) + remarks
    return Inline(templating.titled(one, unranked, full), said, row={"data-model": str(one.index)})


def chip(name: str, index: int) -> Inline:
    """Return a name with the mark of a model."""
    return Inline(templating.chip(name, index), plain(name), row={"data-model": str(index)})


def code(text: str) -> Inline:
    """Return a text in the type of code."""
    return Inline(Markup("<code>{}</code>").format(text), _quoted(text))


def _quoted(text: str) -> str:
    return plain(text) if "`" in text or "|" in text else f"`{' '.join(text.split())}`"


def link(text: str, to: str) -> Inline:
    """Return a link to a place of the page, or to another report: in Markdown to that in Markdown."""
    html = Markup('<a href="{}">{}</a>').format(to, text)
    other = to.removesuffix("html") + "md" if to.endswith(".html") else ""
    return Inline(html, f"[{plain(text)}]({other})" if other else plain(text))


def term(key: str, text: str = "") -> Inline:
    """Return a term of the glossary, for a template that does not know which; others write a link to it."""
    said = text or known()[key].name
    named = templating.without_link if _FILLING.get().still else templating.term
    return Inline(named(key, said), plain(said))


def small(text: object) -> Inline:
    """Return text in small print; in brackets in Markdown."""
    return Inline(Markup(" <small>{}</small>").format(text), f" ({plain(str(text))})")


def tag(text: str) -> Inline:
    """Return a short remark on what stands before it."""
    return Inline(Markup(' <span class="tag">{}</span>').format(text), f" ({plain(text)})")


def number(value: float | str | None, text: str, strong: bool = False, kind: str = "", title: str = "") -> Inline:
    """Return a figure with the value by which its column is sorted."""
    return _figure(text, strong, {"data-v": "" if value is None else str(value), "class": kind, "title": title})


def heat(text: str, share: float, kind: str = "", title: str = "", strong: bool = False) -> Inline:
    """Return the text of a cell that is coloured by a share from 0 to 1."""
    return _figure(text, strong, {"class": kind, "style": f"--w:{share:.3f}", "title": title})


def _figure(text: str, strong: bool, cell: Mapping[str, str]) -> Inline:
    found = {key: value for key, value in cell.items() if value or key == "data-v"}
    if strong:
        return Inline(Markup("<strong>{}</strong>").format(text), f"**{plain(text)}**", found)
    return Inline(escape(text), plain(text), found)


def shown(token: str, limit: int = 24) -> Inline:
    """Return a token for a narrow column."""
    html = narrow(token, limit)
    return Inline(html, plain(html.striptags()))


def explained(text: str) -> Inline:
    """Return the text of a model with definitions of its terms, and with 'quoted' tokens as code."""
    still = _FILLING.get().still
    html = templating.explained(text, templating.without_link if still else templating.term)
    parts = _QUOTED.split(text)
    return Inline(html, "".join(_quoted(part) if i % 2 else escaped(part) for i, part in enumerate(parts)))


def flagged(text: str) -> Inline:
    """Return a sentence with its options of the command line as code."""
    parts = templating.FLAG.split(text)
    return Inline(
        templating.flagged(text), "".join(_quoted(part) if i % 2 else escaped(part) for i, part in enumerate(parts))
    )
