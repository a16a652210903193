"""The Jinja templates and their helpers; values are escaped, and a missing name is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from lmcompare.render import numbers
from lmcompare.render.charts import svg
from lmcompare.render.definitions import TERMS, known, words
from lmcompare.render.titles import spoken
from lmcompare.render.tokens import shown, visible

FLAG = re.compile(r"(--[a-z]+(?: (?:[a-z]+=)?[\d.,…]*[\d…])?)")
_SPARE = re.compile(r"^(?:[ \t]*//.*\n|[ \t]+)", re.MULTILINE)

NUMBERS = (
    *("perplexity", "bits_per_byte", "bits", "count", "percent", "probability", "short", "size", "seconds"),
    *("amount", "microseconds", "tidy", "decimals", "signed", "p_value", "plural", "listed"),
)


@cache
def environment(package: str = "lmcompare.report") -> Environment:
    """Return the environment of the templates of a package, in its folder ``templates``, and of those of all."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(each) for each in (package, "lmcompare.render")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in NUMBERS:
        made.filters[name] = getattr(numbers, name)
    made.filters |= {"spoken": spoken, "visible": visible, "shown": shown, "embedded": embedded, "flagged": flagged}
    made.filters["explained"] = explained
    made.globals |= {"hue": svg.hue, "term": term, "chip": chip, "titled": titled, "terms": TERMS}
    return made


def fill(template: str, /, package: str = "lmcompare.report", **context: Any) -> Markup:
    """Return a template with these values.

    Parameters
    ----------
    template : str
        The template's path in the package's folder ``templates``, without ``.html.j2``.
    package : str, default="lmcompare.report"
        The package that brings the template.
    **context : object
        The values of the template's names; text in them is escaped.
    """
    return Markup(environment(package).get_template(f"{template}.html.j2").render(**context))


def asset(name: str, package: str = "") -> str:
    """Return the text of a style sheet or script, without indentation and lines of comment.

    ``package``: the one in whose folder it lies; "" for one of the report's own ``assets``.
    """
    place = files(package).joinpath(name) if package else files("lmcompare.report").joinpath("assets", name)
    return _SPARE.sub("", place.read_text("utf-8"))


def embedded(value: Any) -> Markup:
    """Return JSON for ``<script type="application/json">``, in which nothing can close the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def term(key: str, text: str = "") -> Markup:
    """Return a term with its definition as a tooltip and a link to the glossary."""
    found = known()[key]
    return Markup('<a class="term" href="#term-{}" title="{}">{}</a>').format(
        key, f"{found.definition} Unit: {found.unit}." if found.unit else found.definition, text or found.name
    )


def without_link(key: str, text: str = "") -> Markup:
    """Return a term as text alone."""
    return escape(text or known()[key].name)


def explained(text: str, named: Callable[[str, str], Markup] = term) -> Markup:
    """Return the text of a model with definitions of its terms, each once, and with 'quoted' tokens as code.

    In quotation marks, a punctuation mark would be hard to read. ``named``: how a term is shown, as in ``term``.
    """
    parts: list[Markup] = []
    at, met, keys = 0, set(), words()
    names = "|".join(map(re.escape, sorted(keys, key=len, reverse=True)))
    for found in re.finditer(rf"(?<![\w-])(?P<term>{names})(?![\w-])|(?<!\w)'(?P<token>[^']+)'(?!\w)", text):
        parts.append(escape(text[at : found.start()]))
        at = found.end()
        key = keys.get(found["term"] or "")
        if key is None:
            parts.append(Markup("<code>{}</code>").format(found["token"]))
        else:
            parts.append(escape(found[0]) if key in met else named(key, found[0]))
            met.add(key)
    return Markup("").join([*parts, escape(text[at:])])


def flagged(text: str) -> Markup:
    """Return a sentence with its options of the command line, such as --match seconds=60, as code."""
    parts = FLAG.split(text)
    return Markup("").join(
        Markup('<code class="flag">{}</code>').format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def chip(name: str, index: int, family: str = "m") -> Markup:
    """Return a model's name with its mark; ``family`` "g" is for a group within an exhibit."""
    mark = svg.marker(index, 7, 7, family=family)
    return Markup(
        '<span class="chip {}"><svg class="key" viewBox="0 0 14 14" aria-hidden="true">{}</svg>{}</span>'
    ).format(svg.hue(index, family), mark, Markup("<bdi>{}</bdi>").format(name))


def remarks(model: Any, unranked: Sequence[str]) -> list[str]:
    """Return what is said beside the title of a model that is not ranked; nothing of the others."""
    if model.name not in unranked:
        return []
    return ["not ranked", *(() if model.entry.traits.get("normalised", True) else ("scores, not probabilities",))]


def titled(model: Any, unranked: Sequence[str] = (), full: bool = False) -> Markup:
    """Return the title of a model with its mark, and remarks if it is not ranked."""
    tags = (Markup(' <span class="tag">{}</span>').format(each) for each in remarks(model, unranked))
    return chip(model.full if full else model.title, model.index) + Markup("").join(tags)


def anchor(name: str) -> str:
    """Return the name as part of an id: letters, digits and hyphens, other characters as their code."""
    return "".join(c if c.isascii() and c.isalnum() else f"-{ord(c):x}" if c not in "-_ " else "-" for c in name)
