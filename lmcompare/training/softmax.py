"""The output layer over a large vocabulary: the full softmax in bounded memory, and a sampled one for training."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHUNK_ELEMENTS = 4 * 2**20  # logits held at once: 16 MB of float32, which stays in the cache
IGNORED = -1  # the target of padding


class Head(nn.Module):
    """log p(w | features) = features · table[w] + bias[w] - log Z.

    ``table`` is (V + 1, d): with ``embed`` the same vectors are read at the input (Press and Wolf 2017), where row V
    stands for the beginning of a document; it is never predicted. ``bias`` is (V,).
    """

    def __init__(self, types: int, width: int) -> None:
        super().__init__()
        self.types = types
        self.table = nn.Parameter(torch.randn(types + 1, width) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(types))

    @torch.no_grad()
    def start_from(self, counts: npt.NDArray[np.integer]) -> None:
        """Set the bias to the log of the (V,) training counts, add-one smoothed, so that training begins at the unigram."""
        smoothed = torch.as_tensor(np.asarray(counts, np.float64) + 1.0)
        self.bias.copy_((smoothed / smoothed.sum()).log())

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the (…, d) vectors of the input ids, V included."""
        return F.embedding(inputs, self.table)

    def log_probs(self, features: Tensor) -> Tensor:
        """Return (n, V) nats in float32 for features (n, d)."""
        logits = torch.addmm(self.bias, features.float(), self.table[: self.types].T)
        return torch.log_softmax(logits, dim=-1)

    def log_prob_of(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return (n,) nats: the log-probability of each target, with the full softmax, in bounded memory."""
        rows = max(1, CHUNK_ELEMENTS // self.types)
        out = torch.empty(len(targets), dtype=torch.float32, device=features.device)
        weight = self.table[: self.types].T
        for first in range(0, len(targets), rows):
            part = slice(first, first + rows)
            logits = torch.addmm(self.bias, features[part].float(), weight)
            chosen = logits.gather(1, targets[part, None]).squeeze(1)
            out[part] = chosen - torch.logsumexp(logits, dim=1)
        return out

    def full_loss(self, features: Tensor, targets: Tensor) -> Tensor:
        """Return the mean -log p of the targets (n,) in nats, differentiable, without keeping (n, V) anywhere."""
        loss: Tensor = _ChunkedCrossEntropy.apply(features, self.table, self.bias, targets)
        return loss

    def sampled_loss(self, features: Tensor, targets: Tensor, candidates: Candidates) -> Tensor:
        """Return the mean -log p of the targets, with Z estimated from a sample of the words.

        log Z ≈ log(exp s_t + Σ_{j in sample, j ≠ t} exp(s_j - log q_j)): each sampled word stands for the 1/q_j words
        it was drawn from (Bengio and Senécal 2008; the log-Q correction), so the mean of the estimate of Z is Z.
        """
        words, log_q = candidates.draw()
        words, log_q = words.to(features.device), log_q.to(features.device)
        logits = features @ self.table[words].T  # (n, d) x (d, S)
        logits = logits.float() + (self.bias[words] - log_q)
        own = (features.float() * F.embedding(targets, self.table).float()).sum(-1) + self.bias[targets]  # (n,)
        logits = logits.masked_fill(words[None, :] == targets[:, None], -torch.inf)
        return (torch.logaddexp(torch.logsumexp(logits, dim=1), own) - own).mean()


class Candidates:
    """Draws the words of a sampled softmax: S different ones, word j with the known probability q_j.

    q_j rises with the word's count to the power ``power`` and reaches 1 for the frequent ones. Systematic sampling
    over a random order: the size is always S and q_j is exact (Madow 1949).
    """

    def __init__(self, counts: npt.NDArray[np.integer], size: int, power: float = 0.75) -> None:
        weight = (torch.as_tensor(np.asarray(counts, np.float64)) + 1.0) ** power
        self.size = min(size, len(weight))
        self.probability = _inclusion(weight, self.size)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Return the words (S,) and their log q (S,), from torch's global generator."""
        order = torch.randperm(len(self.probability))
        edges = torch.cumsum(self.probability[order], 0)
        marks = torch.arange(self.size, dtype=torch.float64) + torch.rand((), dtype=torch.float64)
        hits = torch.searchsorted(edges, marks, right=True).clamp_(max=len(order) - 1)
        words = order[hits]
        return words, self.probability[words].log().float()


def _inclusion(weight: Tensor, size: int) -> Tensor:
    """Return min(1, c · weight) with c such that the sum is ``size``."""
    certain = torch.zeros(len(weight), dtype=torch.bool)
    while True:
        rest = size - int(certain.sum())
        scale = rest / weight[~certain].sum().clamp_min(1e-300)
        probability = torch.where(certain, 1.0, weight * scale)
        more = (probability >= 1.0) & ~certain
        if not bool(more.any()):
            return probability
        certain |= more


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Cross-entropy of a linear layer whose gradient is made beside the loss, a few rows at a time."""

    @staticmethod
    def forward(ctx, features, table, bias, targets):  # type: ignore[no-untyped-def]
        types, n = len(bias), len(targets)
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else features.dtype
        weight = table[:types].to(kind)
        rows = max(1, CHUNK_ELEMENTS // types)
        loss = torch.zeros((), dtype=torch.float64, device=features.device)
        to_features = torch.empty_like(features, dtype=torch.float32)
        to_table = torch.zeros_like(table)
        to_bias = torch.zeros_like(bias)
        for first in range(0, n, rows):
            part = slice(first, first + rows)
            x = features[part].to(kind)
            log_p = torch.log_softmax((x @ weight.T).float() + bias, dim=1)
            loss -= log_p.gather(1, targets[part, None]).sum()
            slope = log_p.exp_()
            slope[torch.arange(len(x)), targets[part]] -= 1.0
            to_bias += slope.sum(0)
            slope = slope.to(kind)
            to_features[part] = slope @ weight
            to_table[:types] += slope.T @ x
        ctx.save_for_backward(to_features, to_table, to_bias)
        ctx.n = n
        return (loss / max(n, 1)).float()

    @staticmethod
    def backward(ctx, slope):  # type: ignore[no-untyped-def]
        to_features, to_table, to_bias = ctx.saved_tensors
        scale = slope / max(ctx.n, 1)
        return to_features * scale, to_table * scale, to_bias * scale, None
