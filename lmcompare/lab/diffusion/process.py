"""The diffusion process: how noise is added to a picture, and how it is taken away again.

A picture x_0 becomes noise in T steps (Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models",
equation 4)::

    x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε,   ε ~ N(0, 1)

with the cosine schedule of Nichol and Dhariwal (2021, "Improved denoising diffusion probabilistic models", equation
17). From x_t, t and the prompt a network learns the velocity (Salimans and Ho 2022, "Progressive distillation for
fast sampling of diffusion models", section 4)::

    v = √ᾱ_t ε - √(1 - ᾱ_t) x_0

which says as much as the noise ε or the picture x_0: each follows from another one and x_t. With it a picture is made
out of noise in S ≤ T steps (Song, Meng and Ermon 2021, "Denoising diffusion implicit models", equation 12 with
σ = 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

STEPS = 100  # T: of the noising
OFFSET, LEAST = 0.008, 1e-4  # of the schedule; the least share of a picture


@dataclass(frozen=True)
class Noise:
    """The schedule of the noise.

    Parameters
    ----------
    kept : Tensor, shape (T,)
        ᾱ_t: the share of the variance of x_t that is the picture's, for t = 1 … T.
    """

    kept: Tensor

    @classmethod
    def cosine(cls, steps: int = STEPS) -> Self:
        """Return the schedule ᾱ_t = cos²(π/2 · (t/T + s) / (1 + s)), over its value at t = 0, with s = 0.008."""
        at = torch.arange(steps + 1, dtype=torch.float64) / steps
        curve = torch.cos(math.pi / 2 * (at + OFFSET) / (1 + OFFSET)) ** 2
        return cls((curve[1:] / curve[0]).clamp(min=LEAST).float())

    def __len__(self) -> int:
        return len(self.kept)

    def noised(self, pictures: Tensor, at: Tensor, noise: Tensor) -> Tensor:
        """Return x_t of pictures (B, P) at steps (B,), counted from 0, with standard normal noise (B, P)."""
        kept = self.kept[at][:, None]  # (B, 1)
        return kept.sqrt() * pictures + (1 - kept).sqrt() * noise

    def velocity(self, pictures: Tensor, at: Tensor, noise: Tensor) -> Tensor:
        """Return v = √ᾱ_t ε - √(1 - ᾱ_t) x_0 (B, P), which the network learns, of pictures and their noise (B, P)."""
        kept = self.kept[at][:, None]  # (B, 1)
        return kept.sqrt() * noise - (1 - kept).sqrt() * pictures

    def clean(self, noised: Tensor, at: int, velocity: Tensor) -> Tensor:
        """Return the picture x_0 = √ᾱ_t x_t - √(1 - ᾱ_t) v (B, P), cut to -1 … 1."""
        kept = self.kept[at]
        return (kept.sqrt() * noised - (1 - kept).sqrt() * velocity).clamp(-1, 1)

    def back(self, noised: Tensor, at: int, to: int, velocity: Tensor) -> Tensor:
        """Return the picture at step ``to`` < ``at``, or the clean one if ``to`` is -1 (DDIM, without new noise)."""
        picture = self.clean(noised, at, velocity)
        if to < 0:
            return picture
        own, kept = self.kept[at], self.kept[to]
        noise = (noised - own.sqrt() * picture) / (1 - own).sqrt()  # that fits the cut picture
        return kept.sqrt() * picture + (1 - kept).sqrt() * noise


def guided(without: Tensor, given: Tensor, strength: float) -> Tensor:
    """Return the velocity with guidance: v = v(x, ∅) + s (v(x, c) - v(x, ∅)).

    Classifier-free guidance (Ho and Salimans 2022, "Classifier-free diffusion guidance", equation 6, in which the
    strength is w = s - 1 and the network learns the noise; for the same x_t, guidance of the velocity is the same).
    With s = 0 the prompt has no effect, with s = 1 there is no guidance, and with s > 1 the picture is drawn towards
    what the prompt changes.

    Parameters
    ----------
    without, given : Tensor, shape (B, P)
        What the network finds without a prompt and with it.
    strength : float
        s.
    """
    return without + strength * (given - without)
