"""Which models can be compared with each other, how much they differ, and their ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isfinite, isnan
from typing import Literal

import numpy as np

from lmcompare.analysis.intervals import (
    LEAST_UNITS,
    RESAMPLES,
    Bootstrap,
    holm,
    over_trainings,
    rank_ranges,
    ratio_bootstrap,
)
from lmcompare.analysis.metrics import sums
from lmcompare.analysis.repeats import MOST, Repeats, repeats
from lmcompare.analysis.units import BLOCK_SENTENCES, LEAST_DOCUMENTS, units_of
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.run import ModelEntry, Run, kept


def interval_note(comparison: Comparison) -> str:
    """Return what was resampled, and whether the intervals cover the variation between trainings."""
    if not comparison.standings:
        return "No model was scored."
    if comparison.units < LEAST_UNITS:
        return _too_few(comparison)
    if not comparison.resamples:
        return "No model has a finite figure, so there are no intervals."
    return " ".join(filter(None, (_units(comparison), _without(comparison), _trainings(comparison))))


def _too_few(comparison: Comparison) -> str:
    blocks = f"blocks of {BLOCK_SENTENCES} sentences" if comparison.unit == "documents" else comparison.unit
    units = "documents" if comparison.whole_documents else blocks
    units = units if comparison.units != 1 else units.replace("documents", "document").replace("blocks", "block")
    needed = f"at least {LEAST_UNITS} documents or {blocks}"
    has = f"The test text has only {comparison.units} {units}, too few"
    if len(comparison.standings) == 1:
        return f"{has} for an interval, which needs {needed}; give a longer test text."
    return (
        f"{has} to tell the models apart: intervals and tests of differences need {needed}, so all models are tied;"
        " give a longer test text."
    )


def _units(comparison: Comparison) -> str:
    if comparison.unit == "documents":
        return "The intervals come from a paired bootstrap over test documents."
    few = f"The intervals come from a paired bootstrap over {comparison.unit}"
    if not comparison.unit.endswith("steps"):  # of series it is always blocks of steps
        few += f", as there are fewer than {LEAST_DOCUMENTS} test documents"
    if comparison.whole_documents:
        return f"{few}. Every block is a whole document here; the fewer they are, the wider the intervals."
    return f"{few}: they cover the variation between passages, not between documents."


def _without(comparison: Comparison) -> str:
    names = [s.name for s in comparison.standings if isfinite(s.bits_per_byte) and isnan(s.low)]
    if not names:
        return ""
    return (
        f"There is no interval for {', '.join(names)}: nearly all of the variation is in one of the"
        f" {comparison.units} {comparison.unit}; give a longer test text."
    )


def _trainings(comparison: Comparison) -> str:
    single = [name for name, seeds in comparison.seeds.items() if seeds == 1]
    if len(single) == len(comparison.seeds):
        return "Every model was trained with one seed, so the intervals do not cover the variation between trainings."
    covered = "They also cover the variation between trainings with different seeds"
    return f"{covered}, except for {', '.join(single)}, trained with one seed." if single else f"{covered}."


Group = Literal["ranked", "adaptive", "not ranked"]
SIGNIFICANCE = 0.05
NAN = float("nan")
PER_PAIR = 40  # resamples a pair: enough for the smallest p-value to stay significant after Holm's correction
TOLERANCE = 1e-4  # the probabilities of a valid model may sum to one plus this: see checks.asked.SUM_FLOAT32
MOST_PAIRED = 30  # models of a group: in a larger group each is compared with the best one alone
POWER = 0.84  # standard errors beyond the critical value: significant on four of five test texts


@dataclass(frozen=True)
class Standing:
    """The place of a model in the comparison.

    Parameters
    ----------
    group : {"ranked", "adaptive", "not ranked"}
        Models are ranked within the first two groups.
    reason : str or None
        Why the model is not ranked with the others: a main clause for results.json and the report.
    bits_per_byte, low, high : float
        The figure that models are compared by, with its 95 % interval, NaN without one. It is that of the whole test
        text, or of what is not left out (see ``analysis.repeats``).
    whole_low, whole_high : float
        The interval of the figure of the whole test text.
    rank_low, rank_high : int or None
        The range of ranks within its group that the data allow (see ``rank_ranges``).
    """

    name: str
    group: Group
    reason: str | None
    bits_per_byte: float
    low: float
    high: float
    whole_low: float = NAN
    whole_high: float = NAN
    rank_low: int | None = None
    rank_high: int | None = None


@dataclass(frozen=True)
class Difference:
    """Bits per byte of ``first`` minus ``second``: negative if the first is better.

    Parameters
    ----------
    low, high : float
        The 95 % interval of this pair alone.
    p_value, p_holm : float
        The p-value, and the same after Holm's correction for all pairs of the group.
    detectable : float
        The minimum detectable difference of this pair in bits per byte: a true difference that is significant on four
        of five such test texts.
    tolerance : float
        What a model can gain if its probabilities sum to as much as the validity checks allow.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float
    detectable: float
    tolerance: float

    @property
    def significant(self) -> bool:
        """Whether the difference is significant at the 5 % level after the correction for all pairs.

        A difference that the tolerance of the validity checks can make is not significant.
        """
        return self.p_holm < SIGNIFICANCE and not abs(self.difference) <= self.tolerance


