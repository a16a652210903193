"""A recurrent network with a pointer, which can copy words that it has read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lmcompare.exhibits import Exhibit
from lmcompare.model import SHORT_WINDOW, FloatArray, LanguageModel, check_reach
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn.network import Recurrence
from lmcompare.models.rnn.plugin import Rnn
from lmcompare.models.rnn_attention.window_attention import MultiplicativeAttention
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.cross_entropy import slices
from lmcompare.training.network import Memory
from lmcompare.training.softmax import ROWS, Head


class PointerHead(Head):
    """p(w) = a_0 · p_softmax(w) + Σ_{j: w_j = w} a_j, where a_0 + Σ_j a_j = 1 (Merity et al. 2017, equations 4 to 7).

    The features (n, d + 1 + 2 W) are those of the softmax, then log a_0, the W logarithms log a_j, and the W ids w_j.
    """

    def __init__(self, types: int, width: int, window: int) -> None:
        super().__init__(types, width)
        self.width, self.window = width, window

    def split(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the features of the softmax (n, d), log a_0 (n,), log a (n, W) and the ids (n, W)."""
        f, softmax, copies, ids = features.split_with_sizes([self.width, 1, self.window, self.window], 1)
        return f, softmax[:, 0], copies, ids.long()

    def log_probs(self, features: Tensor) -> Tensor:
        """Return the log-probabilities (n, V), in nats."""
        f, softmax, copies, ids = self.split(features.float())
        written = super().log_probs(f) + softmax[:, None]
        copied = torch.zeros_like(written).scatter_add_(1, ids, copies.exp())
        return torch.logaddexp(written, copied.log()).clamp_(max=0.0)

    def log_prob_of(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return (n,) nats: the log-probability of each target."""
        f, softmax, copies, ids = self.split(features.float())
        return _mixed(super().log_prob_of(f, targets), softmax, copies, ids, targets).clamp_(max=0.0)

    def full_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the mean -log p of the targets (n,) in nats; logits are computed again in the backward pass."""
        f, softmax, copies, ids = self.split(features.float())
        written = [checkpoint(self._written, f[r], targets[r], use_reentrant=False) for r in slices(len(f), ROWS)]
        return -_mixed(torch.cat(written), softmax, copies, ids, targets).mean()

    def _written(self, f: Tensor, targets: Tensor) -> Tensor:
        logits = f @ self.table[: self.types].T + self.bias
        return torch.log_softmax(logits, 1).gather(1, targets[:, None])[:, 0]

    def sampled_loss(self, features: Tensor, targets: Tensor, words: Tensor, log_q: Tensor) -> Tensor:
        """Return the mean -log p of the targets in nats, with Z of the softmax estimated as in ``Head``."""
        f, softmax, copies, ids = self.split(features.float())
        words, log_q = words.to(f.device), log_q.to(f.device)
        own = (f * self.table[targets]).sum(1) + self.bias[targets]
        others = f @ self.table[words].T + (self.bias[words] - log_q)  # (n, S)
        others = others.masked_fill(words == targets[:, None], -math.inf)  # the target counts once, by its own score
        written = own - torch.logsumexp(torch.cat([others, own[:, None]], 1), 1)
        return -_mixed(written, softmax, copies, ids, targets).mean()


def _mixed(written: Tensor, softmax: Tensor, copies: Tensor, ids: Tensor, targets: Tensor) -> Tensor:
    """Return (n,) log p of the targets, given their (n,) log-probabilities by the softmax."""
    there = ids == targets[:, None]
    copied = torch.logsumexp(copies.masked_fill(~there, -1e30), 1)  # finite: an infinite one would have no gradient
    return torch.logaddexp(written + softmax, copied)


class PointerNetwork(Recurrence):
    """A recurrent network whose attention weights are probabilities of copying, and no features."""

    head: PointerHead

    def __init__(
        self, types: int, cell: str, width: int, hidden: int, layers: int, attention: int, window: int, dropout: float
    ) -> None:
        super().__init__(types, cell, width, hidden, layers, dropout)
        self.head = PointerHead(types, width, window)
        self.attention = MultiplicativeAttention(hidden, attention, window)
        self.sentinel = nn.Linear(hidden, 1)
        nn.init.constant_(self.sentinel.bias, math.log(window) + 2.0)  # it begins as a softmax, to about 7/8
        self.output = nn.Linear(hidden, width)

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d + 1 + 2 W) that ``PointerHead`` takes, and the memory.

        The memory is that of ``states``; ``past`` (B, W, H), the last states, of which ``filled`` (B,) are valid; and
        ``words`` (B, W), the inputs from which they come. A past state points to the word that came after it.
        """
        window, (rows, length) = self.attention.window, inputs.shape
        states, left = self.states(inputs, memory)
        if memory is None:
            past, words = states.new_zeros(rows, window, states.shape[2]), inputs.new_zeros(rows, window)
            filled = inputs.new_zeros(rows)
        else:
            past, words, filled = memory["past"].to(states.dtype), memory["words"], memory["filled"]
        scores = self.attention.scores(states, torch.cat([past, states[:, :-1]], 1))
        scores = scores.float().masked_fill(~self.attention.visible(length, filled), -1e9)  # (B, T, W)
        shares = torch.log_softmax(torch.cat([self.sentinel(states).float(), scores], 2), 2)  # (B, T, 1 + W)
        read = torch.cat([words, inputs], 1)  # (B, W + T)
        after = (
            read[:, 1:].unfold(1, window, 1).clamp(max=self.head.types - 1)
        )  # (B, T, W): a beginning has no weight
        left["past"] = torch.cat([past, states], 1)[:, -window:].float()
        left["words"], left["filled"] = read[:, -window:], (filled + length).clamp(max=window)
        return torch.cat([self.features(states).float(), shares, after.float()], 2), left


@dataclass(eq=False, kw_only=True)
class PointerRnn(Rnn):
    """A recurrent model that may copy a word which it has read: the pointer sentinel mixture (Merity et al. 2017).

    Each of the last ``window`` states points to the word that came after it, and the attention weights of the present
    state, shared with the softmax, are the probabilities of copying these words. Merity's states point to the word
    that they have just read; pointing to the next one, as in Grave et al. (2017), asks "what came after a state like
    this one?".

    The other hyper-parameters are those of ``Rnn``.

    Parameters
    ----------
    attention : int, default=16
        The size of the vectors that are compared.
    window : int, default=128
        From how many states back words are copied.
    """

    attention: int = 16
    window: int = 128

    def __post_init__(self) -> None:
        self.check_whole(1, "attention")
        self.check_whole(1, "window", most=10**5)
        super().__post_init__()

    def title(self) -> str:
        """Return the display name."""
        return "RNN with a pointer"

    def network(self, types: int) -> PointerNetwork:
        """Return the untrained network."""
        recurrence = (self.cell, self.width, self.hidden, self.layers)
        return PointerNetwork(types, *recurrence, self.attention, self.window, self.dropout)

    def check_text(self, train: Encoded) -> None:
        """Refuse a window beyond the longest document."""
        check_reach("window", self.window, train, "document", SHORT_WINDOW)

    def context_vectors(self, text: Encoded, at: IntArray) -> FloatArray | None:
        """Return the (n, width) vectors of the tokens: the features have more than one vector."""
        return LanguageModel.context_vectors(self, text, at)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the nearest words."""
        yield tied_neighbours(self, text)
