"""Multi-head self-attention with a memory of past keys and values, and the position encodings.

``written_out`` is the equation; PyTorch's fused kernel computes the same, faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.training.network import Memory

POSITIONS = ("rotary", "learned", "sinusoidal", "alibi", "relative", "none")
BASE = 10000.0  # the base of the wave lengths (Vaswani et al. 2017, section 3.5)


def angles(places: Tensor, pairs: int) -> Tensor:
    """Return the angles of positions, (…, pairs) in float64: position · 10000^(-k / pairs)."""
    speed = BASE ** (-torch.arange(pairs, dtype=torch.float64, device=places.device) / pairs)
    return places[..., None].double() * speed


@dataclass
class Rotation:
    """The cosines and sines (S, d / 2) of the angles by which queries and keys are rotated at each position."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, places: Tensor, pairs: int) -> Rotation:
        """Return the rotation of (S,) positions (Su et al. 2021, equation 15)."""
        angle = angles(places, pairs)
        return cls(angle.cos().float(), angle.sin().float())

    def turn(self, x: Tensor) -> Tensor:
        """Rotate each pair (x_k, x_{k + d/2}) of the vectors (B, heads, T, d) of the last T positions."""
        cos, sin = self.cos[-x.shape[2] :], self.sin[-x.shape[2] :]
        first, second = x.chunk(2, -1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def waves(places: Tensor, width: int) -> Tensor:
    """Return the sines and cosines of positions, (…, width), sines first (Vaswani et al. 2017)."""
    angle = angles(places, width // 2)
    return torch.cat([angle.sin(), angle.cos()], -1).float()


def alibi_slopes(heads: int) -> Tensor:
    """Return (heads,): how much the scores of each head fall per position (Press, Smith and Lewis 2022).

    For 2^n heads they are the powers of 2^(-8 / 2^n). For another number of heads they are the slopes of the greatest
    2^n below it, and then every other slope of twice as many heads, as in the authors' code.
    """
    whole = 2 ** int(math.log2(heads))
    slopes = [2.0 ** (-8.0 * h / whole) for h in range(1, whole + 1)]
    slopes += [2.0 ** (-4.0 * h / whole) for h in range(1, 2 * (heads - whole), 2)]
    return torch.tensor(slopes)


@dataclass
class View:
    """Which positions each of the T positions of a piece sees: M remembered positions and then those of the piece.

    Parameters
    ----------
    mask : (B, 1, T, M + T) Tensor of bool or None
        True where a position may look. None if there is only the piece; if ``causal``, each position then sees the
        piece up to itself.
    bias : (heads, T, M + T) Tensor or None, default=None
        The numbers that are added to the scores for the distance.
    rotation : Rotation or None, default=None
        The rotation of the M + T positions, if they are rotary.
    causal : bool, default=True
        Whether later positions are hidden.
    """

    mask: Tensor | None
    bias: Tensor | None = None
    rotation: Rotation | None = None
    causal: bool = True

    def allowed(self, length: int, device: torch.device) -> Tensor:
        """Return the mask as a tensor (B or 1, 1, T, M + T)."""
        if self.mask is not None:
            return self.mask
        everywhere = torch.ones(1, 1, length, length, dtype=torch.bool, device=device)
        return everywhere.tril() if self.causal else everywhere


@dataclass
class Maps:
    """The intermediate results of attention.

    Parameters
    ----------
    scores : (B, heads, T, M + T) Tensor
        q·k / √d, without the bias.
    bias : (heads, T, M + T) Tensor or None
        The numbers that are added to the scores for the distance.
    weights : (B, heads, T, M + T) Tensor
        The softmax of the scores with the bias.
    value : (B, heads, M + T, d / heads) Tensor
        The value of each position.
    mixed : (B, heads, T, d / heads) Tensor
        The weighted means of the values.
    """

    scores: Tensor
    bias: Tensor | None
    weights: Tensor
    value: Tensor
    mixed: Tensor


class SelfAttention(nn.Module):
    """softmax(Q Kᵀ / √d) V in each head.

    Parameters
    ----------
    width : int
        The size of the inputs and outputs.
    heads : int
        The number of heads of queries.
    kv_heads : int
        The number of heads of keys and values, each shared by heads / kv_heads query heads (Ainslie et al. 2023).
    qk_norm : callable or None
        Makes a layer that normalises vectors of a given size: queries and keys, before rotation (Henry et al. 2020;
        by LayerNorm as in Dehghani et al. 2023).
    """

    def __init__(
        self, width: int, heads: int, kv_heads: int, qk_norm: Callable[[int], nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads
        size = width // heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, kv_heads * size, bias=False)
        self.value = nn.Linear(width, kv_heads * size, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.query_norm, self.key_norm = (qk_norm(size) if qk_norm else nn.Identity() for _ in range(2))

    def forward(
        self,
        x: Tensor,
        past: Memory | None,
        view: View,
        *,
        source: Tensor | None = None,
        maps: bool = False,
    ) -> tuple[Tensor, Memory, Maps | None]:
        """Apply attention to a piece.

        Parameters
        ----------
        x : (B, T, d) Tensor
            The inputs, from which the queries are computed.
        past : Memory or None
            ``keys`` and ``values`` of the M remembered positions.
        view : View
            Which positions each position sees.
        source : (B, T, d) Tensor or None, default=None
            The vectors from which keys and values are computed; None for ``x``.
        maps : bool, default=False
            Whether to return the intermediate results.

        Returns
        -------
        out : (B, T, d) Tensor
        left : Memory
            All ``keys``, before rotation, and ``values`` (B, kv_heads, M + T, d / heads).
        maps : Maps or None
        """
        source = x if source is None else source
        query = self.query_norm(_split(self.query(x), self.heads))  # (B, heads, T, d / heads)
        key = self.key_norm(_split(self.key(source), self.kv_heads))
        value = _split(self.value(source), self.kv_heads)
        if past is not None:
            key = torch.cat([past["keys"].to(key.dtype), key], 2)  # (B, kv_heads, M + T, d / heads)
            value = torch.cat([past["values"].to(value.dtype), value], 2)
        left = {"keys": key, "values": value}
        if view.rotation is not None:
            query, key = view.rotation.turn(query), view.rotation.turn(key)
        query, key = query.to(value.dtype), key.to(value.dtype)  # norms and rotations are float32 under autocast
        if self.kv_heads < self.heads:
            key, value = (each.repeat_interleave(self.heads // self.kv_heads, 1) for each in (key, value))
        shown = None
        if maps or _faster_written_out(query):
            shown = written_out(query, key, value, view)
            mixed = shown.mixed
        else:
            mixed = _fused(query, key, value, view)
        joined = mixed.transpose(1, 2).flatten(2)  # (B, T, d)
        return self.output(joined), left, shown if maps else None


def written_out(query: Tensor, key: Tensor, value: Tensor, view: View) -> Maps:
    """Return the steps of scaled dot-product attention (Vaswani et al. 2017, equation 1).

    Parameters
    ----------
    query : (B, heads, T, d) Tensor
    key, value : (B, heads, M + T, d) Tensor
    view : View
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, heads, T, M + T)
    with_bias = scores if view.bias is None else scores + view.bias
    allowed = view.allowed(query.shape[2], query.device)
    weights = torch.softmax(with_bias.masked_fill(~allowed, -torch.inf), dim=-1).to(value.dtype)
    return Maps(scores, view.bias, weights, value, weights @ value)


def _fused(query: Tensor, key: Tensor, value: Tensor, view: View) -> Tensor:
    """Return the weighted means of the values (B, heads, T, d), computed by torch's kernel."""
    mask = view.mask
    if view.bias is not None:
        allowed = view.allowed(query.shape[2], query.device)
        mask = torch.where(allowed, view.bias, -torch.inf).to(query.dtype)  # (B or 1, heads, T, M + T)
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None and view.causal
    )


def _split(x: Tensor, heads: int) -> Tensor:
    """Return (B, T, heads · d) as (B, heads, T, d)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _faster_written_out(query: Tensor) -> bool:
    """Return whether the query is bfloat16 on a CPU, for which torch's fused kernel takes twice the time."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16