@dataclass(frozen=True)
class Comparison:
    """All models of a run, compared on its test text.

    Parameters
    ----------
    differences : tuple of Difference
        One for each pair of models in a group; in a group of more than ``MOST_PAIRED`` models, only the pairs with
        the best model.
    unit : str
        The resampling unit: "documents" or "blocks of 20 sentences".
    units : int
        The number of units that contain text.
    whole_documents : bool
        Whether every unit is a whole document.
    resamples : int
        The number of bootstrap resamples, 0 if the text is too short for intervals.
    smallest_detectable : float
        The minimum detectable difference of the median ranked pair; NaN without any.
    seeds : dict of str to int
        The number of seeds of each model. Intervals cover the variation between trainings for several seeds only.
    """

    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...]
    unit: str
    units: int
    whole_documents: bool
    resamples: int
    smallest_detectable: float
    seeds: Mapping[str, int]

    def standing(self, name: str) -> Standing:
        """Return the standing of one model."""
        return next(s for s in self.standings if s.name == name)

    def difference(self, first: str, second: str) -> Difference | None:
        """Return first − second; None if the two are not compared."""
        for d in self.differences:
            if (d.first, d.second) == (first, second):
                return d
            if (d.first, d.second) == (second, first):
                return replace(d, first=first, second=second, difference=-d.difference, low=-d.high, high=-d.low)
        return None

    def is_better(self, first: str, second: str) -> bool:
        """Return whether the first model needs significantly fewer bits; False if the two are not compared."""
        found = self.difference(first, second)
        return found is not None and found.significant and found.difference < 0


def group_of(model: ModelEntry) -> tuple[Group, str | None]:
    """Return the group of a model and why it is not ranked with the others, from its traits and validity checks."""
    traits = model.traits
    if traits and not traits.get("causal", False):  # it declares what a validity check would find
        return "not ranked", "it is not causal: its probability of a token depends on later tokens"
    if model.failed_checks:
        worst = model.failed_checks[0]
        figure, tolerance = worst.get("figure"), worst.get("tolerance")
        measured = f" ({figure:g}, tolerance {tolerance:g})" if figure is not None and tolerance is not None else ""
        return (
            "not ranked",
            f"it is not a valid probability model: it fails the validity check '{worst['name']}'{measured}",
        )
    if not model.truthful:
        return "not ranked", "its validity checks were not run or did not pass"
    if not traits.get("normalised", False):
        return "not ranked", "it is not a probability model: its scores of the next token need not sum to one"
    if traits.get("adaptive", False):
        return (
            "adaptive",
            "it learns from the test documents that it has been scored on",
        )
    return "ranked", None


def is_valid(model: ModelEntry) -> bool:
    """Return whether a model is a causal, normalised probability model that passed all validity checks."""
    return group_of(model)[0] != "not ranked"


def comparable_names(comparison: Comparison) -> tuple[str, ...]:
    """Return the models whose figures can be compared, in the order of the experiment.

    These are the ranked models, or the adaptive ones if no model is ranked.
    """
    for group in ("ranked", "adaptive"):
        found = tuple(s.name for s in comparison.standings if s.group == group)
        if found:
            return found
    return ()


