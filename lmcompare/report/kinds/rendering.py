"""The result of drawing an exhibit."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Rendering:
    """An exhibit as the report shows it.

    Parameters
    ----------
    html : Markup
        The exhibit for the page. An element of the class ``wide`` gets the full width of the page.
    reading : str
        One sentence, made from the numbers, that tells the reader what the exhibit shows; "" if there is none.
    markdown : str, default=""
        The exhibit for the Markdown report, as far as Markdown can show it.
    svg : Markup or None, default=None
        The drawing, if there is one; it is stored as a file.
    """

    html: Markup
    reading: str
    markdown: str = ""
    svg: Markup | None = None
