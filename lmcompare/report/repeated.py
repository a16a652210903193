"""What is said of test text that also occurs in the training or validation text: the more of it, the louder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lmcompare.analysis.intervals import MOST
from lmcompare.analysis.leaderboard import Row
from lmcompare.render import numbers
from lmcompare.render.titles import spoken
from lmcompare.report.verdict import Titles

REPEATED = "is also training or validation text"
LEAST = 0.0005  # of the test text: less is shown as 0.0 %
MUCH = 0.1  # of the test text: with more, the title begins with it


def with_repeated(title: str, results: Mapping[str, Any]) -> str:
    """Return the title of a run with how much of the test text was left out, if any of it was."""
    found = results["repeated_text"]["test"]
    if found["share"] > MOST:
        return f"No ranking: {_share(found)} of the test text {REPEATED}"
    if not found["left_out"]:
        return title
    if found["share"] < MUCH:
        return f"{title}, without the {_share(found)} of the test text that {REPEATED}"
    rest = title[:1].lower() + title[1:] if title.startswith(("The ", "This ", "No ")) else title
    return f"{_share(found)} of the test text {REPEATED}; on the rest, {rest}"


def repeated_note(results: Mapping[str, Any], rows: Sequence[Row], title: Titles) -> list[str]:
    """Return how much of the test text also occurs in earlier text, and what it changes; nothing if nothing does."""
    found = results["repeated_text"]["test"]
    if found["share"] < LEAST:
        return []
    said = (
        f"{_share(found)} of the test text, in {numbers.count(found['documents'])} of"
        f" {numbers.plural(found['of'], 'document')}, also occurs in the training or validation text"
    )
    why = "a model that memorises its training text knows such text"
    if found["share"] > MOST:
        return [f"{said}, so no model is ranked: {why}."]
    if not found["left_out"]:
        return [f"{said}: too little to change a rank."]
    ranked = [row for row in rows if row.status == "ranked"]
    if not ranked:
        return [f"{said}. Figures are those of the rest, since {why}."]
    with_it = min(ranked, key=lambda row: math.inf if row.bits_per_byte is None else row.bits_per_byte)
    whose = "" if with_it is ranked[0] else f" that of {spoken(title(with_it.name))},"
    changed = f"With it, the lowest figure is{whose} {numbers.bits_per_byte(with_it.bits_per_byte)} bits per byte"
    if len(ranked) == 1:
        return [f"{said}. The figure is that of the rest, since {why}. {changed.replace('lowest ', '')}."]
    same = ", of the same model" if with_it is ranked[0] else ""
    return [f"{said}. The models are compared without it, since {why}. {changed}{same}."]


def of_all_of_it(results: Mapping[str, Any]) -> list[str]:
    """Return which figures of a page are not without the repeated text; nothing if none is left out."""
    if not results["repeated_text"]["test"]["left_out"]:
        return []
    return [
        "Figures by amount of text, by group of tokens and by token are those of all of the test text, the repeated"
        " part included."
    ]


def _share(found: Mapping[str, Any]) -> str:
    return numbers.percent(found["share"], 1 if found["share"] < MUCH else 0)