def main_tokens(run: Run, comparison: Comparison) -> str:
    """Return the fingerprint of the tokens that most of the comparable models have; "" if no model was scored.

    Perplexity and accuracy are per token, so they can be compared only between models with the same tokens.
    """
    names = comparable_names(comparison) or tuple(model.name for model in run.scored)
    of_model = {model.name: model.tokens_fingerprint for model in run.scored}
    counts = Counter(of_model[name] for name in names)  # equal counts: the first in the experiment
    return max(counts, key=lambda fp: counts[fp], default="")


@kept
def compare_models(run: Run) -> Comparison:
    """Compare all models with a finished cell on the test text, by bits per byte.

    If much of the test text also occurs in earlier text, they are compared on the rest.
    """
    units, found, repeated = units_of(run), sums(run, "test"), repeats(run, "test")
    left_out = repeated.are_left_out
    sizes = (units.bytes - repeated.bytes_in(units) if left_out else units.bytes).astype(np.float64)  # (U,)
    n_units, n_bytes = int(np.count_nonzero(sizes)), float(sizes.sum())
    of = [found[model.name] for model in run.scored]
    whole, bits = np.zeros((2, len(units), len(of)))  # (U, M), averaged over seeds; infinite where p was 0
    for m, each in enumerate(of):
        whole[:, m], bits[:, m] = each.unit_bits, each.unit_fresh_bits
    finite = [m for m in range(len(of)) if np.isfinite(whole[:, m]).all()]
    standings = [
        _standing(model, float(bits[:, m].sum() / n_bytes) if n_bytes else NAN, m in finite, repeated)
        for m, model in enumerate(run.scored)
    ]
    trainings = [over_seeds(each.fresh_bits if left_out else each.bits, n_bytes) for each in of]
    differences: tuple[Difference, ...] = ()
    resamples, smallest = 0, NAN
    if n_units >= LEAST_UNITS and finite:
        pairs = _pairs(standings, finite)
        sampled = bootstrap(bits, sizes, trainings, finite, pairs)
        resamples, (low, high) = len(sampled.deviations), sampled.interval()
        for k, m in enumerate(finite):
            least = -np.inf if run.rules.least_loss is None else run.rules.least_loss
            start, end = max(float(low[k]), least), float(high[k])
            standings[m] = replace(standings[m], low=start, high=end, whole_low=start, whole_high=end)
        if left_out:
            of_whole = [over_seeds(each.bits, units.bytes.sum()) for each in of]
            ends = bootstrap(whole, units.bytes.astype(np.float64), of_whole, finite).interval()
            for m, start, end in zip(finite, *ends, strict=True):
                standings[m] = replace(standings[m], whole_low=max(float(start), 0.0), whole_high=float(end))
        tolerances = [np.log2(1 + TOLERANCE) * max(of[i].tokens, of[j].tokens) / n_bytes for i, j in pairs]
        differences = _differences(standings, pairs, tolerances, sampled, low, high)
        ranked = [
            d.detectable for d, (i, _) in zip(differences, pairs, strict=True) if standings[i].group == "ranked"
        ]
        smallest = float(np.median(ranked)) if ranked else NAN
    return Comparison(
        standings=tuple(_ranked(standings, differences)),
        differences=differences,
        unit=units.kind,
        units=n_units,
        whole_documents=units.whole_documents,
        resamples=resamples,
        smallest_detectable=smallest,
        seeds={model.name: n for model, (_, n) in zip(run.scored, trainings, strict=True)},
    )


def bootstrap(
    bits: Array,
    sizes: Array,
    trainings: Sequence[tuple[float, int]],
    models: Sequence[int],
    pairs: Sequence[tuple[int, int]] = (),
) -> Bootstrap:
    """Return the bootstrap of some models' bits per byte and of the differences of pairs, trainings included.

    Parameters
    ----------
    bits : array of shape (U, M)
        Of all models, averaged over seeds.
    sizes : array of shape (U,)
    trainings : sequence of (float, int)
        What ``over_seeds`` returns of each model.
    models : sequence of int
        The indices of the models, whose bits are finite.
    pairs : sequence of (int, int)
        The indices of pairs of these.
    """
    columns = [bits[:, m] for m in models] + [bits[:, i] - bits[:, j] for i, j in pairs]
    resamples = max(RESAMPLES, PER_PAIR * len(pairs))
    found = ratio_bootstrap(np.stack(columns, axis=1), sizes[:, None], resamples=resamples)
    squares, freedom = over_trainings(*np.array(trainings, np.float64).reshape(-1, 2).T)
    errors = [*squares[models], *(squares[i] + squares[j] for i, j in pairs)]
    return found.with_trainings(np.sqrt(errors), freedom)


