"""Which models may be ranked against one another, how they differ, and their ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from lmcompare.analysis.intervals import (
    LEAST_UNITS,
    RESAMPLES,
    Bootstrap,
    holm,
    over_trainings,
    ranks,
    ratio_bootstrap,
)
from lmcompare.analysis.resampling import TOO_FEW, units_of
from lmcompare.analysis.totals import sums
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import ModelEntry, Run, kept

Group = Literal["ranked", "adaptive", "not ranked"]
SIGNIFICANCE = 0.05
NAN = float("nan")
PER_PAIR = 40  # resamples a pair: enough for the smallest p-value to stay significant after Holm's correction
POWER = 0.84  # standard errors beyond the edge of what is significant: found in four of five test texts


@dataclass(frozen=True)
class Standing:
    """Where a model stands. ``bits_per_byte`` with its 95 % interval; ``rank`` within its ``group``, None outside
    both groups; ``reason``: why it is not ranked, in one sentence.
    """

    name: str
    group: Group
    reason: str | None
    bits_per_byte: float
    low: float
    high: float
    rank: int | None = None


@dataclass(frozen=True)
class Difference:
    """Bits per byte of ``first`` − ``second``: below zero, the first is better.

    ``low``, ``high``: 95 % interval of this pair alone. ``p_holm``: the p-value corrected for all pairs of the group.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float

    @property
    def significant(self) -> bool:
        """Can the two be told apart at the 5 % level, all pairs considered?"""
        return self.p_holm < SIGNIFICANCE


@dataclass(frozen=True)
class Comparison:
    """All models of a run on its test text. ``smallest_detectable``: the difference in bits per byte that this test
    text would show to be significant in four of five cases, all pairs considered; the median over the ranked pairs,
    NaN without any.
    """

    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...]
    unit: str
    units: int
    resamples: int
    smallest_detectable: float
    note: str

    def standing(self, name: str) -> Standing:
        """Return the standing of one model."""
        return next(s for s in self.standings if s.name == name)

    def difference(self, first: str, second: str) -> Difference | None:
        """Return first − second, whichever way it is stored; None where the two are not compared."""
        for d in self.differences:
            if (d.first, d.second) == (first, second):
                return d
            if (d.first, d.second) == (second, first):
                return replace(d, first=first, second=second, difference=-d.difference, low=-d.high, high=-d.low)
        return None


def group_of(model: ModelEntry) -> tuple[Group, str | None]:
    """Return whether a model may be ranked, and if not why, in one sentence, from its traits and truth checks."""
    traits = model.traits
    if traits and not traits.get("causal", False):  # what it says of itself, before the checks that find the same
        return "not ranked", "not a language model: what it gives to a token depends on what comes after"
    if model.failed_checks:
        worst = model.failed_checks[0]
        figure, tolerance = worst.get("figure"), worst.get("tolerance")
        measured = f" ({figure:g}, tolerance {tolerance:g})" if figure is not None and tolerance is not None else ""
        return "not ranked", f"not a valid probability model: it fails the truth check '{worst['name']}'{measured}"
    if not model.truthful:
        return "not ranked", "its truth checks were not run or did not pass"
    if not traits.get("normalised", False):
        return "not ranked", "not a probability model: its next-token figures need not sum to one"
    if traits.get("adaptive", False):
        return "adaptive", "it learns from the test text's past, so it is compared with other such models only"
    return "ranked", None


def is_valid(model: ModelEntry) -> bool:
    """Is it a causal, normalised probability model that passed the run's truth checks?"""
    return group_of(model)[0] != "not ranked"


def comparable_names(comparison: Comparison) -> tuple[str, ...]:
    """Return the models whose figures may stand side by side, in the order of the experiment: those that are ranked,
    or the adaptive ones where no other is.
    """
    for group in ("ranked", "adaptive"):
        found = tuple(s.name for s in comparison.standings if s.group == group)
        if found:
            return found
    return ()


def main_tokens(run: Run, comparison: Comparison) -> str:
    """Return the fingerprint of the tokens that most of the comparable models have; "" where no model was scored.

    Perplexity and accuracy are per token: they may be compared between models of the same tokens only.
    """
    names = comparable_names(comparison) or tuple(model.name for model in run.scored)
    of_model = {model.name: model.tokens_fingerprint for model in run.scored}
    counts = Counter(of_model[name] for name in names)  # equal counts: the first in the experiment
    return max(counts, key=lambda fp: counts[fp], default="")


