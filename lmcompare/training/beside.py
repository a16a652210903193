"""The probabilities of another model, which a network's are mixed with while it is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lmcompare.model import FloatArray
from lmcompare.tokens import IntArray


@dataclass(frozen=True, eq=False)
class Beside:
    """What another model gives to the tokens of the texts of a training, in nats.

    Parameters
    ----------
    train : ndarray of shape (N,)
        The training text. The other model must not have seen the tokens that it scores: else the network learns to
        rely on it more than it should on other texts.
    valid : ndarray of shape (M,)
        The excerpt on which the training is evaluated.
    """

    train: FloatArray
    valid: FloatArray

    def at(self, firsts: IntArray, width: int, device: str) -> Tensor:
        """Return (B, T): what it gives to T tokens from each of B places on; beyond the end, to the last token."""
        places = (firsts[:, None] + np.arange(width)).clip(max=len(self.train) - 1)
        return torch.from_numpy(self.train[places].astype(np.float32)).to(device)
