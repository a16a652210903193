"""The steps of series: which are scored, the density of their values within their bins, and forecasts of them.

A model gives a probability to each bin. Divided by that of all bins together (a series does not end, and no value is
missing where one is scored) and multiplied by the density within the bin, it is a density of values, whose logarithm
is compared between models of any bins. Forecasts are paths that are drawn from a model at several origins.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.series import Line, line_of
from lmcompare.corpora.series.grid import season_of
from lmcompare.errors import PluginError
from lmcompare.measure.word_bits import WordEnds
from lmcompare.model import FloatArray, LanguageModel, next_distributions
from lmcompare.runfolder.layout import QUANTILES, Split
from lmcompare.runfolder.tokens import TokenizedCorpus
from lmcompare.tokens import Encoded, IntArray
from lmcompare.tokens.values import Floats, ValueTokenizer


@dataclass(frozen=True)
class ScoredSteps:
    """Which tokens of a split are scored steps, and which types are bins.

    Parameters
    ----------
    at : (N,) bool array
        The scored tokens.
    bins : (V,) bool array
        The types that are bins.
    """

    at: npt.NDArray[np.bool_]
    bins: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, corpus: TokenizedCorpus, split: Split) -> ScoredSteps:
        """Return the scored steps of a split of series."""
        tokenizer = corpus.tokenizer
        assert isinstance(tokenizer, ValueTokenizer)
        bins = tokenizer.bin_of(corpus.vocabulary.tokens) >= 0
        return cls(corpus.scored_steps(split), bins)

    @property
    def asked(self) -> WordEnds:
        """What a model has to return while it scores: at each scored step, the probability of all bins together."""
        return WordEnds(self.at, self.bins)

    def log_probs(self, nats: FloatArray, of_bins: FloatArray) -> FloatArray:
        """(N,) the nats of each scored bin among all bins; 0 for tokens that are not scored."""
        return np.where(self.at, nats - of_bins, 0.0)


def lines_of(corpus: TokenizedCorpus, split: Split) -> list[Line]:
    """Return the values of the documents of a split, each with the number of those that are given."""
    words: list[str] = [word for block in corpus.surface(split) for word in block["token"].tolist()]
    sentence = corpus.features(split, ["sentence"])["sentence"].to_numpy()
    text = corpus.split(split)
    return [_line(words[begin:end], sentence[begin:end]) for begin, end in _spans(text)]


WINDOWS, LENGTH = 3, 24  # windows of a test series that exhibits show, and the tokens of each


def example_windows(corpus: TokenizedCorpus) -> Encoded:
    """Return the ends of some test documents, each a document of its own, for the exhibits of a model."""
    text = corpus.test
    documents = range(min(WINDOWS, text.n_documents))
    ids = [
        text.ids[max(int(text.starts[d]), int(text.ends[d]) - 1 - LENGTH) : int(text.ends[d]) - 1] for d in documents
    ]
    return Encoded.from_documents(ids, corpus.vocabulary)


def _spans(text: Encoded) -> Iterator[tuple[int, int]]:
    for begin, end in zip(text.starts.tolist(), text.ends.tolist(), strict=True):
        yield begin, end - 1  # </s>


def _line(words: Sequence[str], sentence: IntArray) -> Line:
    given = int((sentence[: len(words)] == 0).sum())
    return line_of(f"{' '.join(words[:given])}\n{' '.join(words[given:])}")


HORIZONS = {"year": 6, "quarter": 8, "month": 18, "week": 13, "day": 14, "hour": 48}  # of M4 (Makridakis et al. 2020)
USUAL = 24  # the horizon for all other steps
EXACT = 1e-12  # as a share of the largest value: smaller differences are rounding
MOST_ORIGINS = 64  # of all series together
READ, MOST_READ = 64, 128  # steps of the past that a model reads before it draws paths, beside two seasons; the most


@dataclass(frozen=True)
class Origin:
    """A place in a held-out series from which the next H steps are forecast.

    Parameters
    ----------
    document : int
        The test document.
    at : int
        How many of its scored steps lie before it.
    past : (n,) float64 array
        All values before it, those that are given included; NaN where one is missing.
    given : int
        How many of these the document gives as past, from which its scale is computed.
    actual : (H,) float64 array
        The values that came.
    scale : float
        The mean absolute difference of given values a season apart, by which errors are divided (Hyndman and Koehler
        2006).
    season : int
        How many steps are a season.
    """

    document: int
    at: int
    past: Floats
    given: int
    actual: Floats
    scale: float
    season: int


def origins_of(corpus: TokenizedCorpus, options: dict[str, Any]) -> list[Origin]:
    """Return the origins in the test series: evenly spaced, as many in each as are asked for.

    ``options``: "horizon", "origins" and "season" of the experiment; None for the usual ones. In series that are too
    short for the horizon, the horizon is half of their length.
    """
    lines, documents = lines_of(corpus, "test"), corpus.documents_of("test")
    most = max(1, min(options["origins"], MOST_ORIGINS // max(1, min(len(lines), MOST_ORIGINS))))
    found: list[Origin] = []
    for number, (line, metadata) in enumerate(zip(lines, documents["metadata"], strict=True)):
        if len(found) >= MOST_ORIGINS:
            break
        step, season = step_and_season(metadata, options)
        length = len(line.values) - line.given
        horizon = min(options["horizon"] or HORIZONS.get(step, USUAL), max(1, length // 2))
        given = line.values[: line.given]
        scale = seasonal_scale(given, season)
        for at in np.unique(np.linspace(0, length - horizon, most).round().astype(int)).tolist():
            begin = line.given + at
            actual = line.values[begin : begin + horizon]
            if np.isfinite(actual).any() and np.isfinite(line.values[:begin]).any():
                found.append(Origin(number, at, line.values[:begin], line.given, actual, scale, season))
    return found


def step_and_season(metadata: str, options: dict[str, Any]) -> tuple[str, int]:
    """Return the step of a document's grid, and its season."""
    step = str(json.loads(metadata).get("step", ""))
    return step, options["season"] or season_of(step)


