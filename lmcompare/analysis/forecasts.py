"""How well models and classical methods forecast the series of a run: errors, densities and coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from lmcompare.analysis.intervals import LEVEL, ratio_bootstrap
from lmcompare.analysis.metrics import LN2
from lmcompare.analysis.units import units_of
from lmcompare.errors import LmcompareError
from lmcompare.runfolder.files import Array, read_object
from lmcompare.runfolder.layout import FORECASTS, QUANTILES
from lmcompare.runfolder.run import Run, kept

DECILES = tuple(QUANTILES.index(level) for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9))
BANDS = {50: (0.25, 0.75), 80: (0.1, 0.9), 95: (0.025, 0.975)}  # percent
MEDIAN = QUANTILES.index(0.5)
LEAST_ORIGINS = 4  # that an interval needs
Place = tuple[int, int, int]  # document, the scored steps before the origin, and the horizon


@dataclass(frozen=True)
class Forecast:
    """A forecast of H steps: the quantiles (L, H), the actual values (H,), the CRPS (H,) and the scale of errors."""

    quantiles: Array
    actual: Array
    crps: Array
    scale: float


@dataclass(frozen=True)
class Method:
    """A model or a classical method with its forecasts.

    Parameters
    ----------
    name, title : str
    classical : bool
        Whether it is a classical method and not a model of the run.
    forecasts : mapping
        The forecasts of each training, by the place of their origin.
    nats : (D,) sequence of arrays, optional
        For each test document minus the log-density of each step after its past, in nats, a mean over trainings; NaN
        where nothing is scored. None for a method without densities.
    seconds : float or None
        The time of training, or of fitting and forecasting.
    source : str
        The publication of a classical method.
    """

    name: str
    title: str
    classical: bool
    forecasts: Mapping[Place, Sequence[Forecast]]
    nats: Sequence[Array] | None
    seconds: float | None
    source: str = ""


@dataclass(frozen=True)
class Figure:
    """A mean with the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Accuracy:
    """How well a method forecasts.

    Parameters
    ----------
    nats : Figure or None
        Nats per step: minus the log-density of one step ahead.
    mase : Figure
        The mean absolute error of medians over that of the seasonal naive method in the past (Hyndman and Koehler
        2006).
    crps : Figure
        The mean continuous ranked probability score over the same scale.
    wql : float
        The weighted quantile loss of the deciles (Ansari et al. 2024, appendix D).
    coverage : dict of int to Figure
        By the percent that a band should have, the share of values in it.
    behind : Figure or None
        How much greater its ``crps`` is than that of the best method; None for the best itself.
    """

    method: Method
    nats: Figure | None
    mase: Figure
    crps: Figure
    wql: float
    coverage: dict[int, Figure]
    behind: Figure | None = None


@kept
def methods(run: Run) -> list[Method]:
    """Return the models of a run on series, and the classical methods in its folder."""
    found = [_of_model(run, model) for model in run.scored]
    for path in sorted((run.path / FORECASTS).glob("*.json")):
        try:
            stored = read_object(path, "corpus", "name", "title", "forecasts", "log_density")
            if stored["corpus"] == run.corpus_fingerprint:  # otherwise it is of a series that was here before
                found.append(_classical(stored))
        except (LmcompareError, TypeError, ValueError, KeyError, IndexError):
            continue  # the next run makes the file again
    return [method for method in found if method.forecasts or method.nats is not None]


@kept
def accuracies(run: Run) -> list[Accuracy]:
    """Return how well each method forecasts, the least scaled CRPS first.

    All are compared at the origins that all have. Intervals are Student's over origins, which are too few to be
    resampled; those of densities are a bootstrap over blocks of steps.
    """
    every = [method for method in methods(run) if method.forecasts]
    shared = shared_places(every)
    if not shared:
        return []
    sums = {method.name: _sums(method, shared) for method in every}
    order = sorted(every, key=lambda method: _ratio(sums[method.name], "crps"))
    best = sums[order[0].name]
    return [
        Accuracy(
            method,
            _density(run, method),
            _figure(sums[method.name], "mase"),
            _figure(sums[method.name], "crps"),
            _weighted(method, shared),
            {percent: _share(_figure(sums[method.name], f"in {percent}")) for percent in BANDS},
            None if method is order[0] else _difference(sums[method.name], best, "crps"),
        )
        for method in order
    ]


def shared_places(every: Sequence[Method]) -> list[Place]:
    """Return the origins at which all of these methods have forecasts."""
    return sorted(set.intersection(*(set(method.forecasts) for method in every))) if every else []


def forecast_rows(run: Run) -> list[dict[str, Any]]:
    """Return the table ``forecasts`` of results.json."""
    return [
        {
            "name": one.method.name,
            "title": one.method.title,
            "classical": one.method.classical,
            "nats_per_step": None if one.nats is None else _listed(one.nats),
            "mase": _listed(one.mase),
            "scaled_crps": _listed(one.crps),
            "weighted_quantile_loss": one.wql,
            "coverage": {str(percent): _listed(each) for percent, each in one.coverage.items()},
            "crps_behind_best": None if one.behind is None else _listed(one.behind),
            "seconds": one.method.seconds,
        }
        for one in accuracies(run)
    ]


def _listed(figure: Figure) -> list[float]:
    return [figure.value, figure.low, figure.high]


def _of_model(run: Run, model: Any) -> Method:
    forecasts: dict[Place, list[Forecast]] = {}
    for cell in model.done:
        for stored in cell.measured("forecasts") or ():
            forecasts.setdefault(_place(stored), []).append(_forecast(stored))
    costs = [cell.cost["train_seconds"] for cell in model.done if cell.cost["train_seconds"] is not None]
    seconds = float(np.mean(costs)) if costs else None
    return Method(model.name, model.title, False, forecasts, _nats(run, model), seconds)


