"""From data to pixels: linear and logarithmic scales with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LEAST = 1e-300  # of a scale: smaller values are drawn at the beginning of a logarithmic one


@dataclass(frozen=True)
class Scale:
    """Maps ``domain`` to ``pixels`` (which may run backwards, as y does); logarithmic if ``log``.

    ``choices``: values that are round in their unit where powers of ten are not, as a minute is.
    """

    domain: tuple[float, float]
    pixels: tuple[float, float]
    log: bool = False
    choices: tuple[float, ...] = ()

    def __call__(self, value: float) -> float:
        low, high, at = (_log(v) if self.log else v for v in (*self.domain, value))
        first, last = self.pixels
        return first + (last - first) * ((at - low) / (high - low) if high > low else 0.5)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values inside the domain, about that many; ``choices`` if at least two are inside."""
        chosen = [v for v in self.choices if self.domain[0] <= v <= self.domain[1]]
        if len(chosen) >= 2:
            return chosen[:: -(-len(chosen) // (about + 1))]
        return _log_ticks(*self.domain, about) if self.log else _linear_ticks(*self.domain, about)


def fit(
    values: Iterable[float | None],
    pixels: tuple[float, float],
    *,
    log: bool | None = None,
    pad: float = 0.06,
    choices: tuple[float, ...] = (),
) -> Scale:
    """Return a scale that shows all the finite values with some room around them.

    ``log`` None: logarithmic where all are above zero and the largest is more than thirty times the smallest.
    ``choices``: see ``Scale``. With no values at all the domain is 0 to 1.
    """
    found = [float(v) for v in values if v is not None and math.isfinite(v)]
    if not found:
        return Scale((0.0, 1.0), pixels)
    low, high = min(found), max(found)
    log = (low > 0 and high / low > 30) if log is None else (log and low > 0)
    if log:
        low, high = max(low, LEAST), max(high, LEAST)
        room = pad * (math.log(high) - math.log(low) or 1.0)
        return Scale((max(low * math.exp(-room), LEAST), high * math.exp(room)), pixels, True, choices)
    room = pad * max(high - low or abs(high) or 1.0, LEAST)
    return Scale((low - room, high + room), pixels)


def _log(value: float) -> float:
    return math.log10(max(value, LEAST))


def _linear_ticks(low: float, high: float, about: int) -> list[float]:
    step = _round_step((high - low) / max(1, about))
    first = math.ceil(low / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _round_step(rough: float) -> float:
    if rough <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * 0.999)


def _log_ticks(low: float, high: float, about: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    choices: tuple[Sequence[int], ...] = ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
    for within in choices:
        found = [w * 10.0**e for e in range(first, last + 1) for w in within if low <= w * 10.0**e <= high]
        if len(found) <= about + 1:
            break
    if len(found) < 3:
        return _linear_ticks(low, high, about)
    every = math.ceil(len(found) / (about + 1))
    return found[::every]
