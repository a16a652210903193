"""The conformance check of a kind of exhibit: its class and its drawing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

from lmcompare.exhibits import Exhibit, draw, draw_stored, from_json, problem_with, to_json

HOSTILE = "</script></style><planted onclick='f()'><script>f()</script>\"'&`|"  # put into every text of the sample


def check_exhibit_kind(sample: Exhibit, faulty: Sequence[Exhibit]) -> None:
    """Check a kind of exhibit whose entry point is installed.

    Parameters
    ----------
    sample : Exhibit
        A well-formed exhibit of the kind, with a value in every field.
    faulty : sequence of Exhibit
        Exhibits of the kind with one planted fault each, for every rule of its ``problem`` method.

    Raises
    ------
    AssertionError
        If the sample has a problem or differs after it was stored as JSON, if a fault is not found, or if the
        drawing shows nothing, no Markdown or SVG, a script, or text of the exhibit as markup.
    LmcompareError
        If the kind is not installed, or returns no drawing.
    """
    name = f"the kind '{sample.kind}'"
    problem = problem_with(sample)
    assert not problem, f"{name}: the sample has a problem: {problem}"
    stored = json.loads(json.dumps(to_json(sample), allow_nan=False))
    assert from_json(stored) == sample, f"{name}: the sample differs after JSON: use tuples, not lists"
    assert faulty, f"{name}: plant a fault for every rule of its problem method"
    for exhibit in (*faulty, *_faulty_fields(sample)):
        assert problem_with(exhibit), f"{name}: the fault of {exhibit} is not found"
        if exhibit in faulty:
            _, _, broken = draw_stored(to_json(exhibit))
            assert "could not be drawn" in broken.markdown, f"{name}: {exhibit} is drawn in spite of its fault"
    drawing = draw(sample)
    assert drawing.html.strip(), f"{name}: its drawing has no HTML"
    assert drawing.markdown.strip() or drawing.svg, f"{name}: its drawing has no Markdown and no SVG"
    hostile = _with_texts(sample, HOSTILE)
    if not problem_with(hostile):  # a kind may restrict its texts
        drawing = draw(hostile)
    for part in (drawing.html, drawing.svg or ""):
        markup = "; ".join(_markup(str(part)))
        assert not markup, f"{name}: text of the exhibit, or a script, is markup on the page: {markup}"
    bare = re.sub(r"(`+)[^`].*?\1", "", drawing.markdown, flags=re.DOTALL)  # without code
    assert not re.search(r"(?<!\\)<", bare), f"{name}: the Markdown has text that is not escaped (see plain)"


def _faulty_fields(sample: Exhibit) -> Iterator[Exhibit]:
    yield replace(sample, title=" ")
    yield replace(sample, note="x" * 100 * (sample.most + 1))
    for field in fields(sample):
        yield replace(sample, **{field.name: object()})  # type: ignore[arg-type]


def _with_texts(value: Any, text: str) -> Any:
    """Return a value with every text in it replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(_with_texts(each, text) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _with_texts(getattr(value, f.name), text) for f in fields(value) if f.init})
    return value


def _markup(html: str) -> list[str]:
    """Return what HTML contains that no exhibit may bring to the page."""
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            data = tag == "script" and ("type", "application/json") in attrs
            if tag in ("planted", "iframe", "object", "embed", "link", "base") or (tag == "script" and not data):
                found.append(f"<{tag}>")
            for key, value in attrs:
                address = (value or "").strip().lower()
                outside = key in ("src", "href", "action") and not address.startswith(("data:image/", "#"))
                if key.startswith("on") or outside:
                    found.append(f"<{tag} {key}>")

    parser = Parser()
    parser.feed(html)
    parser.close()
    return found
