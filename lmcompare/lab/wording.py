"""Sentences on measured rows, which the answers of several experiments share."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lmcompare.lab.contract import Row
from lmcompare.render import numbers

_FORMS = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")


def below(found: Row, bound: float) -> bool | None:
    """Return whether an amount is below a bound; None if its interval does not decide it."""
    # if the text is too short for intervals, only the value decides
    low, high = (found.amount if end is None else end for end in (found.low, found.high))
    return True if high < bound else False if low > bound else None


def above(found: Row, bound: float) -> bool | None:
    """Return whether an amount is above a bound; None if its interval does not decide it."""
    is_below = below(found, bound)
    return None if is_below is None else not is_below


def all_of(claims: Iterable[bool | None]) -> bool | None:
    """Return whether all claims hold: False if one does not, otherwise None if one is open."""
    found = list(claims)
    return False if False in found else None if None in found else True


def listing(template: str, items: list[str]) -> str:
    """Return a sentence that lists some items, "" if there are none.

    Parameters
    ----------
    template : str
        With "{}" for the list, and "[is|are]" for the forms of one item and of several.
    items : list of str
    """
    form = 1 if len(items) == 1 else 2
    return _FORMS.sub(lambda forms: forms[form], template).format(numbers.listed(items)) if items else ""


def answer(*sentences: str) -> str:
    """Return sentences as one text, without those that are empty."""
    return " ".join(filter(None, sentences))


def inside(row: Row) -> str:
    """Return the name of a row as it is written inside a sentence: without its capital letter, but "ALiBi"."""
    return row.name if row.name[1:2].isupper() else row.name[:1].lower() + row.name[1:]


def without_effect(rows: Iterable[Row], small: float, unit: str) -> list[str]:
    """Return sentences on the rows whose effects may be chance.

    Parameters
    ----------
    rows : iterable of Row
        Rows with an effect are left out.
    small : float
        An effect whose interval lies between -small and small is called smaller than that.
    unit : str
        The unit of the rows.
    """
    tiny: list[str] = []
    corrected: list[str] = []
    uncertain: list[str] = []
    untold: list[str] = []
    for row in rows:
        if row.found:
            continue
        if row.low is None or row.high is None:
            untold.append(inside(row))
        elif max(-row.low, row.high) <= small:
            tiny.append(inside(row))
        else:
            excludes_zero = row.low > 0 or row.high < 0
            interval = f"{inside(row)} ({numbers.signed(row.low)} to {numbers.signed(row.high)})"
            (corrected if excludes_zero else uncertain).append(interval)
    possible = "Possible, but not significant after Holm's correction for several tests"
    said = (
        listing(f"The [effect|effects] of {{}} [is|are each] smaller than {small:g} {unit}.", tiny),
        listing(f"{possible}: the [effect|effects] of {{}}.", corrected),
        listing("Too uncertain to tell: the [effect|effects] of {}.", uncertain),
        listing("The text is too short to tell the [effect|effects] of {}.", untold),
    )
    return [*filter(None, said)]


def effects(rows: Iterable[Row], sign: int) -> list[str]:
    """Return the names and amounts of the rows whose effects have this sign, the largest first."""
    found = sorted((row for row in rows if row.found and sign * row.amount > 0), key=lambda row: -abs(row.amount))
    return [f"{inside(row)} ({numbers.bits_per_byte(abs(row.amount))})" for row in found]
