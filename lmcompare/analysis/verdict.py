"""Which model is best, how certainly, and which is far cheaper: the facts, without words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from lmcompare.analysis.comparison import Comparison, Difference
from lmcompare.analysis.leaderboard import Row

NEAR = 0.05  # a model within this share of the best one is nearly as good
AS_FAST = 0.1  # costs that differ by less than this share count as equal: one machine repeats no better
CHEAP = 20  # a model that trains this many times faster is far cheaper


@dataclass(frozen=True)
class Rival:
    """A ranked model and its difference from the best one, None where there are no intervals."""

    row: Row
    difference: Difference | None


@dataclass(frozen=True)
class Verdict:
    """The outcome of a run.

    Parameters
    ----------
    best : Row
        The ranked model with the fewest bits per byte.
    rivals : tuple of Rival
        The other ranked models, the best first.
    tied : tuple of Rival
        Those of them that are not significantly worse than the best.
    apart : tuple of (Row, Row), or None
        The pairs of tied models that differ significantly all the same, the better one first; None if not all pairs
        were compared.
    unstable : tuple of (str, float) or None
        Of the first two models, the one whose bits per byte vary more from seed to seed than the two differ, and the
        standard deviation of its seeds.
    far_cheaper : Row or None
        The best of the models that train at least ``CHEAP`` times faster than the best model.
    """

    best: Row
    rivals: tuple[Rival, ...]
    tied: tuple[Rival, ...]
    apart: tuple[tuple[Row, Row], ...] | None
    unstable: tuple[str, float] | None
    far_cheaper: Row | None


def much_less(cost: float, other: float) -> bool:
    """Whether a cost is clearly less than another, and not equal to it within ``AS_FAST``."""
    return cost < (1 - AS_FAST) * other


def verdict(rows: Sequence[Row], comparison: Comparison, *, timed: bool) -> Verdict | None:
    """Judge the ranked models of a leaderboard.

    Parameters
    ----------
    rows : sequence of Row
        The leaderboard.
    timed : bool
        Whether all models were trained on one machine, so that training times can be compared.

    Returns
    -------
    Verdict or None
        None if no model is ranked.
    """
    ranked = [row for row in rows if row.status == "ranked"]
    if not ranked:
        return None
    best, *rest = ranked
    rivals = tuple(Rival(row, comparison.difference(row.name, best.name)) for row in rest)
    times = {row.name: row.train_seconds for row in ranked if timed and row.train_seconds is not None}
    cheap = [row for row in rest if best.name in times and CHEAP * times.get(row.name, 1e99) <= times[best.name]]
    tied = tuple(rival for rival in rivals if rival.difference is None or not rival.difference.significant)
    pairs = list(combinations([rival.row for rival in tied], 2))  # in the order of their figures
    known = all(comparison.difference(one.name, other.name) is not None for one, other in pairs)
    return Verdict(
        best=best,
        rivals=rivals,
        tied=tied,
        apart=tuple(pair for pair in pairs if comparison.is_better(pair[0].name, pair[1].name)) if known else None,
        unstable=_unstable(best, rest[0]) if rest else None,
        far_cheaper=min(cheap, key=lambda row: row.bits, default=None),
    )


def _unstable(best: Row, second: Row) -> tuple[str, float] | None:
    spread, name = max((row.bits_per_byte_spread or 0.0, row.name) for row in (best, second))
    return (name, spread) if spread > second.bits - best.bits else None
