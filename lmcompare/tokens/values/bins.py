"""Bins of numbers and the density within them: uniform in a closed bin, an exponential tail in an open one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
