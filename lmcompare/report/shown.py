"""Which models a report shows in full: a page with all of very many would be too large to load and to read."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lmcompare.analysis.leaderboard import ORDER, Row

MOST_SHOWN = 30  # models of a status; the best of each kind and the cheapest are added
COSTS = ("processor_seconds", "microseconds_per_token", "peak_memory_bytes", "parameters")


def shown(rows: Sequence[Row]) -> frozenset[str]:
    """Return the names of the models that are shown in full.

    These are all, or of more than ``MOST_SHOWN`` of a status the best, the best of each plug-in and, for each cost,
    the cheapest.

    Parameters
    ----------
    rows : sequence of Row
        The leaderboard, the best models of each status first.
    """
    found: set[str] = set()
    for status in ORDER:
        of_status = [row for row in rows if row.status == status]
        found.update(row.name for row in of_status[:MOST_SHOWN])
        if len(of_status) > MOST_SHOWN:
            best_of = {row.plugin: row.name for row in reversed(of_status)}
            found.update(best_of.values())
            for cost in COSTS:
                cheapest = min(of_status, key=lambda row: _or_infinity(getattr(row, cost)))
                found.add(cheapest.name)
    return frozenset(found)


def _or_infinity(value: float | None) -> float:
    return math.inf if value is None else value
