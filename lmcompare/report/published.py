"""Published figures in words, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcompare.render import numbers


def published_figure(figure: float, unit: str) -> str:
    """Return a published figure, or the one of a run that is compared with it."""
    return numbers.perplexity(figure) if unit == "perplexity" else numbers.decimals(figure, 2)


def published_notes(results: Mapping[str, Any]) -> list[str]:
    """Return the notes of the published figures that are shown: each note once, with the names that it is about."""
    shown = [row for row in results["published"] if row["reason"] is None]
    notes: dict[str, list[str]] = {}
    for row in shown:
        if row["note"]:
            notes.setdefault(row["note"], []).append(row["name"])
    return [note if len(names) == len(shown) else f"{numbers.listed(names)}: {note}" for note, names in notes.items()]


def published_apart(results: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each reason why published figures are not shown."""
    reasons: dict[str, list[str]] = {}
    for row in results["published"]:
        if row["reason"] is not None:
            reasons.setdefault(row["reason"], []).append(row["name"])
    return [f"Not compared, because {reason}: {numbers.listed(names)}." for reason, names in reasons.items()]
