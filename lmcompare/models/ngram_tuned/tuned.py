"""What was tuned, small enough to be kept and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lmcompare.counts.counting.ngrams import Counts
from lmcompare.counts.estimating.discount_classes import Classes
from lmcompare.counts.estimating.pitman_yor import Parameters, taken

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Tuned:
    """Of each of the n orders: what parts its contexts, their strengths, and its mean discounts.

    ``edges``: the mean counts that part the groups of contexts, rising; ``strengths``: of each group;
    ``discounts``: of each count 1 … J or more, the mean over the n-grams of train, or None where no n-gram has it.
    ``unknown``: the share of ``<unk>`` below the unigrams, ``weight``: what the unigrams leave to it.
    """

    edges: Rows
    strengths: Rows
    discounts: tuple[tuple[float | None, ...], ...]
    unknown: float
    weight: float

    @classmethod
    def of(cls, parameters: Parameters, counts: Sequence[Counts], classes: Classes) -> Tuned:
        """Take the means over the n-grams of train."""
        amounts = taken(parameters, counts, classes)
        ends = np.cumsum(classes.n_groups)
        strengths = [parameters.strengths[a:b] for a, b in zip(classes.first_rows, ends, strict=True)]
        means = []
        for level, amount in zip(counts, amounts, strict=True):
            row = level.adjusted.clip(max=classes.levels)
            sums = np.bincount(row, weights=amount, minlength=classes.levels + 1)[1:]
            numbers = np.bincount(row, minlength=classes.levels + 1)[1:]
            means.append(tuple(float(s / n) if n else None for s, n in zip(sums, numbers, strict=True)))
        theta = strengths[0][0]
        return cls(
            edges=tuple(tuple(map(float, o.edges)) for o in classes.orders),
            strengths=tuple(tuple(map(float, s)) for s in strengths),
            discounts=tuple(means),
            unknown=parameters.unknown,
            weight=float((amounts[0].sum() + theta) / (classes.orders[0].totals[0] + theta)),
        )

    def strength(self, k: int, mean: float) -> float:
        """Return θ of a context of k - 1 words with this mean count."""
        return self.strengths[k - 1][int(np.searchsorted(self.edges[k - 1], mean, side="left"))]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able table."""
        return asdict(self)

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Tuned:
        """Return what ``to_json`` stored."""
        edges, strengths, discounts = (tuple(map(tuple, table[n])) for n in ("edges", "strengths", "discounts"))
        return cls(edges, strengths, discounts, float(table["unknown"]), float(table["weight"]))
