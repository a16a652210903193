"""The contrasts of stored findings, computed again from the file alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

RESAMPLES = 4_000
ENOUGH = 10  # units: with fewer, a quantile of the resamples jumps


def check_contrasts(findings: dict[str, Any]) -> int:
    """Compare each contrast of a findings file with what its evidence gives, and return how many there are.

    The estimate must be the same. Interval and p-value come from other random numbers, so they are the same up to
    the error of a simulation.
    """
    evidence = findings["evidence"]
    for t, r, number, name, p_value, family in evidence["rows"]:
        row, comparison = findings["tables"][t]["rows"][r], evidence["comparisons"][number]
        where = f"{findings['name']}: {row['name']}"
        sizes = np.array(evidence["sizes"][comparison["sizes"]])
        pairs = {
            each: tuple(evidence["amounts"][amounts] for amounts in numbers)
            for each, numbers in comparison["pairs"].items()
        }
        same = comparison["same_trainings"]
        lost = {each: subtracted(other["units"], one["units"], same=same) for each, (one, other) in pairs.items()}
        value = lost[name].sum() / sizes.sum()
        assert math.isclose(row["value"], value, rel_tol=1e-6, abs_tol=1e-6), where
        error, freedom = trainings_error(pairs, name, sizes.sum(), same=same)
        if len(sizes) >= ENOUGH and row["low"] is not None and row["low"] not in (0.0, 1.0):
            half, p = half_and_p(lost[name], sizes, error, freedom)
            assert math.isclose(row["value"] - row["low"], half, rel_tol=0.15, abs_tol=1e-6), where
            assert abs(p - p_value) < 0.03, where
        if row["p_holm"] is not None:
            smallest = sorted(family)
            stepped = [min(1.0, each * (len(smallest) - i)) for i, each in enumerate(smallest)]
            assert math.isclose(row["p_holm"], max(stepped[: smallest.index(p_value) + 1]), rel_tol=1e-9), where
    return len(evidence["rows"])


def subtracted(after: list[float], before: list[float], *, same: bool) -> Any:
    """Differences; of the same trained model, 0 up to a millionth of the amount, the accuracy of float32."""
    found = np.subtract(after, before)
    return np.where(np.abs(found) <= 1e-6 * np.abs(before), 0.0, found) if same else found


def trainings_error(pairs: dict[str, Any], name: str, size: float, *, same: bool) -> tuple[float, int]:
    """The standard error over trainings of one condition's difference, and its degrees of freedom."""
    if same:  # the differences of a training vary
        totals = {
            each: subtracted(other["trainings"], one["trainings"], same=True) for each, (one, other) in pairs.items()
        }
        squares = {each: (np.var(found, ddof=1), len(found)) for each, found in totals.items() if len(found) > 1}
        used = [name]
    else:
        (reference, _) = pairs[name]
        totals = {"": reference["trainings"], **{each: other["trainings"] for each, (_, other) in pairs.items()}}
        squares = {each: (np.var(found, ddof=1), len(found)) for each, found in totals.items() if len(found) > 1}
        used = ["", name]
    varying = {each: found for each, found in squares.items() if found[0] > 0}
    freedom = sum(n - 1 for _, n in varying.values())
    if not freedom:
        return 0.0, 0
    pooled = sum((n - 1) * variance for variance, n in varying.values()) / freedom
    of_means = [max(varying[each][0], pooled) / varying[each][1] for each in used if each in varying]
    return math.sqrt(sum(of_means)) / size, freedom


def half_and_p(lost: Any, sizes: Any, error: float, freedom: int) -> tuple[float, float]:
    """Half of the 95 % interval of Σ lost / Σ sizes by a studentised bootstrap, and the p-value of zero."""
    random = np.random.default_rng(7)
    ratio, own = ratio_and_error(lost, sizes)
    scores = []
    for _ in range(RESAMPLES):
        drawn = random.integers(len(sizes), size=len(sizes))
        other, spread = ratio_and_error(lost[drawn], sizes[drawn])
        score = (other - ratio) / spread if spread > 1e-15 else (0.0 if other == ratio else math.inf)
        whole = math.hypot(own, error)
        if error:
            score = ((score * own if own > 1e-15 else 0.0) + random.standard_t(freedom) * error) / whole
        scores.append(abs(score))
    whole = math.hypot(own, error)
    p = np.mean(np.array(scores) >= abs(ratio) / whole) if whole > 1e-15 else float(abs(ratio) < 1e-12)
    reach = sorted(scores)[math.ceil(0.95 * (RESAMPLES - 1))]
    return reach * whole, float(p)


def ratio_and_error(amounts: Any, sizes: Any) -> tuple[float, float]:
    """A ratio of sums, and its standard error (Cochran 1977, equation 6.13)."""
    total, units = sizes.sum(), len(sizes)
    if not total:
        return math.nan, math.nan
    ratio = amounts.sum() / total
    residual = amounts - ratio * sizes
    return ratio, math.sqrt(units / (units - 1) * (residual**2).sum()) / total
