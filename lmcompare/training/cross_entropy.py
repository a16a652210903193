"""Cross-entropy over large vocabularies: loss and gradient are computed together, a few rows of logits at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

CHUNK_ELEMENTS = 2 * 2**20  # logits computed at once; chunks that fit in the cache are several times faster
STEP = 256  # rows and samples are padded to multiples of it, since oneDNN compiles, slowly, for each new shape


def full_cross_entropy(
    features: Tensor, table: Tensor, bias: Tensor, targets: Tensor, beside: Tensor | None = None
) -> Tensor:
    """Return the mean of -log softmax(x tableᵀ + bias)[target], without an (n, V) matrix in memory.

    Parameters
    ----------
    features : (n, d) Tensor
        x.
    table : (V or more, d) Tensor
    bias : (V,) Tensor
    targets : (n,) Tensor of int64
    beside : (n,) Tensor or None, default=None
        b: the loss is the mean of -log(softmax(…)[target] + exp b), where exp b is the part of the target's
        probability that another component of a mixture gives. None for -∞.
    """
    loss: Tensor = _Full.apply(features, table, bias, targets, beside)  # type: ignore[no-untyped-call]
    return loss


def sampled_cross_entropy(
    features: Tensor,
    table: Tensor,
    bias: Tensor,
    targets: Tensor,
    words: Tensor,
    log_q: Tensor,
    *,
    sparse: bool = False,
    beside: Tensor | None = None,
) -> Tensor:
    """Return the mean of log(exp s_t + Σ_{j in words, j ≠ t} exp(s_j - log q_j)) - s_t, with s = x tableᵀ + bias.

    Parameters
    ----------
    features, table, bias, targets, beside
        As in ``full_cross_entropy``.
    words, log_q : (S,) Tensor
        Distinct words. All targets must be among them, with a log q of 0, as ``Candidates`` draws them.
    sparse : bool, default=False
        Whether the gradient of the table is a sparse tensor.
    """
    given = features, table, bias, targets, words, log_q, sparse, beside
    loss: Tensor = _Sampled.apply(*given)  # type: ignore[no-untyped-call]
    return loss


class _Full(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, table: Tensor, bias: Tensor, targets: Tensor, beside: Tensor | None
    ) -> Tensor:
        types = len(bias)
        to_table, to_bias = torch.zeros_like(table), torch.zeros_like(bias)
        weight = table[:types].to(_kind(features))
        loss, to_features, share = _summed(features, weight, bias, targets, beside, to_table[:types], to_bias)
        ctx.save_for_backward(to_features, to_table, to_bias, share)
        ctx.kind = features.dtype
        return loss

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that ``forward`` computed."""
        to_features, to_table, to_bias, share = ctx.saved_tensors
        scale = slope / len(to_features)
        to_beside = None if share is None else (share - 1.0) * scale
        return (to_features * scale).to(ctx.kind), to_table.mul_(scale), to_bias.mul_(scale), None, to_beside


class _Sampled(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        table: Tensor,
        bias: Tensor,
        targets: Tensor,
        words: Tensor,
        log_q: Tensor,
        sparse: bool,
        beside: Tensor | None,
    ) -> Tensor:
        place = torch.full((len(bias),), -1, device=words.device)
        place[words] = torch.arange(len(words), device=words.device)
        wanted = place[targets]  # (n,), the targets' places among the words
        if bool((wanted < 0).any()):
            raise ValueError("a sample must contain all targets")
        more = -len(words) % STEP
        weight = functional.pad(table[words].to(_kind(features)), (0, 0, 0, more))
        offset = functional.pad(bias[words] - log_q, (0, more), value=-torch.inf)
        to_weight = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        to_words = torch.zeros_like(offset)
        loss, to_features, share = _summed(features, weight, offset, wanted, beside, to_weight, to_words)
        to_weight, to_words = to_weight[: len(words)], to_words[: len(words)]
        ctx.save_for_backward(words, to_features, to_weight, to_words, share)
        ctx.kind, ctx.shape, ctx.types, ctx.sparse = features.dtype, table.shape, len(bias), sparse
        return loss

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that ``forward`` computed; the gradients of words outside the sample are zero."""
        words, to_features, to_weight, to_words, share = ctx.saved_tensors
        scale = slope / len(to_features)
        to_weight.mul_(scale)
        if ctx.sparse:
            to_table = torch.sparse_coo_tensor(words[None], to_weight, ctx.shape, check_invariants=False)
        else:
            to_table = to_weight.new_zeros(ctx.shape).index_copy_(0, words, to_weight)
        to_bias = to_words.new_zeros(ctx.types).index_copy_(0, words, to_words.mul_(scale))
        to_beside = None if share is None else (share - 1.0) * scale
        return (to_features * scale).to(ctx.kind), to_table, to_bias, None, None, None, None, to_beside


def _summed(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    wanted: Tensor,
    beside: Tensor | None,
    to_weight: Tensor,
    to_offset: Tensor,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the mean of -log(softmax(x weightᵀ + offset)[wanted] + exp beside), and n times its gradients.

    Parameters
    ----------
    features : (n, d) Tensor
    weight : (S, d) Tensor
        The vectors of the words, in the data type of the matrix products.
    offset : (S,) Tensor
    wanted : (n,) Tensor of int64
        The rows of ``weight`` that are to be predicted.
    beside : (n,) Tensor or None
        None for -∞.
    to_weight, to_offset : (S, d) and (S,) Tensor
        The gradients of ``weight`` and ``offset`` are added to these tensors.

    Returns
    -------
    loss : () Tensor
    to_features : (n, d) Tensor
        The gradient of the features, in float32.
    share : (n,) Tensor or None
        The share of the softmax in the probability of each target; None without ``beside``.
    """
    n, size = len(wanted), max(1, CHUNK_ELEMENTS // len(weight))
    step = min(STEP, size)
    size -= size % step
    padded = functional.pad(features.detach().to(weight.dtype), (0, 0, 0, -n % step))
    to_features = torch.empty(features.shape, dtype=torch.float32, device=features.device)
    share = None if beside is None else torch.empty_like(beside)
    loss = torch.zeros((), dtype=torch.float64, device=features.device)
    for part in slices(n, size):
        x, own = padded[part.start : part.start + size], wanted[part, None]
        whole = torch.log_softmax((x @ weight.T).float().add_(offset), dim=1)
        log_p = whole[: len(own)]
        found = log_p.gather(1, own)[:, 0]
        slope = whole.exp_()
        slope[len(own) :] = 0.0
        slope[: len(own)].scatter_add_(1, own, torch.full_like(log_p[:, :1], -1.0))
        if beside is not None and share is not None:
            found, share[part] = _with(found, beside[part])
            slope[: len(own)] *= share[part, None]
        loss -= found.sum(dtype=torch.float64)
        to_offset += slope.sum(0)
        slope = slope.to(weight.dtype)
        to_features[part] = (slope @ weight)[: len(own)]
        to_weight += slope.T @ x
    return (loss / n).float(), to_features, share


def _with(log_p: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
    """Return log(p + exp(beside)), (n,), and its derivative with respect to log p, the share of p in the sum."""
    return torch.logaddexp(log_p, beside), torch.sigmoid(log_p - beside)


def _kind(features: Tensor) -> torch.dtype:
    """Return the data type of matrix products: that of autocast where it is enabled, else float32."""
    device = features.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32


def slices(length: int, size: int) -> list[slice]:
    """Return the slices of at most ``size`` that cover 0 … length - 1."""
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]