def _standing(model: ModelEntry, figure: float, is_finite: bool, repeated: Repeats) -> Standing:
    """Return the figure of a model and its group, without an interval and ranks."""
    group, reason = group_of(model)
    if repeated.share > MOST:
        group, reason = "not ranked", reason or "most of the test text also occurs in the training or validation text"
    if not is_finite:
        group, reason = "not ranked", reason or "it gives probability 0 to a token of the test text"
    return Standing(model.name, group, reason, figure, NAN, NAN)


def _differences(
    standings: Sequence[Standing],
    pairs: Sequence[tuple[int, int]],
    tolerances: Sequence[float],
    found: Bootstrap,
    low: Array,
    high: Array,
) -> tuple[Difference, ...]:
    """Return the differences of P pairs, which are the last columns of the bootstrap and of its intervals."""
    rest = slice(len(low) - len(pairs), None)
    p = found.p_values()[rest]
    corrected, least = np.ones(len(pairs)), np.full(len(pairs), NAN)
    groups = np.array([standings[i].group for i, _ in pairs])
    for group in set(groups.tolist()):  # comparisons in one group do not affect the other
        own = groups == group
        corrected[own] = holm(p[own])
        least[own] = detectable(found, int(own.sum()))[rest][own]
    columns = found.estimate[rest], low[rest], high[rest], p, corrected, least, tolerances
    return tuple(
        Difference(standings[i].name, standings[j].name, *(float(v) for v in values))
        for (i, j), *values in zip(pairs, *columns, strict=True)
    )


def detectable(found: Bootstrap, pairs: int) -> Array:
    """(K,) the minimum detectable difference of each column among ``pairs`` pairs.

    A true difference of this size is significant on four of five test texts. The level is that of Holm's first step,
    which the pair with the largest difference must pass.
    """
    low, high = found.interval(1 - SIGNIFICANCE / pairs)
    return np.asarray((high - low) / 2 + POWER * found.error)


def over_seeds(bits: Array, n_bytes: float) -> tuple[float, int]:
    """Return the variance over S seeds of bits per byte, with divisor S − 1, and S; ``bits``: (S,) of the text."""
    figures = bits / n_bytes
    known = len(bits) > 1 and np.isfinite(figures).all()
    return (float(figures.var(ddof=1)) if known else 0.0), len(bits)


def _pairs(standings: Sequence[Standing], finite: Sequence[int]) -> list[tuple[int, int]]:
    """Return the pairs of models that are compared, by their indices: both are in the same group."""
    pairs: list[tuple[int, int]] = []
    for group in ("ranked", "adaptive"):
        own = [m for m in finite if standings[m].group == group]
        pairs += paired(own, [standings[m].bits_per_byte for m in own])
    return sorted(pairs)


def paired(models: Sequence[int], figures: Sequence[float]) -> list[tuple[int, int]]:
    """Return all pairs of models in rising order; of more than ``MOST_PAIRED``, only the pairs with the best model.

    ``models`` are indices, and ``figures`` are compared: the lowest is the best.
    """
    if len(models) <= MOST_PAIRED:
        return list(combinations(models, 2))
    best = models[int(np.argmin(figures))]
    return [(min(best, m), max(best, m)) for m in models if m != best]


def _ranked(standings: Sequence[Standing], differences: Sequence[Difference]) -> list[Standing]:
    """Give the models of each group their ranges of ranks."""
    placed = list(standings)
    apart = {frozenset((d.first, d.second)) for d in differences if d.significant}
    for group in ("ranked", "adaptive"):
        rows = [i for i, s in enumerate(standings) if s.group == group]
        names = [standings[i].name for i in rows]
        differ = np.array([[frozenset((a, b)) in apart for b in names] for a in names], bool)
        figures = np.array([standings[i].bits_per_byte for i in rows])
        found = rank_ranges(figures, differ.reshape(len(rows), len(rows)))
        for i, low, high in zip(rows, *found, strict=True):
            placed[i] = replace(placed[i], rank_low=int(low), rank_high=int(high))
    return placed