@kept
def compare_models(run: Run) -> Comparison:
    """Compare all models with a finished cell on the test text, by bits per byte."""
    units = units_of(run)
    bits = np.zeros((len(units), len(run.scored)))  # (U, M), averaged over seeds; infinite where p was 0
    standings: list[Standing] = []
    trainings: list[tuple[float, int]] = []  # of each model: the variance of its seeds' bits per byte, and how many
    for m, model in enumerate(run.scored):
        found = sums(run, "test")[model.name]
        trainings.append(_over_seeds(found.bits, float(units.bytes.sum())))
        bits[:, m] = found.unit_bits
        group, reason = group_of(model)
        if not np.isfinite(bits[:, m]).all():
            group, reason = "not ranked", reason or "it gives probability 0 to a token of the test text"
        total = float(units.bytes.sum())
        figure = float(bits[:, m].sum() / total) if total else NAN
        standings.append(Standing(model.name, group, reason, figure, NAN, NAN))
    if len(units) < LEAST_UNITS:
        return Comparison(
            tuple(_ranked(standings, ())), (), units.kind, len(units), 0, NAN, TOO_FEW if len(units) else units.note
        )

    pairs = [(i, j) for i, j in combinations(range(len(standings)), 2) if _comparable(standings[i], standings[j])]
    finite = [m for m in range(len(standings)) if np.isfinite(bits[:, m]).all()]
    columns = [bits[:, m] for m in finite] + [bits[:, i] - bits[:, j] for i, j in pairs]
    resamples = max(RESAMPLES, PER_PAIR * len(pairs))
    if not columns:
        return Comparison(tuple(standings), (), units.kind, len(units), 0, NAN, units.note)
    sampled = ratio_bootstrap(np.stack(columns, axis=1), units.bytes[:, None].astype(np.float64), resamples=resamples)
    squares, freedom = over_trainings(*np.array(trainings, np.float64).reshape(-1, 2).T)
    of_pairs = [squares[i] + squares[j] for i, j in pairs]
    sampled = sampled.with_trainings(np.sqrt([*squares[finite], *of_pairs]), freedom)
    low, high = sampled.interval()
    for k, m in enumerate(finite):
        standings[m] = replace(standings[m], low=float(low[k]), high=float(high[k]))
    rest = slice(len(finite), None)
    p = sampled.p_values()[rest]
    table = zip(
        pairs, sampled.estimate[rest], low[rest], high[rest], p, _holm_by_group(standings, pairs, p), strict=True
    )
    differences = tuple(
        Difference(standings[i].name, standings[j].name, *(float(v) for v in values)) for (i, j), *values in table
    )
    main = [len(finite) + k for k, (i, _) in enumerate(pairs) if standings[i].group == "ranked"]
    detectable = smallest_detectable(sampled, main)
    ranked = tuple(_ranked(standings, differences))
    note = f"{units.note} {_on_trainings(run, trainings)}".strip()
    return Comparison(ranked, differences, units.kind, len(units), resamples, detectable, note)


def smallest_detectable(found: Bootstrap, pairs: Sequence[int]) -> float:
    """Return the difference that is found significant in four of five test texts, the median over these columns of a
    bootstrap; NaN without any. What counts is Holm's first step, which the pair that differs most must pass.
    """
    if not pairs:
        return NAN
    below, above = found.interval(1 - SIGNIFICANCE / len(pairs))
    return float(np.median(((above - below) / 2 + POWER * found.error)[list(pairs)]))


def _over_seeds(bits: Array, n_bytes: float) -> tuple[float, int]:
    """Return the variance over S seeds of bits per byte, with divisor S − 1, and S; ``bits``: (S,) of the text."""
    figures = bits / n_bytes
    known = len(bits) > 1 and np.isfinite(figures).all()
    return (float(figures.var(ddof=1)) if known else 0.0), len(bits)


def _on_trainings(run: Run, trainings: Sequence[tuple[float, int]]) -> str:
    """Say which models' intervals take in how trainings differ."""
    several = [model.name for model, (_, seeds) in zip(run.scored, trainings, strict=True) if seeds > 1]
    if not several:
        return "Every model was trained with one seed: how another training would come out is not in the intervals."
    alone = [model.name for model, (_, seeds) in zip(run.scored, trainings, strict=True) if seeds == 1]
    said = (
        "Intervals, differences and ranks take in that another training, with other seeds, would come out otherwise"
    )
    return f"{said}; of {', '.join(alone)}, trained with one seed, they can't." if alone else f"{said}."


def _comparable(one: Standing, other: Standing) -> bool:
    return one.group == other.group != "not ranked"


def _holm_by_group(standings: Sequence[Standing], pairs: Sequence[tuple[int, int]], p: Array) -> Array:
    """(P,) p-values corrected within each group: what is done in one does not make the other less certain."""
    adjusted = np.ones(len(pairs))
    groups = np.array([standings[i].group for i, _ in pairs])
    for group in set(groups.tolist()):
        adjusted[groups == group] = holm(p[groups == group])
    return adjusted


def _ranked(standings: Sequence[Standing], differences: Sequence[Difference]) -> list[Standing]:
    """Give the models of each group their ranks; models that can't be told apart share one."""
    placed = list(standings)
    apart = {frozenset((d.first, d.second)) for d in differences if d.significant}
    for group in ("ranked", "adaptive"):
        rows = [i for i, s in enumerate(standings) if s.group == group]
        names = [standings[i].name for i in rows]
        better = np.array([[frozenset((a, b)) in apart for b in names] for a in names], bool)
        found = ranks(np.array([standings[i].bits_per_byte for i in rows]), better.reshape(len(rows), len(rows)))
        for i, rank in zip(rows, found, strict=True):
            placed[i] = replace(placed[i], rank=int(rank))
    return placed
