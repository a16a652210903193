"""Sentences on measured rows, which the answers of several experiments share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lmcompare.lab.contract import Row
from lmcompare.report import numbers

Named = Callable[[Row], str]


def inside(row: Row) -> str:
    """Return the name of a row as it is written inside a sentence."""
    return row.name[:1].lower() + row.name[1:]


def without_effect(rows: Iterable[Row], small: float, named: Named = inside) -> list[str]:
    """Return sentences on the rows whose effects may be chance.

    Parameters
    ----------
    rows : iterable of Row
        Of which those with an effect are left out.
    small : float
        The margin, in the unit of the rows. If the interval of a row reaches farther from zero than this, there may
        well be an effect: it is called unclear.
    named : callable
        Gives the name of a row inside a sentence.
    """
    nothing: list[str] = []
    unclear: list[str] = []
    for row in rows:
        if row.found:
            continue
        if row.low is None or row.high is None or max(-row.low, row.high) <= small:
            nothing.append(named(row))
        else:
            unclear.append(f"{named(row)} ({numbers.signed(row.low)} to {numbers.signed(row.high)})")
    said = [f"No effect of {small:g} or more was found: {numbers.listed(nothing)}."] if nothing else []
    if unclear:
        effect = "effect" if len(unclear) == 1 else "effects"
        said.append(f"Unclear: the {effect} of {numbers.listed(unclear)}.")
    return said


def effects(rows: Iterable[Row], sign: int, named: Named = inside) -> list[str]:
    """Return the names and amounts of the rows whose effects have this sign, the largest first."""
    found = sorted((row for row in rows if row.found and sign * row.amount > 0), key=lambda row: -abs(row.amount))
    return [f"{named(row)} ({numbers.bits_per_byte(abs(row.amount))})" for row in found]
