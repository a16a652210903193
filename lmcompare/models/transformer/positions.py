"""Position encodings: how a transformer, which compares all words at once, knows where each word stands.

"rotary" turns queries and keys (Su et al. 2021), "sinusoidal" (Vaswani et al. 2017) and "learned" add a vector to
the word vectors, and "alibi" (Press, Smith and Lewis 2022) and "relative" (Raffel et al. 2020) a number to the
scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

POSITIONS = ("rotary", "learned", "sinusoidal", "alibi", "relative", "none")
BASE = 10000.0  # the base of the wave lengths (Vaswani et al. 2017, section 3.5)


def angles(places: Tensor, pairs: int) -> Tensor:
    """Return the angles of positions, (…, pairs) in float64: position · 10000^(-k / pairs)."""
    speed = BASE ** (-torch.arange(pairs, dtype=torch.float64, device=places.device) / pairs)
    return places[..., None].double() * speed


@dataclass
class Rotation:
    """The cosines and sines (S, d / 2) of the angles by which queries and keys are rotated at each position."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, places: Tensor, pairs: int) -> Rotation:
        """Return the rotation of (S,) positions (Su et al. 2021, equation 15)."""
        angle = angles(places, pairs)
        return cls(angle.cos().float(), angle.sin().float())

    def turn(self, x: Tensor) -> Tensor:
        """Rotate each pair (x_k, x_{k + d/2}) of the vectors (B, H, T, d) of the last T positions."""
        cos, sin = self.cos[-x.shape[2] :], self.sin[-x.shape[2] :]
        first, second = x.chunk(2, -1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def waves(places: Tensor, width: int) -> Tensor:
    """Return the sines and cosines of positions, (…, width), sines first (Vaswani et al. 2017)."""
    angle = angles(places, width // 2)
    return torch.cat([angle.sin(), angle.cos()], -1).float()


def alibi_slopes(heads: int) -> Tensor:
    """Return (H,): how much the scores of each head fall per position (Press, Smith and Lewis 2022).

    For 2^n heads they are the powers of 2^(-8 / 2^n). For another number of heads they are the slopes of the greatest
    2^n below it, and then every other slope of twice as many heads, as in the authors' code.
    """
    whole = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8.0 * h / whole) for h in range(1, whole + 1)]
    slopes += [2.0 ** (-4.0 * h / whole) for h in range(1, 2 * (heads - whole), 2)]
    return torch.tensor(slopes)


def relative_bias(learned: Tensor, heads: int, distance: Tensor, *, causal: bool) -> Tensor:
    """Return the number that each head adds to the scores at distances (T, S): (H, T, S).

    ``learned`` has one for each head and distance, from 0 or, without a causal mask, from 1 - window to window - 1.
    Farther positions are masked.
    """
    table = learned.view(heads, -1)
    least = 0 if causal else table.shape[1] // 2
    place = (distance + least).clamp(0, table.shape[1] - 1)
    # indexing would add gradients in the order in which threads arrive
    return table.index_select(1, place.flatten()).view(heads, *place.shape)
