"""How a transformer knows where a token stands: what is added to word vectors, turned, or added to scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

POSITIONS = ("rotary", "learned", "sinusoidal", "alibi", "relative", "none")
BASE = 10000.0  # of the wave lengths (Vaswani et al. 2017, section 3.5)


def angles(places: Tensor, pairs: int) -> Tensor:
    """Return the (…, pairs) float64 angles of places: place · 10000^(-k / pairs)."""
    speed = BASE ** (-torch.arange(pairs, dtype=torch.float64, device=places.device) / pairs)
    return places[..., None].double() * speed


@dataclass
class Rotation:
    """``cos``, ``sin``: (S, d / 2), of the angle by which each place turns queries and keys."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, places: Tensor, pairs: int) -> Rotation:
        """Return that of (S,) places (Su et al. 2021, equation 15)."""
        angle = angles(places, pairs)
        return cls(angle.cos().float(), angle.sin().float())

    def turn(self, x: Tensor) -> Tensor:
        """Turn each pair (x_k, x_{k + d/2}) of the vectors (B, heads, T, d) at the last T places."""
        cos, sin = self.cos[-x.shape[2] :], self.sin[-x.shape[2] :]
        first, second = x.chunk(2, -1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def waves(places: Tensor, width: int) -> Tensor:
    """Return the (…, width) sines and cosines of places, sines first (Vaswani et al. 2017)."""
    angle = angles(places, width // 2)
    return torch.cat([angle.sin(), angle.cos()], -1).float()


def alibi_slopes(heads: int) -> Tensor:
    """Return (heads,) how much a place farther away takes off each head's scores (Press, Smith and Lewis 2022).

    For 2^n heads 2^(-8 / 2^n) and its powers; for other numbers those of the greatest 2^n below, and between them
    every other one of twice as many heads, as the authors do.
    """
    whole = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8.0 * h / whole) for h in range(1, whole + 1)]
    slopes += [2.0 ** (-4.0 * h / whole) for h in range(1, 2 * (heads - whole), 2)]
    return torch.tensor(slopes)
