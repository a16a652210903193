"""Lists and shares as the sentences of the analysis write them."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """Return "a", "a and b", "a, b and c"; there must be a name."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def percent(share: float, places: int = 0) -> str:
    """Return a share of one as percent."""
    return f"{100 * share:.{places}f} %"
