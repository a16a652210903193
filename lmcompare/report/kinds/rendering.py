"""What the renderer of a kind of exhibit gives."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Rendering:
    """``html`` for the page; ``reading``: one sentence made from the numbers that reads it; ``markdown``: the same
    as far as Markdown goes (may be empty); ``svg``: the drawing, where there is one, for a file of its own.
    """

    html: Markup
    reading: str
    markdown: str = ""
    svg: Markup | None = None
