"""How far back models of series read: the lags that their next distribution depends on, and what heads look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Attention, from_json
from lmcompare.exhibits.attention import Head, weights
from lmcompare.render import numbers
from lmcompare.render.charts.lines import Line, lines
from lmcompare.render.templating import fill
from lmcompare.render.titles import sentence, spoken
from lmcompare.report.data import Model, Section
from lmcompare.report.series.values import SeriesData

FEW = 0.005  # nats: a lag that changes the distribution by less hardly counts
CLEAR = 1.5  # times the mean weight: a lag with less does not stand out
HEADS = 12


@dataclass(frozen=True)
class LookingBack:
    """A head with the mean weight that it gives to each lag; 0 is the step that looks."""

    model: Model
    name: str
    shares: Sequence[float]

    @property
    def most(self) -> str:
        """The lag of the greatest weight, or that no lag has much more weight than others."""
        lag = int(np.argmax(self.shares))
        clear = self.shares[lag] > CLEAR * float(np.mean(self.shares))
        return f"most at lag {lag}" if clear else "at no lag much more than at others"


def build(data: SeriesData) -> Section | None:
    """Return the section; None if no model was asked."""
    found = {model: _lags(model) for model in data.data.scored}
    found = {model: each for model, each in found.items() if each and max(each) > 0}
    if not found:
        return None
    drawn = [
        Line(model.title, model.index, [float(lag) for lag in range(1, len(each) + 1)], each)
        for model, each in found.items()
    ]
    label = "How much the next distribution changes with another value at each lag, a line for each model"
    chart = lines(drawn, label, "Lag in steps", "Nats (Kullback-Leibler)", numbers.tidy, numbers.tidy)
    said = [told(spoken(model.title), each) for model, each in found.items()]
    heads = [each for model in data.data.scored for each in looking_back(model)][:HEADS]
    width = max((len(each.shares) for each in heads), default=0)
    html = fill("series/lags", chart=chart, said=said, heads=heads, width=width)
    return Section.of("lags", "How far back they read", html)


def _lags(model: Model) -> list[float]:
    """Return the mean over trainings."""
    stored = [cell.measured("lags") or [] for cell in model.entry.done]
    lengths = {len(each) for each in stored}
    return np.mean(stored, axis=0).tolist() if len(lengths) == 1 and lengths != {0} else []


def told(name: str, lags: Sequence[float]) -> str:
    """Return which lags a model reads most, in a sentence."""
    order = np.argsort(-np.array(lags), kind="stable")
    counting = [int(lag) + 1 for lag in order[:3] if lags[int(lag)] >= FEW]
    if not counting:
        return f"{sentence(name)} hardly reads any earlier step."
    steps = numbers.listed([f"{lag} ({numbers.decimals(lags[lag - 1], 2)} nats)" for lag in counting])
    which = "lag" if len(counting) == 1 else "lags"
    return f"{sentence(name)} reads most at {which} {steps}."


def looking_back(model: Model) -> Iterator[LookingBack]:
    """Yield for each head of a model's exhibits of attention the mean weight by lag, over all steps that look."""
    exhibits = [
        exhibit for stored in model.cell.measured("exhibits") or () if (exhibit := _attention(stored)) is not None
    ]
    if not exhibits:
        return
    for number, head in enumerate(exhibits[0].heads):
        sums: dict[int, list[float]] = {}
        for exhibit in exhibits:
            if number >= len(exhibit.heads):
                continue
            given = weights(exhibit, Head.of(exhibit, exhibit.heads[number]).scores)
            size = len(exhibit.words)
            for at in range(size // 2, size):  # the first steps have few steps before them
                for lag in range(at + 1):
                    sums.setdefault(lag, []).append(float(given[at, at - lag]))
        shares = [float(np.mean(sums[lag])) for lag in sorted(sums)]
        yield LookingBack(model, head.name, shares)


def _attention(stored: object) -> Attention | None:
    if not isinstance(stored, dict) or stored.get("kind") != Attention.kind:
        return None
    try:
        exhibit = from_json(stored)
    except LmcompareError:
        return None
    return exhibit if isinstance(exhibit, Attention) else None
