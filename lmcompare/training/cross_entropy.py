"""Cross-entropy over large vocabularies: loss and gradient are computed together, a few rows of logits at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK_ELEMENTS = 2 * 2**20  # logits computed at once; chunks that fit in the cache are several times faster


class FullCrossEntropy(torch.autograd.Function):
    """The mean of -log softmax(x tableᵀ + bias)[target], without an (n, V) matrix in memory."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, table: Tensor, bias: Tensor, targets: Tensor, beside: Tensor | None = None
    ) -> Tensor:
        """Return the loss of features (n, d) and targets (n,), with a table (V or more, d) and a bias (V,).

        With ``beside`` b (n,) it is the mean of -log(softmax(…)[target] + exp b): what else gives the target a part.
        """
        n, types = len(targets), len(bias)
        kind = _kind(features)
        weight = table[:types].to(kind)
        to_features = torch.empty(features.shape, dtype=torch.float32, device=features.device)
        to_table, to_bias = torch.zeros_like(table), torch.zeros_like(bias)
        share = None if beside is None else torch.empty_like(beside)
        loss = torch.zeros((), dtype=torch.float64, device=features.device)
        for part in _chunks(n, types):
            x, wanted = features[part].to(kind), targets[part, None]
            log_p = torch.log_softmax((x @ weight.T).float().add_(bias), dim=1)
            own = log_p.gather(1, wanted)[:, 0]
            slope = log_p.exp_()
            slope.scatter_add_(1, wanted, torch.full_like(slope[:, :1], -1.0))
            if beside is not None and share is not None:
                own, share[part] = _with(own, beside[part])
                slope *= share[part, None]
            loss -= own.sum(dtype=torch.float64)
            to_bias += slope.sum(0)
            slope = slope.to(kind)
            to_features[part] = slope @ weight
            to_table[:types] += slope.T @ x
        ctx.save_for_backward(to_features, to_table, to_bias, share)
        ctx.kind, ctx.n = features.dtype, n
        return (loss / n).float()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that ``forward`` computed."""
        to_features, to_table, to_bias, share = ctx.saved_tensors
        scale = slope / ctx.n
        to_beside = None if share is None else (share - 1.0) * scale
        return (to_features * scale).to(ctx.kind), to_table.mul_(scale), to_bias.mul_(scale), None, to_beside


class SampledCrossEntropy(torch.autograd.Function):
    """The mean of log(exp s_t + Σ_{j in words, j ≠ t} exp(s_j - log q_j)) - s_t, with s = x tableᵀ + bias."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        table: Tensor,
        bias: Tensor,
        targets: Tensor,
        words: Tensor,
        log_q: Tensor,
        beside: Tensor | None = None,
    ) -> Tensor:
        """Return the loss; words (S,) are distinct, log_q (S,), the others as in ``FullCrossEntropy``."""
        n = len(targets)
        kind = _kind(features)
        weight = table[words].to(kind)
        offset = bias[words] - log_q
        place = torch.full((len(bias),), -1, device=words.device)
        place[words] = torch.arange(len(words), device=words.device)
        hit = place[targets]  # (n,) where the target is among the words, else -1
        to_features = torch.empty(features.shape, dtype=torch.float32, device=features.device)
        to_weight = torch.zeros(weight.shape, dtype=torch.float32, device=features.device)
        to_words = torch.zeros_like(offset)
        own_slope = torch.empty(n, dtype=torch.float32, device=features.device)
        share = torch.ones_like(own_slope)
        loss = torch.zeros((), dtype=torch.float64, device=features.device)
        for part in _chunks(n, len(words)):
            x = features[part]
            own_weight = table[targets[part]]
            own = (x.float() * own_weight).sum(1) + bias[targets[part]]
            logits = torch.empty(len(x), len(words) + 1, device=x.device)  # the target's own score is the last column
            torch.add(x.to(kind) @ weight.T, offset, out=logits[:, :-1])
            logits[:, -1] = own
            rows = torch.nonzero(hit[part] >= 0).squeeze(1)
            logits[rows, hit[part][rows]] = -torch.inf  # the target counts once, by its own score
            log_p = torch.log_softmax(logits, 1)
            found = log_p[:, -1].clone()
            slope = log_p.exp_()
            if beside is not None:
                found, share[part] = _with(found, beside[part])
                slope *= share[part, None]
            loss -= found.sum(dtype=torch.float64)
            own_slope[part] = slope[:, -1] - share[part]
            slope = slope[:, :-1]
            to_words += slope.sum(0)
            slope = slope.to(kind)
            to_features[part] = (slope @ weight).float().addcmul_(own_slope[part, None], own_weight)
            to_weight += slope.T @ x.to(kind)
        ctx.save_for_backward(features, targets, words, to_features, to_weight, to_words, own_slope, share)
        ctx.shape, ctx.mixed = table.shape, beside is not None
        return (loss / n).float()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that ``forward`` computed and add them at the words of the sample."""
        features, targets, words, to_features, to_weight, to_words, own_slope, share = ctx.saved_tensors
        scale = slope / len(targets)
        to_table = to_features.new_zeros(ctx.shape)
        to_table.index_copy_(0, words, to_weight * scale)
        to_table.index_add_(0, targets, features.float() * (own_slope * scale)[:, None])
        to_bias = to_features.new_zeros(ctx.shape[0] - 1)
        to_bias.index_copy_(0, words, to_words * scale)
        to_bias.index_add_(0, targets, own_slope * scale)
        to_beside = (share - 1.0) * scale if ctx.mixed else None
        return (to_features * scale).to(features.dtype), to_table, to_bias, None, None, None, to_beside


def _with(log_p: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
    """Return log(p + exp(beside)), both (n,), and its derivative by log p: the share of p in the sum."""
    return torch.logaddexp(log_p, beside), torch.sigmoid(log_p - beside)


def _kind(features: Tensor) -> torch.dtype:
    """Return the type in which autocast multiplies."""
    device = features.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32


def _chunks(rows: int, columns: int) -> list[slice]:
    return slices(rows, max(1, CHUNK_ELEMENTS // columns))


def slices(length: int, size: int) -> list[slice]:
    """Return the slices of at most ``size`` that cover 0 … length - 1."""
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]
