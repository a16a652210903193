"""Tokenizers of numbers: a value becomes the bin that it falls into, with a density within the bin."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy import special

from lmcompare.corpora.series import MISSING, Line, line_of
from lmcompare.errors import LmcompareError
from lmcompare.state import State
from lmcompare.tokens.tokenizer import ScoringRules, Tokenizer
from lmcompare.tokens.vocabulary import END_TOKEN, FloatArray, IntArray

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bins:
    """B bins of the real line; the first and the last bin are open.

    Parameters
    ----------
    edges : (B - 1,) float64 array
        The ends of the bins, rising.
    low, high : float
        The mean distances of the values below the first edge, and of those above the last edge, from that edge: the
        scales of the tails.
    """

    edges: Floats
    low: float
    high: float

    @classmethod
    def of(cls, edges: Floats, values: Floats, least: float) -> Bins:
        """Return bins with these edges, and with tails that fit the values.

        Bins narrower than ``least``, the step in which values were recorded, are joined: the values in such a bin do
        not differ, and its density could be made as high as one likes.
        """
        kept = [float(edges[0])]
        for edge in edges[1:].tolist():
            if edge - kept[-1] >= least * (1 - 1e-9):
                kept.append(edge)
        ends = np.array(kept)
        typical = max(least, float(np.median(np.diff(ends)))) if len(ends) > 1 else max(least, float(np.ptp(values)))
        below, above = ends[0] - values[values < ends[0]], values[values >= ends[-1]] - ends[-1]
        tails = [max(least, float(part.mean())) if len(part) else typical for part in (below, above)]
        return cls(ends, *(tail or 1.0 for tail in tails))

    def __len__(self) -> int:
        return len(self.edges) + 1

    def place(self, values: Floats) -> Ints:
        """(n,) the bin of each value; a value on an edge is in the bin above it."""
        return np.searchsorted(self.edges, values, side="right").astype(np.int64)

    def spread(self, values: Floats) -> Floats:
        """(n,) minus the logarithm of the density of each value within its bin, in nats.

        ln(width) in a closed bin; ln(s) + d / s at a distance d beyond the last edge, where s is the scale of the
        tail. The density over all bins integrates to one, whatever their probabilities.
        """
        bins, last = self.place(values), len(self.edges)
        widths = np.diff(self.edges, prepend=self.edges[0], append=self.edges[-1])
        found = np.zeros(len(values))
        closed = (bins > 0) & (bins < last)
        found[closed] = np.log(widths[bins[closed]])
        for tail, scale, distance in (
            (bins == 0, self.low, self.edges[0] - values),
            (bins == last, self.high, values - self.edges[-1]),
        ):
            found[tail] = np.log(scale) + distance[tail] / scale
        return found

    def draw(self, bins: Ints, generator: np.random.Generator) -> Floats:
        """(n,) a random value for each bin, drawn from the density within it."""
        share, last = generator.random(len(bins)), len(self.edges)
        ends = np.concatenate([[self.edges[0]], self.edges, [self.edges[-1]]])
        found = ends[bins] + share * (ends[bins + 1] - ends[bins])
        tail = -np.log1p(-share)  # draws from an exponential distribution with scale 1
        found = np.where(bins == 0, self.edges[0] - self.low * tail, found)
        found = np.where(bins == last, self.edges[-1] + self.high * tail, found)
        return np.asarray(found)

    def centres(self) -> Floats:
        """(B,) the value in the middle of each bin; in an open bin, the mean of its tail."""
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        return np.concatenate([[self.edges[0] - self.low], middle, [self.edges[-1] + self.high]])


def resolution(values: Floats) -> float:
    """Return the step in which values were recorded: the least distance between two values; 0 if all are equal.

    Distances as small as the rounding errors of the greatest value don't count.
    """
    distinct = np.unique(values)
    gaps = np.diff(distinct)
    gaps = gaps[gaps > 1e-9 * max(1e-300, float(np.abs(distinct).max(initial=0.0)))]
    return float(gaps.min()) if len(gaps) else 0.0


CRITICAL = -2.57  # value of the Dickey-Fuller statistic with a constant, at 10 % (MacKinnon 2010, table 2)
TREND = 1.0  # standard deviations by which the means of the first and the last third must differ


def wanders(values: npt.NDArray[np.float64]) -> bool:
    """Return whether a series has no level that it returns to, or a trend.

    It has no such level if the augmented Dickey-Fuller test does not reject a unit root (Dickey and Fuller 1979, Said
    and Dickey 1984; with the number of lags of Schwert 1989).
    """
    known = values[np.isfinite(values)]
    if len(known) < 12 or np.ptp(known) == 0:
        return False
    first, _, last = np.array_split(known, 3)
    within = (first.std() + last.std()) / 2
    if abs(last.mean() - first.mean()) > TREND * within:
        return True
    return dickey_fuller(known) > CRITICAL


def dickey_fuller(values: npt.NDArray[np.float64]) -> float:
    """Return the t statistic of the level in a regression of the next change, with lagged changes and a constant.

    The values are standardised first, so that large levels or other units do not change the statistic by rounding.
    """
    values = (values - values.mean()) / values.std()
    lags = min(int(12 * (len(values) / 100) ** 0.25), len(values) // 3 - 2)
    change = np.diff(values)
    target = change[lags:]
    columns = [values[lags:-1], np.ones(len(target)), *(change[lags - k : -k] for k in range(1, lags + 1))]
    design = np.stack(columns, axis=1)
    weights, _, _, _ = np.linalg.lstsq(design, target, rcond=None)
    rest = target - design @ weights
    free = len(target) - design.shape[1]
    variance = float(rest @ rest) / max(free, 1)
    error = np.sqrt(variance * float((np.linalg.pinv(design)[0] ** 2).sum()))
    return float(weights[0] / error) if error > 0 else 0.0


MOST_BINS = 10_000
NUMBERS = (8, 12, 16, 24, 32, 48, 64, 96, 128)  # of bins, of which the validation series choose one


@dataclass(frozen=True)
class Steps:
    """The n steps of a series as a model reads them.

    Parameters
    ----------
    line : Line
        The values.
    bins : (n,) int64 array
        The bin of each step; -1 for a missing value, and for a difference without a value before it.
    spread : (n,) float64 array
        Minus the logarithm of the density of the value within its bin, in nats; 0 without a bin.
    """

    line: Line
    bins: Ints
    spread: Floats


TINY = 1e-200  # a quotient of a value and such a scale may exceed the largest float


@dataclass(frozen=True)
class Way:
    """How the values of one series become numbers for bins: (value - shift) / scale, or 1 for a scale near 0."""

    scale: float
    shift: float = 0.0

    def __post_init__(self) -> None:
        if not self.scale > TINY:
            object.__setattr__(self, "scale", 1.0)


class ValueTokenizer(Tokenizer):
    """Makes each value of a series the token of a bin.

    The scale of a document is computed from the past that is given with it, so no token depends on a later value; the
    scale of a training document is computed from all of it. A missing value is the token ``?``, and so is the first
    value where differences are read; after a missing value, the difference is that from the last known value.
    """

    covers = "documents"
    reads = "series"
    rules = ScoringRules(every_token=False, blocks="tokens", least_loss=None, rivals=True)
    fixed_vocabulary = True
    has_density: ClassVar[bool] = True

    def __init__(self, bins: int | None = None, differences: bool | None = None) -> None:
        if bins is not None and (type(bins) is not int or not 3 <= bins <= MOST_BINS):
            raise LmcompareError(f"bins must be a whole number from 3 to {MOST_BINS:,}, not {bins!r}")
        if differences not in (None, True, False):
            raise LmcompareError(f"differences must be true or false, not {differences!r}")
        self.bins, self.differences = bins, differences
        self._bins: Bins | None = None
        self._differs = bool(differences)
        self._chosen = 0  # the number of bins chosen on validation text; 0 for none

    # What is learnt

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from training series whether differences are read, and where the bins are."""
        lines = [line_of(text) for text in texts]
        if self.differences is None:
            lengths = [len(line.values) for line in lines]
            wandering = sum(n for n, line in zip(lengths, lines, strict=True) if wanders(line.values))
            self._differs = 2 * wandering > sum(lengths)
        scaled, steps = [], []
        for line in lines:
            numbers = self._numbers(line)
            way = self.way(line)
            scaled.append((numbers[np.isfinite(numbers)] - way.shift) / way.scale)
            recorded = resolution(numbers[np.isfinite(numbers)]) or resolution(line.values[np.isfinite(line.values)])
            steps.append(recorded / way.scale)  # all differences of a counter are equal: its values tell the step
        values = np.concatenate(scaled) if scaled else np.zeros(0)
        if len(values) < 2:
            raise LmcompareError(
                f"the {self.kind} tokenizer needs two or more values in the training series, not {len(values)}: give"
                " longer series"
            )
        least = float(np.median(steps))  # with the greatest step, one coarse series would make all bins coarse
        self._bins = Bins.of(self.edges(values, self.number), values, least)
        vars(self).pop("labels", None)
        return self

    def alternatives(self) -> list[Tokenizer]:
        """Return the same tokenizer with other numbers of bins, if none is given."""
        found: list[Tokenizer] = []
        for number in NUMBERS if self.bins is None else ():
            found.append(other := copy(self))
            other._chosen = number
        return found

    @property
    def number(self) -> int:
        """The number of bins that is asked for; ``fit`` may find fewer."""
        return self.bins or self._chosen or 32

    @abstractmethod
    def edges(self, values: Floats, number: int) -> Floats:
        """Return at most ``number`` - 1 edges, rising, of bins for scaled training values (n,)."""

    @abstractmethod
    def way(self, line: Line) -> Way:
        """Return how the numbers of a series are scaled, from its context alone."""

    def state(self) -> State:
        """Return the bins, and whether differences are read."""
        bins = self.learnt
        values = {"differs": self._differs, "chosen": self._chosen, "low": bins.low, "high": bins.high}
        return State({"edges": bins.edges}, values)

    def restore(self, state: State) -> None:
        """Restore the bins, and whether differences are read."""
        self._differs, self._chosen = bool(state.values["differs"]), int(state.values["chosen"])
        low, high = float(state.values["low"]), float(state.values["high"])
        self._bins = Bins(np.asarray(state.arrays["edges"], np.float64), low, high)
        vars(self).pop("labels", None)

    @property
    def learnt(self) -> Bins:
        """The bins. Raises ``LmcompareError`` before ``fit``."""
        if self._bins is None:
            raise LmcompareError(f"the {self.kind} tokenizer has not learnt its bins yet: fit it to training series")
        return self._bins

    @property
    def differs(self) -> bool:
        """Whether each token stands for a difference from the value before."""
        return self._differs

    @property
    def notes(self) -> tuple[str, ...]:
        """What was learnt, in sentences."""
        how = "chosen on the validation series" if self._chosen and not self.bins else "as asked for"
        told = f"Values are read in {len(self.learnt)} bins ({how})"
        if not self._differs:
            return (f"{told}.",)
        why = "" if self.differences else ", as the training series wander or have a trend"
        return (f"{told} of their differences from the value before{why}.",)

    # Tokens

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The tokens of the bins in rising order: the scaled value in the middle of each, as short as possible."""
        centres = self.learnt.centres()
        for digits in range(2, 18):
            found = tuple(f"{centre:.{digits}g}" for centre in centres)
            if len(set(found)) == len(found):
                return found
        return tuple(f"bin{at}" for at in range(len(centres)))

    @property
    def always_tokens(self) -> tuple[str, ...]:
        """The tokens of all bins, and that of a missing value."""
        return (*self.labels, MISSING)

    def tokenize(self, text: str) -> tuple[list[str], IntArray]:
        """Return the token of each value, and where the value starts and ends in the text."""
        line = line_of(text)
        bins = self.steps(text).bins
        return [MISSING if at < 0 else self.labels[at] for at in bins.tolist()], line.spans

    def steps(self, text: str) -> Steps:
        """Return the steps of the text of a series, with their bins and the density within these."""
        line, bins = line_of(text), self.learnt
        numbers, way = self._numbers(line), self.way(line)
        known = np.isfinite(numbers)
        scaled = (numbers[known] - way.shift) / way.scale
        found, spread = np.full(len(numbers), -1, np.int64), np.zeros(len(numbers))
        found[known] = bins.place(scaled)
        spread[known] = bins.spread(scaled) + np.log(way.scale)
        return Steps(line, found, spread)

    def size(self, text: str) -> int:
        """Return how many values of a document are scored: those after its past that are not missing."""
        line = line_of(text)
        return int(np.isfinite(line.values[line.given :]).sum())

    def density(self, texts: Sequence[str]) -> FloatArray:
        """(N,) what each token is charged for the place of its value in its bin, in nats; NaN where none is scored.

        Not scored are the given past, missing values, and the ``</s>`` after each document. A tokenizer without a
        density charges nothing.
        """
        parts: list[FloatArray] = []
        for text in texts:
            steps = self.steps(text)
            scored = steps.bins >= 0
            scored[: steps.line.given] = False
            spread = steps.spread if self.has_density else np.zeros(len(scored))
            parts += [np.where(scored, spread, np.nan), np.full(1, np.nan)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def surface(self, texts: Sequence[str]) -> list[str]:
        """Return the values as they are in the text, and ``</s>`` after each document."""
        return [word for text in texts for word in (*text.split(), END_TOKEN)]

    def values_after(self, past: Floats, given: int, bins: Ints, generator: np.random.Generator) -> Floats:
        """Return the values (P, H) of P paths from their bins (P, H), after a past (n,).

        Each value is drawn from the density within its bin. The first ``given`` values of the past are given with the
        document; its scale is computed from them.
        """
        line = Line(past, np.zeros((len(past), 2), np.int64), given, False)
        way = self.way(line)
        drawn = self.learnt.draw(bins.ravel(), generator).reshape(bins.shape) * way.scale + way.shift
        if not self._differs:
            return drawn
        known = past[np.isfinite(past)]
        return np.asarray(known[-1] + drawn.cumsum(axis=1))

    def token_bytes(self, token: str) -> bytes:
        return token.encode()

    def detokenize(self, tokens: Sequence[str]) -> str:
        """Return the tokens with blanks between them: without their series, tokens have no values."""
        return " ".join(tokens)

    def bin_of(self, tokens: Sequence[str]) -> Ints:
        """(n,) the bin of each token; -1 for a token that is not a bin."""
        index = {label: at for at, label in enumerate(self.labels)}
        return np.array([index.get(token, -1) for token in tokens], np.int64)

    def _numbers(self, line: Line) -> Floats:
        """Return the values of a line, or their differences from the last known value; NaN if there is none."""
        if not self._differs:
            return line.values
        known = np.where(np.isfinite(line.values), np.arange(len(line.values)), -1)
        last = np.append(-1, np.maximum.accumulate(known)[:-1]) if len(known) else known
        found: Floats = np.where(last >= 0, line.values - line.values[np.maximum(last, 0)], np.nan)
        return found

    def _context(self, line: Line) -> Floats:
        """Return the known numbers of the context, from which scales are computed."""
        context = Line(line.context, line.spans[: len(line.context)], len(line.context), True)
        numbers = self._numbers(context)
        return numbers[np.isfinite(numbers)]


TAIL = 0.001  # the share of training values below the first edge of uniform bins, and above the last edge


class _MeanScaled(ValueTokenizer):
    """Divides values by the mean absolute value of the context."""

    def way(self, line: Line) -> Way:
        numbers = np.abs(self._context(line))
        return Way(float(numbers.mean()) if len(numbers) else 0.0)


class UniformBins(_MeanScaled):
    """Bins of equal width, for values divided by their mean size: Ansari et al. (2024), *Chronos*, section 3.1.

    The bins of Chronos reach from -15 to 15, whatever the values are. Here they cover the values of the training
    series, except the 0.1 % at each end, which fall into the open bins.
    """

    kind = "bins"
    description = "A value, divided by the mean size of its series' past, is the token of one of the equal bins."

    def edges(self, values: Floats, number: int) -> Floats:
        low, high = np.quantile(values, [TAIL, 1 - TAIL])
        return np.linspace(low, high if high > low else low + 1.0, number - 1)


class QuantileBins(_MeanScaled):
    """Bins with the same number of training values each, for values divided by their mean size."""

    kind = "quantiles"
    description = (
        "A value, divided by the mean size of its series' past, is the token of one of the bins of equal counts."
    )

    def edges(self, values: Floats, number: int) -> Floats:
        return np.unique(np.quantile(values, np.arange(1, number) / number))


MOST_LETTERS = 26


class Sax(ValueTokenizer):
    """Symbolic aggregate approximation (Lin, Keogh, Lonardi and Chiu 2003), with a letter for each value.

    Values are shifted and scaled to mean 0 and variance 1 over the past of their series, and the breakpoints make the
    letters equally likely under a normal distribution. A letter does not tell where in its bin a value is, so there
    is no density. Figures are in nats per letter and can't be compared with the figures of another tokenizer.
    """

    kind = "sax"
    description = "A value, brought to mean 0 and variance 1 over its series' past, is a letter; there is no density."
    has_density = False

    def __init__(self, bins: int = 8, differences: bool | None = None) -> None:
        if type(bins) is not int or not 3 <= bins <= MOST_LETTERS:
            raise LmcompareError(f"bins must be a whole number of letters from 3 to {MOST_LETTERS}, not {bins!r}")
        super().__init__(bins, differences)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(chr(ord("a") + at) for at in range(len(self.learnt)))

    def edges(self, values: Floats, number: int) -> Floats:
        return np.asarray(special.ndtri(np.arange(1, number) / number))

    def way(self, line: Line) -> Way:
        numbers = self._context(line)
        spread = float(numbers.std()) if len(numbers) else 0.0
        return Way(spread, float(numbers.mean()) if len(numbers) else 0.0)
