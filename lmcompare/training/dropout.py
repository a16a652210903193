"""Dropout that draws an eighth of the random numbers, since drawing them is slow on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """Set a ``share`` of the numbers to zero and scale up the rest, in training only (Srivastava et al. 2014).

    On a CPU the share is rounded to a multiple of 1/256, so that one random byte decides about a number: torch's
    generator, which remains the only source of randomness, draws 8 bytes at once.
    """
    if not training or share <= 0.0:
        return x
    if x.device.type != "cpu":
        return functional.dropout(x, share, training)
    dropped = min(round(256 * share), 255)
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    kept = (words.view(torch.uint8)[: x.numel()] >= dropped).view(x.shape)
    return x * (kept.to(x.dtype) * (256.0 / (256 - dropped)))