def _nats(run: Run, model: Any) -> list[Array]:
    """Return for each test document the nats of each step after its past, NaN where nothing is scored."""
    tokens = run.tokens[model.tokens_fingerprint]
    scored = tokens.scored_steps("test")
    blocks = list(tokens.feature_blocks("test", ["overhead_bits", "sentence"]))
    overhead, sentence = (np.concatenate([block[name] for block in blocks]) for name in ("overhead_bits", "sentence"))
    nats = np.mean([overhead * LN2 - cell.log_probs("test") for cell in model.done], axis=0)
    text, found = tokens.test, []
    for begin, end in zip(text.starts.tolist(), text.ends.tolist(), strict=True):
        own = np.where(scored[begin : end - 1], nats[begin : end - 1], np.nan)
        found.append(own[sentence[begin : end - 1] > 0])
    return found


def _classical(stored: Mapping[str, Any]) -> Method:
    forecasts = {_place(one): [_forecast(one)] for one in stored["forecasts"]}
    density = [np.array([np.nan if v is None else -float(v) for v in one]) for one in stored["log_density"]]
    known = any(len(one) for one in density)
    seconds = float(stored.get("seconds") or 0)
    source = str(stored.get("source") or "")
    return Method(
        str(stored["name"]), str(stored["title"]), True, forecasts, density if known else None, seconds, source
    )


def _place(stored: Mapping[str, Any]) -> Place:
    return int(stored["document"]), int(stored["at"]), len(stored["actual"])


def _forecast(stored: Mapping[str, Any]) -> Forecast:
    actual, crps = (np.array([np.nan if v is None else v for v in stored[key]], float) for key in ("actual", "crps"))
    return Forecast(np.array(stored["quantiles"], float), actual, crps, float(stored["scale"]))


def _sums(method: Method, places: Sequence[Place]) -> dict[str, Array]:
    """Return by figure the sums (O,) over the steps of each origin, and "steps", how many there are."""
    columns: dict[str, list[float]] = {name: [] for name in ("steps", "mase", "crps", *(f"in {p}" for p in BANDS))}
    for place in places:
        found = method.forecasts[place]
        known = np.isfinite(found[0].actual)
        columns["steps"].append(float(known.sum()))
        columns["mase"].append(_mean([np.abs(f.quantiles[MEDIAN] - f.actual)[known].sum() / f.scale for f in found]))
        columns["crps"].append(_mean([f.crps[known].sum() / f.scale for f in found]))
        for percent, (low, high) in BANDS.items():
            inside = [
                (f.quantiles[QUANTILES.index(low)] <= f.actual) & (f.actual <= f.quantiles[QUANTILES.index(high)])
                for f in found
            ]
            columns[f"in {percent}"].append(_mean([each[known].sum() for each in inside]))
    return {name: np.array(values) for name, values in columns.items()}


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean([float(value) for value in values]))


def _ratio(sums: Mapping[str, Array], name: str) -> float:
    return float(sums[name].sum() / sums["steps"].sum())


def _figure(sums: Mapping[str, Array], name: str) -> Figure:
    value, steps = _ratio(sums, name), sums["steps"]
    origins = len(steps)
    if origins < LEAST_ORIGINS:
        return Figure(value)
    rest = sums[name] - value * steps
    error = np.sqrt(origins / (origins - 1) * (rest**2).sum()) / steps.sum()
    room = float(special.stdtrit(origins - 1, (1 + LEVEL) / 2) * error)
    return Figure(value, value - room, value + room)


def _share(figure: Figure) -> Figure:
    """Return the figure of a share, whose interval can't leave 0 to 1."""
    return Figure(figure.value, *(float(np.clip(end, 0.0, 1.0)) for end in (figure.low, figure.high)))


def _difference(sums: Mapping[str, Array], best: Mapping[str, Array], name: str) -> Figure:
    apart = {"steps": sums["steps"], name: sums[name] - best[name]}
    return _figure(apart, name)


def _weighted(method: Method, places: Sequence[Place]) -> float:
    losses, size = [], 0.0
    for place in places:
        for found in method.forecasts[place]:
            known = np.isfinite(found.actual)
            over = (found.actual - found.quantiles)[:, known]
            levels = np.array(QUANTILES)[:, None]
            losses.append(2 * np.maximum(levels * over, (levels - 1) * over)[list(DECILES)].mean(axis=0).sum())
            size += float(np.abs(found.actual[known]).sum())
    return float(np.sum(losses) / size) if size else float("nan")


def _density(run: Run, method: Method) -> Figure | None:
    """Return the nats per step with an interval over blocks of steps; None without densities of every series."""
    if method.nats is None or any(not len(one) for one in method.nats):
        return None
    model = run.scored[0]
    tokens = run.tokens[model.tokens_fingerprint]
    text, scored = tokens.test, np.flatnonzero(tokens.scored_steps("test"))
    assert text.spans is not None, "text was encoded"
    nats = np.concatenate([one[np.isfinite(one)] for one in method.nats])
    if len(nats) != len(scored):
        return None
    units = units_of(run)
    unit = units.of(text.document_of(scored), text.spans[scored, 0])
    sums, steps = (np.bincount(unit, weights, len(units)) for weights in (nats, None))
    value = float(nats.mean())
    if len(units) < 2:
        return Figure(value)
    low, high = ratio_bootstrap(sums[:, None], steps[:, None].astype(float)).interval()
    return Figure(value, float(low[0]), float(high[0]))