def seasonal_scale(values: FloatArray, season: int) -> float:
    """Return the mean absolute difference of values a season apart.

    If a series repeats its season exactly, this is 0, and the scale is the difference of neighbouring values.
    """
    for apart in (season, 1) if len(values) > 2 * season else (1,):
        differences = np.abs(values[apart:] - values[:-apart])
        differences = differences[np.isfinite(differences)]
        if len(differences) and differences.mean() > EXACT * np.nanmax(np.abs(values)):
            return float(differences.mean())
    return 1.0


def forecast_table(origin: Origin, paths: FloatArray) -> dict[str, Any]:
    """Return the stored part of a forecast, JSON-able: the quantiles (H,) of each level, and the CRPS (H,).

    Raises ``PluginError`` for paths that are not (P, H) finite numbers.
    """
    if paths.ndim != 2 or paths.shape[1] != len(origin.actual) or not np.isfinite(paths).all():
        raise PluginError(
            f"paths must be finite numbers of the shape (number of paths, {len(origin.actual)}), but these have the"
            f" shape {paths.shape}, or are not all finite"
        )
    return {
        "document": origin.document,
        "at": origin.at,
        "scale": origin.scale,
        "actual": [None if np.isnan(value) else float(value) for value in origin.actual],
        "quantiles": quantiles(paths).tolist(),
        "crps": [None if np.isnan(value) else float(value) for value in crps(paths, origin.actual)],
    }


def quantiles(paths: FloatArray) -> FloatArray:
    """(L, H) the quantiles of P paths (P, H), between which another path lies as often as their levels say.

    The k-th of P ordered values is the quantile of level k / (P + 1) (Hyndman and Fan 1996, definition 6).
    """
    return np.asarray(np.quantile(paths, QUANTILES, axis=0, method="weibull"))


def crps(paths: FloatArray, actual: FloatArray) -> FloatArray:
    """(H,) the continuous ranked probability score of P paths (P, H) for what came (H,); NaN where that is missing.

    E|X - y| - E|X - X'| / 2 with the unbiased mean over pairs of different paths (Gneiting and Raftery 2007, equation
    21; Ferro 2014).
    """
    number = len(paths)
    ordered = np.sort(paths, axis=0)
    weights = 2 * np.arange(1, number + 1) - number - 1
    apart = 2 * (weights[:, None] * ordered).sum(axis=0) / max(1, number * (number - 1))
    found: FloatArray = np.abs(paths - actual).mean(axis=0) - apart / 2
    return found


def model_forecasts(
    model: LanguageModel, corpus: TokenizedCorpus, options: dict[str, Any], seed: int
) -> Iterator[dict[str, Any]]:
    """Yield the forecasts of a model at all origins, from paths that are drawn token by token.

    A model that learns while it reads has none: one path would change the next.
    """
    if model.traits.adaptive:
        return
    tokenizer, scored = corpus.tokenizer, ScoredSteps.of(corpus, "test")
    assert isinstance(tokenizer, ValueTokenizer)
    for number, origin in enumerate(origins_of(corpus, options)):
        begin = int(corpus.test.starts[origin.document])
        ids = corpus.test.ids[begin : begin + len(origin.past)]
        read = min(MOST_READ, READ + 2 * origin.season)
        generator = np.random.default_rng([seed, number])
        drawn = drawn_tokens(model, corpus, ids[-read:], len(origin.actual), options["paths"], scored, generator)
        bins = tokenizer.bin_of(corpus.vocabulary.tokens)[drawn]
        yield forecast_table(origin, tokenizer.values_after(origin.past, origin.given, bins, generator))


def drawn_tokens(
    model: LanguageModel,
    corpus: TokenizedCorpus,
    past: IntArray,
    horizon: int,
    number: int,
    scored: ScoredSteps,
    generator: np.random.Generator,
) -> IntArray:
    """(number, horizon) tokens of bins that continue a past (n,), each drawn given those before it.

    The paths are read side by side, each as a document of its own.
    """
    allowed = np.flatnonzero(scored.bins)
    drawn = np.zeros((number, horizon), np.int64)
    end = np.full((number, 1), corpus.vocabulary.end)
    for step in range(horizon):
        rows = 1 if step == 0 else number  # before the first step all paths are the same
        documents = np.concatenate([np.tile(past, (rows, 1)), drawn[:rows, :step], end[:rows]], axis=1)
        text = Encoded.from_documents(list(documents), corpus.vocabulary)
        nats = next_distributions(model, text, text.ends - 1)[:, allowed].astype(np.float64)  # (rows, B)
        shares = np.exp(nats - nats.max(axis=1, keepdims=True))
        upto = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
        places = (generator.random((number, 1)) >= upto).sum(axis=1)
        drawn[:, step] = allowed[np.minimum(places, len(allowed) - 1)]
    return drawn
