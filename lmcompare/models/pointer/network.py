"""The network of the pointer: attention from the features of another network to its earlier features."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from lmcompare.errors import LmcompareError
from lmcompare.models.pointer.head import NONE, PointerHead
from lmcompare.training.network import Memory, Network

PAST, WORDS, FILLED = OWN = ("pointer_past", "pointer_words", "pointer_filled")  # names in the memory


class PointerNetwork(Network):
    """A network over another one, the inner network, whose attention weights are probabilities of copying.

    The features f of the inner network are the input of the softmax, and the pointer compares them:
    e_ij = (W f_i) · (U f_j) / √A + b_(i - j) for the ``window`` positions before i, and e_i0 = s · f_i + c.
    """

    head: PointerHead

    def __init__(self, inner: Network, attention: int, window: int) -> None:
        super().__init__()
        self.piece, self.room, self.window = inner.piece, inner.room, window
        inner.head = PointerHead.over(inner.head)
        self.inner = inner
        # Registered a second time, its parameters would be in the state twice.
        object.__setattr__(self, "head", inner.head)
        width = inner.head.width
        self.query, self.key = (nn.Linear(width, attention, bias=False) for _ in range(2))
        self.distance = nn.Parameter(torch.zeros(window))  # b, the nearest first
        self.sentinel = nn.Linear(width, 1)
        nn.init.constant_(self.sentinel.bias, math.log(window) + 2.0)  # at first, the softmax has a weight of 7/8

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d + 1 + 2 C) that ``PointerHead`` takes, C = M + T - 1, and the memory.

        The memory is that of the inner network; ``pointer_past`` (B, M, d), the last M features, at most ``window``,
        of which ``pointer_filled`` (B,) are valid; and ``pointer_words`` (B, M), the inputs at their positions. Each
        of them points to the word that came after it. At the beginning M is 1, and that position is not valid.
        """
        features, left = self.inner(inputs, _below(memory))
        if memory is None:
            past, words = torch.zeros_like(features[:, :1]), torch.zeros_like(inputs[:, :1])
            filled = torch.zeros_like(inputs[:, 0])
        else:
            past, words, filled = memory[PAST].to(features.dtype), memory[WORDS], memory[FILLED]
        known = torch.cat([past, features], 1)  # (B, M + T, d)
        read = torch.cat([words, inputs], 1)  # (B, M + T)
        scores = self._scores(features, known[:, :-1], filled)
        # The beginning of a document is not a word, but no visible position comes before it.
        ids = read[:, None, 1:].clamp(max=self.head.types - 1).float().expand_as(scores)
        left[PAST] = known[:, -self.window :].float()
        left[WORDS] = read[:, -self.window :]
        left[FILLED] = (filled + inputs.shape[1]).clamp(max=self.window)
        return torch.cat([features.float(), self.sentinel(features).float(), scores, ids], 2), left

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor | None:
        """Return the words that the inner network reads: past words are copied by their ids."""
        return self.inner.words_read(inputs, _below(memory))

    def _scores(self, features: Tensor, before: Tensor, filled: Tensor) -> Tensor:
        """Return the scores (B, T, C) of features (B, T, d) with those at the C positions ``before`` (B, C, d)."""
        place = torch.arange(before.shape[1], device=features.device)
        remembered = before.shape[1] - features.shape[1] + 1  # M
        back = remembered + torch.arange(features.shape[1], device=features.device)[:, None] - place  # (T, C)
        near = (back >= 1) & (back <= self.window)
        bias = torch.where(near, self.distance[(back - 1).clamp(0, self.window - 1)], NONE)
        query = self.query(features) / math.sqrt(self.query.out_features)
        scores = (query @ self.key(before).transpose(1, 2)).float() + bias  # (B, T, C)
        there = place >= remembered - filled[:, None]  # (B, C)
        return scores if bool(there.all()) else torch.where(there[:, None], scores, NONE)

    def in_page(self) -> list[dict[str, Any]]:
        """Refuse: the page has no layer that copies."""
        raise LmcompareError("the page can't copy words yet")


def _below(memory: Memory | None) -> Memory | None:
    """Return the memory of the inner network."""
    return None if memory is None else {name: value for name, value in memory.items() if name not in OWN}
