"""The kinds of exhibit by which a model explains itself.

The report draws each kind in one way and knows no model by name: a new plug-in reuses these kinds; a new kind is a
dataclass here and a renderer in the report. All values are plain Python, so that they are stored as JSON.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from lmcompare.errors import LmcompareError

Floats = tuple[float, ...]
Panels = tuple[tuple[tuple[float | None, ...], ...], ...]


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """What all kinds share: a title and a note, one or two sentences that tell the reader what is to be seen."""

    kind: ClassVar[str] = ""
    title: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Heatmap(Exhibit):
    """One or more maps of R rows by C columns over the same labels: attention weights, one panel a head.

    ``values``: panel → row → column; None where there is nothing to show (the masked future). ``steps``: how each
    value came about and what comes of it: (what is computed, panel → row → column), shown for one row at a time.
    ``opens``: the panel and the row shown first; without it, the first panel and the last row.
    """

    kind: ClassVar[str] = "heatmap"
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    panels: tuple[str, ...]
    values: Panels
    row_axis: str = ""
    column_axis: str = ""
    steps: tuple[tuple[str, Panels], ...] = ()
    opens: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Neighbours(Exhibit):
    """Words and the words nearest to them, with their similarity (cosine, 1 is the same direction)."""

    kind: ClassVar[str] = "neighbours"
    words: tuple[str, ...]
    neighbours: tuple[tuple[str, ...], ...]
    similarities: tuple[Floats, ...]


@dataclass(frozen=True, kw_only=True)
class BackoffStep:
    """How an n-gram model came to the probability of one token.

    ``contexts``: the words looked up, from the empty context to the longest one tried; ``counts``: how often each
    context followed by the token was counted (a continuation count below the highest order); ``probabilities``: the
    interpolated probability at each order; ``matched``: the longest order (1 is the unigram) seen in training.
    """

    token: str
    matched: int
    contexts: tuple[str, ...]
    counts: tuple[int, ...]
    probabilities: Floats


@dataclass(frozen=True, kw_only=True)
class BackoffTrace(Exhibit):
    """The orders that matched along a passage and how the model backed off at each token.

    ``counted``: what the counts are, where they are not how often context and token stand in training.
    """

    kind: ClassVar[str] = "backoff"
    steps: tuple[BackoffStep, ...]
    counted: str = ""


@dataclass(frozen=True, kw_only=True)
class Map2D(Exhibit):
    """Labelled points in the plane; ``groups`` names the colour of each (may be empty)."""

    kind: ClassVar[str] = "map"
    labels: tuple[str, ...]
    x: Floats
    y: Floats
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Curve(Exhibit):
    """Lines over a shared kind of x: learning curves, for one."""

    kind: ClassVar[str] = "curve"
    names: tuple[str, ...]
    x: tuple[Floats, ...]
    y: tuple[Floats, ...]
    x_axis: str = ""
    y_axis: str = ""


@dataclass(frozen=True, kw_only=True)
class Bars(Exhibit):
    """Labelled amounts in one unit."""

    kind: ClassVar[str] = "bars"
    labels: tuple[str, ...]
    values: Floats
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkedEquation(Exhibit):
    """The equation of a model, its meaning in words, and the same equation with the trained model's own numbers.

    Parameters
    ----------
    equation : str
        The equation in LaTeX, in display style, without ``$`` signs. ``latex_lines`` puts several equations below
        each other; ``latex_text`` escapes a word for use in an equation.
    saying : str
        What the equation means, in one to three sentences.
    lines : tuple of (str, float), default=()
        Each quantity of the equation and its value in the trained model.
    plain : str, default=""
        The equation as one line of text. Needed only if ``equation`` is presentation MathML (``<math>…</math>``).
    """

    kind: ClassVar[str] = "equation"
    equation: str
    plain: str = ""
    saying: str
    lines: tuple[tuple[str, float], ...] = ()


_LATEX = {  # characters that LaTeX reads as commands
    "\\": r"\backslash",
    "^": r"\hat{}",
    "~": r"\sim",
    "<": r"\lt",
    ">": r"\gt",
    **{sign: f"\\{sign}" for sign in "{}%#$&_"},
}


def latex_text(words: str) -> str:
    r"""Return a LaTeX expression that shows any words as they are written.

    Parameters
    ----------
    words : str
        Any text, for example a token. White space becomes one space; characters that cannot be seen (control
        characters and marks that change the direction of writing) become U+FFFD.

    Returns
    -------
    str
        An expression in braces, to be used in math mode: ``"a_b"`` becomes ``{\text{a}\_\text{b}}``.
    """
    shown = "".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in " ".join(words.split()))
    parts = re.findall(r"[\\^~<>{}%#$&_]|[^\\^~<>{}%#$&_]+", shown)
    return "{" + "".join(_LATEX.get(part) or rf"\text{{{part}}}" for part in parts) + "}"


def latex_lines(*equations: str) -> str:
    r"""Return equations below each other, aligned at the ``&`` in each: ``latex_lines("a &= b", "c &= d")``."""
    return r"\begin{split} " + r" \\ ".join(equations) + r" \end{split}"


KINDS: dict[str, type[Exhibit]] = {
    k.kind: k for k in (Heatmap, Neighbours, BackoffTrace, Map2D, Curve, Bars, WorkedEquation)
}


def to_json(exhibit: Exhibit) -> dict[str, Any]:
    """Return the exhibit as a JSON-able table with its ``kind``."""
    return {"kind": exhibit.kind, **asdict(exhibit)}


def from_json(table: Mapping[str, Any]) -> Exhibit:
    """Return the exhibit that ``to_json`` stored. Raises ``LmcompareError`` for an unknown kind or wrong fields."""
    fields = dict(table)
    kind = str(fields.pop("kind", ""))
    if kind not in KINDS:
        raise LmcompareError(f"unknown kind of exhibit '{kind}': it was written by another version of lmcompare")
    try:
        if kind == BackoffTrace.kind:
            fields["steps"] = [BackoffStep(**{k: _tupled(v) for k, v in step.items()}) for step in fields["steps"]]
        return KINDS[kind](**{name: _tupled(value) for name, value in fields.items()})
    except (TypeError, KeyError, AttributeError) as error:
        raise LmcompareError(f"an exhibit of kind '{kind}' does not have these fields: {error}") from None


def _tupled(value: Any) -> Any:
    return tuple(_tupled(v) for v in value) if isinstance(value, list) else value
