"""What a trained model, the teacher, expects at each token of the training text, for a network to learn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lmcompare.model import FloatArray, LanguageModel, streamed
from lmcompare.tokens import Encoded, IntArray

KEPT = 16  # words at each token; what the teacher gives to others goes to the word that came


class Taught(NamedTuple):
    """What the teacher expects at the tokens of a batch: ``words`` and ``shares`` (B, T, K), and their ``weight``."""

    words: Tensor
    shares: Tensor
    weight: float


@dataclass(frozen=True, eq=False)
class Teacher:
    """The most likely words of a model at each token of a text.

    Parameters
    ----------
    words : ndarray of shape (N, K)
        int32, in no order.
    shares : ndarray of shape (N, K)
        float16, their probabilities.
    weight : float
        α: of the loss, the part 1 - α is that of the word that came, and α that of the teacher's distribution.
    """

    words: IntArray
    shares: npt.NDArray[np.float16]
    weight: float

    @classmethod
    def of(cls, model: LanguageModel, text: Encoded, weight: float) -> Self:
        """Return what a model expects at each token of a text."""
        kept = min(KEPT, len(text.vocabulary))
        words = np.zeros((len(text), kept), np.int32)
        shares = np.zeros((len(text), kept), np.float16)
        for at, block in streamed(model, text):
            words[at] = _likely(block, kept)
            shares[at] = np.exp(np.take_along_axis(block, words[at], 1).astype(np.float64))
        return cls(words, shares, weight)

    def at(self, firsts: IntArray, width: int, device: str) -> Taught:
        """Return what it expects at ``width`` tokens from each of B places on; beyond the end, at the last token."""
        places = (firsts[:, None] + np.arange(width)).clip(max=len(self.words) - 1)
        words = torch.from_numpy(self.words[places].astype(np.int64)).to(device)
        return Taught(words, torch.from_numpy(self.shares[places].astype(np.float32)).to(device), self.weight)


def _likely(block: FloatArray, kept: int) -> IntArray:
    """(B, K) the words of the greatest log-probabilities, in no order."""
    if kept == block.shape[1]:
        return np.tile(np.arange(kept), (len(block), 1))
    return np.argpartition(-block, kept - 1, axis=1)[:, :kept]
