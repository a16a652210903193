"""Multi-head self-attention with a memory of past keys and values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.transformer.positions import Rotation


@dataclass
class View:
    """What the T positions of a piece may look at, the same for all layers: M remembered places, then the piece.

    ``mask``: (B, 1, T, M + T), true where a position may look; None for the piece alone, where ``causal`` up to the
    position itself. ``bias``: (heads, T, M + T), what is added to the scores for the distance, or None.
    ``rotation``: of the M + T places, or None where positions are not rotary.
    """

    mask: Tensor | None
    bias: Tensor | None = None
    rotation: Rotation | None = None
    causal: bool = True

    def allowed(self, length: int, device: torch.device) -> Tensor:
        """Return the mask (B or 1, 1, T, M + T), written out."""
        if self.mask is not None:
            return self.mask
        everywhere = torch.ones(1, 1, length, length, dtype=torch.bool, device=device)
        return everywhere.tril() if self.causal else everywhere


@dataclass
class Maps:
    """What the written-out attention shows: ``scores`` q·k / √d, before what is added for the distance, and
    ``weights``, both (B, heads, T, M + T); the ``value`` of each place (B, heads, M + T, d / heads); the ``mixed``
    values (B, heads, T, d / heads).
    """

    scores: Tensor
    weights: Tensor
    value: Tensor
    mixed: Tensor


class SelfAttention(nn.Module):
    """softmax(Q Kᵀ / √d) V, each head by itself.

    ``kv_heads``: how many heads of keys and values there are; each serves as many heads of queries (Ainslie et al.
    2023). ``qk_norm``: queries and keys are normalised, with a gain for each of their numbers, before they are turned
    (Henry et al. 2020; by LayerNorm as in Dehghani et al. 2023).
    """

    def __init__(self, width: int, heads: int, kv_heads: int, qk_norm: bool) -> None:
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads
        size = width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, kv_heads * size, bias=False)
        self.value = nn.Linear(width, kv_heads * size, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.query_norm = nn.LayerNorm(size, bias=False) if qk_norm else nn.Identity()
        self.key_norm = nn.LayerNorm(size, bias=False) if qk_norm else nn.Identity()

    def forward(
        self, x: Tensor, past: tuple[Tensor, Tensor] | None, view: View, *, maps: bool = False
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Maps | None]:
        """Return (B, T, d), all keys and values (B, kv_heads, M + T, d / heads), and the maps.

        ``past``: the keys and values of the M remembered places, as this returned them. ``maps``: write the attention
        out and return what it shows, else None.
        """
        query = self.query_norm(_split(self.query(x), self.heads))
        key = self.key_norm(_split(self.key(x), self.kv_heads))
        value = _split(self.value(x), self.kv_heads)
        if past is not None:
            key = torch.cat([past[0].to(key.dtype), key], 2)  # (B, kv_heads, M + T, d / heads)
            value = torch.cat([past[1].to(value.dtype), value], 2)
        kept = (key, value)
        if view.rotation is not None:
            query, key = view.rotation.turn(query), view.rotation.turn(key)
        query, key = query.to(value.dtype), key.to(value.dtype)  # norms and turns are float32 under autocast
        if self.kv_heads < self.heads:
            key, value = (each.repeat_interleave(self.heads // self.kv_heads, 1) for each in (key, value))
        shown = None
        if maps or _faster_written_out(query):
            shown = written_out(query, key, value, view)
            mixed = shown.mixed
        else:
            mixed = _fused(query, key, value, view)
        joined = mixed.transpose(1, 2).flatten(2)  # (B, T, d)
        return self.output(joined), kept, shown if maps else None


def written_out(query: Tensor, key: Tensor, value: Tensor, view: View) -> Maps:
    """Do what scaled_dot_product_attention does, step by step: Vaswani et al. (2017), equation 1.

    Parameters: ``query`` (B, heads, T, d), ``key`` and ``value`` (B, heads, M + T, d).
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, heads, T, M + T)
    with_bias = scores if view.bias is None else scores + view.bias
    allowed = view.allowed(query.shape[2], query.device)
    weights = torch.softmax(with_bias.masked_fill(~allowed, -torch.inf), dim=-1).to(value.dtype)
    return Maps(scores, weights, value, weights @ value)


def _fused(query: Tensor, key: Tensor, value: Tensor, view: View) -> Tensor:
    """Return the mixed values (B, heads, T, d) by torch's kernel."""
    mask = view.mask
    if view.bias is not None:
        allowed = view.allowed(query.shape[2], query.device)
        mask = view.bias.masked_fill(~allowed, -torch.inf).to(query.dtype)  # (B or 1, heads, T, M + T)
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None and view.causal
    )


def _split(x: Tensor, heads: int) -> Tensor:
    """(B, T, heads · d) to (B, heads, T, d)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _faster_written_out(query: Tensor) -> bool:
    """True for bfloat16 on a processor, for which torch's fused kernel takes twice the time."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16
