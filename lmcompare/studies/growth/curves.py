"""How the figures of models change with the amount of training text: the points, and where their order changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from lmcompare.analysis.blocks import blocks
from lmcompare.analysis.comparison import comparable_names, compare_models, is_valid, over_seeds
from lmcompare.analysis.intervals import LEVEL, over_trainings, resample_counts
from lmcompare.analysis.metrics import LN2, by_tokens, cost_of_trainings
from lmcompare.analysis.units import Units, units_of
from lmcompare.render import numbers
from lmcompare.render.titles import sentence
from lmcompare.runfolder.files import Array, RunFolderError
from lmcompare.runfolder.layout import COST_KEYS, PROCESSOR
from lmcompare.runfolder.run import ModelEntry, Run, kept
from lmcompare.studies.growth.power_law import LEAST_POINTS, Law, fitted
from lmcompare.study import TEN_TIMES, Advice, named

FARTHEST = 10.0  # times the whole text: measured points tell little about more text than that
RESAMPLES = 2_000


@dataclass(frozen=True)
class Point:
    """A model trained on a share of the training text with S seeds, scored on the U units of the test text.

    Parameters
    ----------
    share : float
        Of the training text.
    words : int
        The words of that share.
    bits : array of shape (S, U)
        The charged bits of each training.
    bytes : array of shape (U,)
        The bytes of the units.
    costs : mapping of str to float or None
        Of the trainings, as ``cost_of_trainings`` sums them up.
    chosen : mapping
        The hyper-parameters that a sweep chose for this share; empty without one.
    """

    share: float
    words: int
    bits: Array
    bytes: Array
    costs: Mapping[str, float | None]
    chosen: Mapping[str, Any]

    @property
    def by_seed(self) -> Array:
        """(S,) the bits per byte of each training."""
        return np.asarray(self.bits.sum(axis=1) / self.bytes.sum())

    @property
    def bits_per_byte(self) -> float:
        """The mean over the trainings."""
        return float(self.by_seed.mean())


@dataclass(frozen=True)
class Curve:
    """The points of a model, from the least to the most text: at least two."""

    name: str
    points: tuple[Point, ...]

    @property
    def words(self) -> Array:
        """(n,) the words of the points."""
        return np.array([point.words for point in self.points], np.float64)

    @property
    def figures(self) -> Array:
        """(n,) the bits per byte of the points."""
        return np.array([point.bits_per_byte for point in self.points])


@dataclass(frozen=True)
class Crossing:
    """Where, with more text, the model ``later`` becomes better than ``earlier``.

    Parameters
    ----------
    words : float
        The amount of training text, on a line between two measured amounts.
    low, high : float
        The 95 % interval; 0 or infinite where it reaches beyond the measured amounts.
    """

    later: str
    earlier: str
    words: float
    low: float
    high: float


@dataclass(frozen=True)
class Growth:
    """How the figures of a run's models change with the amount of training text.

    Parameters
    ----------
    curves : tuple of Curve
    laws : mapping of str to Law
        By the names of the models whose points allow one.
    crossings : tuple of Crossing
    missing : mapping of float to str
        By share, why it is left out.
    """

    curves: tuple[Curve, ...] = ()
    laws: Mapping[str, Law] = field(default_factory=dict)
    crossings: tuple[Crossing, ...] = ()
    missing: Mapping[float, str] = field(default_factory=dict)


@kept
def growth(run: Run) -> Growth:
    """Return the curves of a run that was repeated on shares of its training text.

    There are none for any other run, and none if all models failed on the whole text.

    Raises ``RunFolderError`` if the files of the whole run can't be read; a share whose files can't is left out.
    """
    if not run.fractions or not run.scored:
        return Growth()
    units = units_of(run)
    found: dict[str, list[Point]] = {model.name: [] for model in run.scored if is_valid(model)}
    missing: dict[float, str] = {}
    asked = _asked(run)
    for share, part in [*run.fractions.items(), (1.0, run)]:
        try:
            if isinstance(part, RunFolderError):
                raise part
            points = _points(share, part, run, units)
        except RunFolderError as error:
            if part is run:
                raise
            missing[share] = str(error)
            continue
        of_part = _asked(part)
        for name in found:
            same = [other for other in points if of_part[other] == asked[name]]
            if same:
                found[name].append(points[name if name in same else same[0]])
    curves = tuple(Curve(name, tuple(points)) for name, points in found.items() if len(points) > 1)
    laws = {curve.name: law for curve in curves if (law := fitted(curve.words, curve.figures)) is not None}
    return Growth(curves, laws, tuple(crossings(curves)), missing)


def _points(share: float, part: Run, whole: Run, units: Units) -> dict[str, Point]:
    """Return a point for each model that gives every token a probability above 0."""
    for key, what in (("test", "its test text"), ("read", "the text that it is a share of")):
        if part.corpus.parts[key] != whole.corpus.parts[key]:
            raise RunFolderError(f"{what} is not this run's: remove its folder, and run the same command again")
    chosen = {sweep.name: sweep.chosen for sweep in part.sweeps}
    words = part.corpus.splits["train"].words
    points = {}
    for models in by_tokens(part).values():
        bits = _bits(part, models, units)
        for model, of_model in zip(models, bits, strict=True):
            if is_valid(model) and np.isfinite(of_model).all():
                costs = {
                    key: cost_of_trainings(key, [cell.cost[key] for cell in model.done])
                    for key in (*COST_KEYS, PROCESSOR)
                }
                points[model.name] = Point(share, words, of_model, units.bytes, costs, chosen.get(model.name, {}))
    return points


def _asked(run: Run) -> dict[str, str]:
    """Return by name what a run asked for, as JSON, since a model may have another name on a share of the text.

    What a sweep varied, the text and the machine are left out.
    """
    varied = {sweep.name: sorted(sweep.chosen) for sweep in run.sweeps}
    found = {}
    for model in run.scored:
        asked = model.done[0].info.get("asked") or {"plugin": model.name}
        keys, settings = varied.get(model.name, []), asked.get("settings", {})
        of_tokens = any(key.partition(".")[0] == "tokens" for key in keys)
        parts = (
            asked["plugin"],
            {key: value for key, value in asked.get("hyperparameters", {}).items() if key not in keys},
            None if of_tokens else asked.get("tokens"),
            [settings.get(key) for key in ("preset", "budget", "match")],
            keys,
        )
        found[model.name] = json.dumps(parts, sort_keys=True)
    return found


def _bits(part: Run, models: Sequence[ModelEntry], units: Units) -> list[Array]:
    """Return for models of the same tokens (S, U) the charged bits of each training in the units of the whole run."""
    held = [np.zeros((len(model.done), len(units))) for model in models]
    for block in blocks(part, models, "test", features=("overhead_bits",), scores=("log_prob", "byte_start")):
        unit = units.of(block.features["document"], block.stacked(0, "byte_start")[0])
        for m, rows in enumerate(held):
            for row, log_prob in zip(rows, block.stacked(m), strict=True):
                bits = -log_prob / LN2 + block.features["overhead_bits"]
                row += np.bincount(unit, bits, minlength=len(units))
    return held


def tenfold(run: Run) -> tuple[Advice, ...]:
    """Return what the laws say of the two best models with more text; empty without shares of the text."""
    found = growth(run)
    if not found.curves:
        return ()
    ranked = comparable_names(compare_models(run))
    curves = sorted((curve for curve in found.curves if curve.name in ranked), key=lambda curve: curve.figures[-1])
    return tuple(Advice(TEN_TIMES, f"{said}.") for said in forecasts(named, curves[:2], found.laws))


def forecasts(title: Callable[[str], str], curves: Sequence[Curve], laws: Mapping[str, Law]) -> list[str]:
    """Return what the laws say of twice and of ten times the text, and which models have none."""
    said = []
    for curve in curves:
        if (law := laws.get(curve.name)) is None:
            continue
        more = curve.words[-1] * np.array([2.0, FARTHEST])
        figures, low, high = law.forecast(more)
        twice, ten = (f"{figures[n]:.2f} ({low[n]:.2f} to {high[n]:.2f})" for n in (0, 1))
        said.append(
            f"{sentence(title(curve.name))}: about {twice} bits per byte with twice the text, and"
            f" {ten} with ten times as much, if its law continues to hold"
        )
    without = [title(curve.name) for curve in curves if curve.name not in laws]
    if without and curves:
        said.append(
            f"The points of {numbers.listed(without)} allow no forecast: it takes {LEAST_POINTS} amounts of text"
            " at least, and figures that fall along a power law"
        )
    return said


def growth_table(run: Run) -> dict[str, Any]:
    """Return the curves, their laws and the crossings as a table for JSON; empty if there are no curves."""
    found = growth(run)
    if not found.curves:
        return {}
    return {
        "models": [
            {
                "name": curve.name,
                "points": [_point(point) for point in curve.points],
                "exponent": list(law.interval_of_exponent()) if (law := found.laws.get(curve.name)) else None,
            }
            for curve in found.curves
        ],
        "crossings": [asdict(crossing) for crossing in found.crossings],
    }


def _point(point: Point) -> dict[str, Any]:
    figures = {"bits_per_byte": point.bits_per_byte, "by_seed": point.by_seed.tolist()}
    return {"share": point.share, "words": point.words, **figures, **point.costs, "chosen": dict(point.chosen)}


def crossings(curves: Sequence[Curve], resamples: int = RESAMPLES, seed: int = 0) -> list[Crossing]:
    """Return for each pair of models the last amount of text at which their order changes, if it changes.

    Figures between two amounts lie on a line over the logarithm of the words. The interval is over the units of the
    test text, which both models share, and over trainings.
    """
    found = []
    drawn = resampled(curves, resamples, seed)
    for one, other in combinations(range(len(curves)), 2):
        if not np.array_equal(curves[one].words, curves[other].words):
            continue
        gap = curves[one].figures - curves[other].figures
        later, earlier = (one, other) if gap[-1] < 0 else (other, one)
        at = np.log(curves[one].words)
        (words,) = _last_change(at, (curves[later].figures - curves[earlier].figures)[None])
        if np.isfinite(words) and words > 0:
            low, high = np.quantile(
                _last_change(at, drawn[later] - drawn[earlier]),
                [(1 - LEVEL) / 2, (1 + LEVEL) / 2],
                method="nearest",
            )
            names = curves[later].name, curves[earlier].name
            found.append(Crossing(*names, float(words), float(low), float(high)))
    return found


def resampled(curves: Sequence[Curve], resamples: int = RESAMPLES, seed: int = 0) -> list[Array]:
    """Return for each curve (B, n) its figures on resamples of the units of the test text and of the trainings.

    All curves share the resamples of the text. The variation between trainings is that of the model at all amounts
    of text with several seeds, drawn from Student's t.
    """
    rng = np.random.default_rng(seed)
    sizes = curves[0].points[0].bytes if curves else np.zeros(0)
    bits = [np.stack([point.bits.mean(axis=0) for point in curve.points], axis=1) for curve in curves]
    drawn: list[list[Array]] = [[] for _ in curves]
    for counts in resample_counts(len(sizes), resamples, rng):  # (B, U)
        for held, of_curve in zip(drawn, bits, strict=True):
            held.append(counts @ of_curve / (counts @ sizes)[:, None])
    figures = []
    for curve, held in zip(curves, drawn, strict=True):
        error, freedom = _error_of_trainings(curve)
        noise = rng.standard_t(max(freedom, 1), (resamples, len(curve.points))) * error
        figures.append(np.concatenate(held) + noise)
    return figures


def _error_of_trainings(curve: Curve) -> tuple[Array, int]:
    """Return (n,) the standard errors over trainings and their degrees of freedom; 0 if no variation is known."""
    found = [over_seeds(point.bits.sum(axis=1), float(point.bytes.sum())) for point in curve.points]
    variances, seeds = np.array([v for v, _ in found]), np.array([s for _, s in found])
    squared, freedom = over_trainings(variances, seeds)
    if not freedom:
        return np.zeros(len(seeds)), 0
    pooled = float(((seeds - 1) * variances).sum() / freedom)
    return np.sqrt(np.where(squared > 0, squared, pooled / seeds)), freedom


def _last_change(at: Array, gaps: Array) -> Array:
    """(B,) the number of words from which on the (B, n) differences of each row stay below 0.

    It is 0 if all differences of the row are below 0, and infinite if the last one is not.
    """
    ahead = gaps < 0
    n = len(at)
    last = n - 1 - np.argmax(~ahead[:, ::-1], axis=1)  # the last amount at which the later model is not ahead
    rows = np.arange(len(gaps))
    following = np.minimum(last + 1, n - 1)
    a, b = gaps[rows, last], gaps[rows, following]
    share = np.divide(a, a - b, out=np.zeros(len(gaps)), where=a != b)
    found = np.exp(at[last] + share * (at[following] - at[last]))
    return np.asarray(np.where(ahead.all(axis=1), 0.0, np.where(ahead[:, -1], found, np.inf)))
