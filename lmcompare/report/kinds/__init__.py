"""Renderers: how the report draws each kind of exhibit.

A renderer is a function that takes an exhibit and returns a ``Rendering``: an entry point in the group
``lmcompare.renderers`` with the name of the kind. The report knows kinds and never models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from lmcompare.errors import LmcompareError, PluginError, what_went_wrong
from lmcompare.exhibits import KINDS, Exhibit, from_json, problem_with
from lmcompare.processes import JunkError, call
from lmcompare.registry import Registry
from lmcompare.report.markdown import from_html, plain, table
from lmcompare.report.templating import fill

SECONDS = 20.0  # for drawing an exhibit of another package's kind
LONGEST_TITLE = 200  # characters of the title of an exhibit that cannot be drawn


@dataclass(frozen=True)
class Rendering:
    """An exhibit as the report shows it.

    Parameters
    ----------
    html : Markup
        The exhibit for the page. An element of the class ``wide`` gets the full width of the page.
    reading : str, default=""
        One sentence on what the numbers of the exhibit show and the drawing does not say.
    markdown : str, default=""
        The exhibit for the Markdown report; by default what ``html`` says, unless there is a drawing.
    svg : Markup or None, default=None
        The drawing, if there is one; it is stored as a file.
    """

    html: Markup
    reading: str = ""
    markdown: str = ""
    svg: Markup | None = None

    def __post_init__(self) -> None:
        if not self.markdown and self.svg is None:
            object.__setattr__(self, "markdown", from_html(self.html)[0])


Renderer = Callable[[Any], Rendering]


def _checked(found: Any, name: str) -> Renderer:
    if not callable(found):
        raise PluginError(f"'{name}' is not a renderer: make it a function of an exhibit that returns a Rendering")
    renderer: Renderer = found
    return renderer


RENDERERS: Registry[Renderer] = Registry("lmcompare.renderers", "renderer", _checked)


def render(exhibit: Exhibit) -> Rendering:
    """Return an exhibit as HTML and Markdown.

    Raises
    ------
    LmcompareError
        If anything is wrong with the exhibit, if no installed package has a renderer for its kind, or if the renderer
        returns no ``Rendering``.
    """
    if problem := problem_with(exhibit):
        raise LmcompareError(problem)
    return _drawn(exhibit)


def render_stored(stored: Mapping[str, Any]) -> tuple[str, str, Rendering]:
    """Return title, note and rendering of an exhibit of ``exhibits.json``.

    Exhibits come from anybody's plug-ins. If one cannot be drawn, the report has a sentence that says why in its
    place. A kind that is not lmcompare's own is drawn in a process of its own.
    """
    try:
        if isinstance(kind := stored.get("kind"), str) and _is_of_others(kind):
            return _parts(call(f"{__name__}:parts_of", dict(stored), seconds=SECONDS))
        exhibit = from_json(stored)
        return exhibit.title, exhibit.note, _drawn(exhibit)
    except LmcompareError as error:
        why = str(error)
    except Exception as error:  # a plug-in's renderer
        why = what_went_wrong(error)
    title = stored.get("title")
    title = title[:LONGEST_TITLE] if isinstance(title, str) and title.strip() else "Untitled exhibit"
    return title, "", Rendering(fill("kinds/broken", why=why))


@cache
def _is_of_others(kind: str) -> bool:
    """Return whether another package brings a kind of exhibit or its renderer."""
    return any(kind in each.installed() and not each.is_built_in(kind) for each in (KINDS, RENDERERS))


def parts_of(_: object, stored: Mapping[str, Any]) -> list[str | None]:
    """Return what ``render_stored`` returns, as texts; runs in a process of its own."""
    exhibit = from_json(stored)
    drawn = _drawn(exhibit)
    return [exhibit.title, exhibit.note, drawn.html, drawn.reading, drawn.markdown, drawn.svg]


def _parts(found: object) -> tuple[str, str, Rendering]:
    match found:
        case [str(title), str(note), str(html), str(reading), str(markdown), str() | None as svg]:
            drawing = None if svg is None else Markup(svg)
            return title, note, Rendering(Markup(html), reading, markdown, drawing)
    raise JunkError(str(found)[:80])


def _drawn(exhibit: Exhibit) -> Rendering:
    rendering = _renderer(exhibit.kind)(exhibit)
    if not isinstance(rendering, Rendering):
        raise LmcompareError(f"the renderer of the kind '{exhibit.kind}' returned no Rendering")
    return rendering


@cache
def _renderer(kind: str) -> Renderer:
    if kind not in RENDERERS.installed():
        raise LmcompareError(
            f"no installed package has a renderer for the kind '{kind}': install one with an entry point in the group"
            f" '{RENDERERS.group}'"
        )
    return RENDERERS.resolve(kind)


__all__ = ["RENDERERS", "Renderer", "Rendering", "fill", "plain", "render", "render_stored", "table"]
