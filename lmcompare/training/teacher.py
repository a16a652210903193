"""What a trained model, the teacher, predicts for each token of the training text, for a network to learn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lmcompare.model import FloatArray, LanguageModel, streamed
from lmcompare.tokens import Encoded, IntArray

KEPT = 16  # words at each token; the probability that the teacher gives to all others goes to the target


class Taught(NamedTuple):
    """The teacher's predictions for the tokens of a batch: ``words`` and ``shares`` (B, T, K), and ``weight``."""

    words: Tensor
    shares: Tensor
    weight: float


@dataclass(frozen=True, eq=False)
class Teacher:
    """The most likely words of a model at each token of a text.

    Parameters
    ----------
    words : ndarray of shape (N, K)
        The words, int32, in no particular order.
    shares : ndarray of shape (N, K)
        The probabilities of the words, float16.
    weight : float
        α: the loss is 1 - α times the loss of the target, plus α times the loss of the teacher's distribution.
    """

    words: IntArray
    shares: npt.NDArray[np.float16]
    weight: float

    @classmethod
    def of(cls, model: LanguageModel, text: Encoded, weight: float) -> Self:
        """Return the predictions of a model for each token of a text."""
        kept = min(KEPT, len(text.vocabulary))
        words = np.zeros((len(text), kept), np.int32)
        shares = np.zeros((len(text), kept), np.float16)
        for at, block in streamed(model, text):
            words[at] = _likely(block, kept)
            shares[at] = np.exp(np.take_along_axis(block, words[at], 1).astype(np.float64))
        return cls(words, shares, weight)

    def at(self, firsts: IntArray, width: int, device: str) -> Taught:
        """Return the predictions for ``width`` tokens from each of B positions; past the end, for the last token."""
        places = (firsts[:, None] + np.arange(width)).clip(max=len(self.words) - 1)
        words = torch.from_numpy(self.words[places].astype(np.int64)).to(device)
        return Taught(words, torch.from_numpy(self.shares[places].astype(np.float32)).to(device), self.weight)


def _likely(block: FloatArray, kept: int) -> IntArray:
    """(B, K) the words with the greatest log-probabilities, in no particular order."""
    if kept == block.shape[1]:
        return np.tile(np.arange(kept), (len(block), 1))
    return np.argpartition(-block, kept - 1, axis=1)[:, :kept]
