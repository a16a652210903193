"""Planned contrasts: how much each of several conditions differs from one baseline, with one correction for all.

``compare_models`` tests every pair of a run. An experiment asks fewer questions, so fewer corrections cost it power:
Holm's correction here is for the conditions of the experiment alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from lmcompare.analysis.comparison import over_seeds
from lmcompare.analysis.findings import Comparison, Row
from lmcompare.analysis.intervals import holm, over_trainings, ratio_bootstrap
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array

K = TypeVar("K")
ROUNDING = 1e-6  # of an amount: the accuracy of networks that compute with float32


@dataclass(frozen=True)
class Measured:
    """One condition, measured with S trainings on a text of U resampling units.

    Parameters
    ----------
    units : array of shape (U,)
        The amount in each unit, such as bits, averaged over the trainings.
    totals : array of shape (S,)
        The amount of the whole text for each training.
    """

    units: Array
    totals: Array

    @classmethod
    def of(cls, amounts: Array) -> Measured:
        """Return the condition whose (S, U) amounts are these."""
        return cls(amounts.mean(axis=0), amounts.sum(axis=1))

    def figure(self, sizes: Array) -> float:
        """Return the amount over the (U,) sizes of the units: bits per byte, say."""
        return float(self.units.sum() / sizes.sum())


@dataclass(frozen=True)
class Contrast(Row):
    """A row with the difference of one condition from the baseline.

    Its ``value`` is the ``figure`` of the condition minus that of the baseline: positive if the condition is worse,
    where less is better.

    Parameters
    ----------
    p_value : float
        The p-value of "there is no difference", without a correction.
    family : tuple of float
        The p-values that were corrected together.
    source : (Comparison, str) or None
        The comparison that it is a part of, and the condition's name there; None if it was computed otherwise.
    """

    p_value: float = 1.0
    family: tuple[float, ...] = field(default=(), repr=False)
    source: tuple[Comparison[Measured, Array], str] | None = field(default=None, repr=False, compare=False)

    @property
    def baseline(self) -> float:
        """The figure of the baseline."""
        return self.level - self.amount

    @classmethod
    def of(cls, name: str, figures: Iterable[float], p_value: float, **more: Any) -> Contrast:
        """Return the contrast with these ``value``, ``low``, ``high``, ``p_holm`` and ``figure``, None for NaN."""
        value, low, high, p_holm, figure = (number if math.isfinite(number) else None for number in figures)
        return cls(name, "", value, low, high, p_holm, figure, p_value=p_value, **more)


def corrected(found: Mapping[K, Contrast]) -> dict[K, Contrast]:
    """Return contrasts that were computed separately, with one correction for all."""
    family = tuple(each.p_value for each in found.values())
    return {
        key: replace(each, p_holm=float(p) if math.isfinite(p) else None, family=family)
        for (key, each), p in zip(found.items(), holm(np.array(family)), strict=True)
    }


def contrasts(baseline: Measured | None, others: Mapping[str, Measured], sizes: Array) -> dict[str, Contrast]:
    """Return the contrast of each condition with the baseline, by name, in the order given.

    Intervals and p-values cover the choice of the text, by a paired bootstrap over its units, and the trainings, if
    there are several: see ``lmcompare.analysis.intervals``.

    Parameters
    ----------
    baseline : Measured or None
        None for 0 in each unit.
    others : mapping of str to Measured
        The K conditions, measured on the same units.
    sizes : array of shape (U,)
        The size of each unit: its bytes or tokens.
    """
    if not others:
        return {}
    baseline = baseline or Measured.of(np.zeros((1, len(sizes))))
    found = [baseline, *others.values()]
    units = np.stack([each.units for each in found[1:]], axis=1) - baseline.units[:, None]  # (U, K)
    sampled = ratio_bootstrap(units, sizes[:, None].astype(np.float64))
    variances, trainings = zip(*(over_seeds(each.totals, float(sizes.sum())) for each in found), strict=True)
    squares, freedom = over_trainings(np.array(variances), np.array(trainings))
    sampled = sampled.with_trainings(np.sqrt(squares[1:] + squares[0]), freedom)
    figures = [each.figure(sizes) for each in found[1:]]
    p = sampled.p_values()
    columns = np.stack([sampled.estimate, *sampled.interval(), holm(p), figures], axis=1)
    comparison = Comparison({name: (baseline, each) for name, each in others.items()}, sizes)
    family = tuple(p.tolist())
    return {
        name: Contrast.of(name, row, p_value, family=family, source=(comparison, name))
        for name, row, p_value in zip(others, columns.tolist(), family, strict=True)
    }


def apart(tests: Mapping[str, tuple[Measured | None, Measured, Array]]) -> dict[str, Contrast]:
    """Return contrasts of pairs of conditions, each with sizes of its own, with one correction for all, by name."""
    return corrected(
        {name: contrasts(base, {name: other}, sizes)[name] for name, (base, other, sizes) in tests.items()}
    )


def of_same_trainings(pairs: Mapping[str, tuple[Measured, Measured]], sizes: Array) -> dict[str, Contrast]:
    """Return by name how much the second condition of each pair differs from the first, with the same trained models.

    As ``contrasts``, but the variation over trainings is that of the paired differences: variation that both
    conditions of a pair share does not count. The variances of all pairs are pooled, so give together only pairs with
    the same change.

    Parameters
    ----------
    pairs : mapping of str to pair of Measured
        With the trainings in the same order.
    sizes : array of shape (U,)
    """
    lost = {
        name: Measured(_less(after.units, before.units), _less(after.totals, before.totals))
        for name, (before, after) in pairs.items()
    }
    found = contrasts(None, lost, sizes)
    comparison = Comparison(pairs, sizes, same_trainings=True)
    return {
        name: replace(each, figure=pairs[name][1].figure(sizes), source=(comparison, name))
        for name, each in found.items()
    }


def _less(after: Array, before: Array) -> Array:
    """Return the differences, 0 where they are rounding."""
    difference = after - before
    return np.where(np.abs(difference) <= ROUNDING * np.abs(before), 0.0, difference)


_FORMS = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")


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
            untold.append(row.spoken)
        elif max(-row.low, row.high) <= small:
            tiny.append(row.spoken)
        else:
            excludes_zero = row.low > 0 or row.high < 0
            interval = f"{row.spoken} ({numbers.signed(row.low)} to {numbers.signed(row.high)})"
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
    return [f"{row.spoken} ({numbers.bits_per_byte(abs(row.amount))})" for row in found]
