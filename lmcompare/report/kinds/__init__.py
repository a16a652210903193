"""One renderer for each kind of exhibit; the report knows kinds, never models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Exhibit, from_json
from lmcompare.report.kinds import backoff, bars, curve, equation, heatmap, map2d, neighbours
from lmcompare.report.kinds.rendering import Rendering
from lmcompare.report.markdown import plain
from lmcompare.report.templating import fill

RENDERERS: dict[str, Callable[[Any], Rendering]] = {
    "heatmap": heatmap.render,
    "neighbours": neighbours.render,
    "backoff": backoff.render,
    "map": map2d.render,
    "curve": curve.render,
    "bars": bars.render,
    "equation": equation.render,
}


def render(exhibit: Exhibit) -> Rendering:
    """Return the exhibit as HTML and Markdown. Raises ``LmcompareError`` for a kind without a renderer."""
    if exhibit.kind not in RENDERERS:
        raise LmcompareError(f"the report cannot draw an exhibit of kind '{exhibit.kind}'")
    return RENDERERS[exhibit.kind](exhibit)


def render_stored(stored: Mapping[str, Any]) -> tuple[str, str, Rendering]:
    """Return title, note and rendering of an exhibit as it lies in ``exhibits.json``.

    Exhibits come from plug-ins of anybody: one that can't be drawn must not cost the reader the report, so it is
    replaced by a sentence that says why.
    """
    title = str(stored.get("title") or "Untitled exhibit")
    try:
        exhibit = from_json(stored)
        return exhibit.title, exhibit.note, render(exhibit)
    except Exception as error:
        why = str(error) if isinstance(error, LmcompareError) else f"{type(error).__name__}: {error}"
        said = f"This exhibit could not be drawn: {why}."
        return title, "", Rendering(fill("kinds/broken", why=why), "", plain(said))


__all__ = ["RENDERERS", "Rendering", "render", "render_stored"]
