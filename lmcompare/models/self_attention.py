"""Causal multi-head self-attention with a memory of past keys and values, and the transformer made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.training.dropout import dropout
from lmcompare.training.network import Memory, Network
from lmcompare.training.softmax import Head

POSITIONS = ("rotary", "learned", "sinusoidal", "none")


@dataclass
class View:
    """What the T positions of a piece may look at, the same for all layers: M remembered places, then the piece.

    ``mask``: (B, 1, T, M + T), true where a position may look; None for plainly causal. ``cos``, ``sin``: (M + T,
    head width / 2), the rotation of each place, or None where positions are not rotary.
    """

    mask: Tensor | None
    cos: Tensor | None
    sin: Tensor | None


@dataclass
class Maps:
    """What the written-out attention shows: ``scores`` q·k / √d and ``weights``, both (B, heads, T, M + T), and the
    ``mixed`` values (B, heads, T, d / heads).
    """

    scores: Tensor
    weights: Tensor
    mixed: Tensor


class CausalSelfAttention(nn.Module):
    """softmax(Q Kᵀ / √d) V, each head by itself; a position sees itself and ``window`` - 1 places before it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def forward(
        self, x: Tensor, past: tuple[Tensor, Tensor] | None, view: View, *, maps: bool = False
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Maps | None]:
        """Return (B, T, d), all keys and values (B, heads, M + T, d / heads), and the maps.

        ``past``: the keys and values of the M remembered places, as this returned them. ``maps``: write the attention
        out and return what it shows, else None.
        """
        query, key, value = self._split(self.query(x)), self._split(self.key(x)), self._split(self.value(x))
        if past is not None:
            key = torch.cat([past[0], key], 2)  # (B, heads, M + T, d / heads)
            value = torch.cat([past[1], value], 2)
        remembered = key.shape[2] - query.shape[2]
        turned_query, turned_key = query, key
        if view.cos is not None and view.sin is not None:
            turned_query = _rotate(query, view.cos[remembered:], view.sin[remembered:])
            turned_key = _rotate(key, view.cos, view.sin)
        shown = None
        if maps or _faster_written_out(query):
            shown = written_out(turned_query, turned_key, value, view.mask)
            mixed = shown.mixed
        else:
            mixed = functional.scaled_dot_product_attention(
                turned_query, turned_key, value, attn_mask=view.mask, is_causal=view.mask is None
            )
        joined = mixed.transpose(1, 2).flatten(2)  # (B, T, d)
        return self.output(joined), (key, value), shown if maps else None

    def _split(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        return x.view(rows, length, self.heads, width // self.heads).transpose(1, 2)


def written_out(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Maps:
    """Do what scaled_dot_product_attention does, step by step: Vaswani et al. (2017), equation 1.

    Parameters: ``query`` (B, heads, T, d), ``key`` and ``value`` (B, heads, S, d); ``mask`` (B, 1, T, S), true where
    a position may look, None for causal.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, heads, T, S)
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1)
    return Maps(scores, weights, weights @ value)


def _faster_written_out(query: Tensor) -> bool:
    """True for bfloat16 on a processor, for which torch's fused kernel takes twice the time."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_k, x_{k + d/2}) of (B, heads, S, d) by its place's angle (Su et al. 2021)."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


class Block(nn.Module):
    """A layer: attention, then a feed-forward net, each on the normalised input and added to it (pre-norm)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.before_attention = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads)
        self.before_feed_forward = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(
        self, x: Tensor, past: tuple[Tensor, Tensor] | None, view: View, *, maps: bool = False
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Maps | None]:
        """Return x (B, T, d) after the layer, and keys, values and maps as the attention does."""
        seen, kept, shown = self.attention(self.before_attention(x), past, view, maps=maps)
        x = x + dropout(seen, self.dropout, self.training)
        fed = self.down(functional.gelu(self.up(self.before_feed_forward(x))))
        return x + dropout(fed, self.dropout, self.training), kept, shown


class TransformerNetwork(Network):
    """Word vectors, positions, blocks, a last norm, and a softmax with the same word vectors."""

    def __init__(
        self, types: int, width: int, heads: int, layers: int, window: int, positions: str, dropout: float
    ) -> None:
        super().__init__()
        self.width, self.heads, self.window, self.positions, self.dropout = width, heads, window, positions, dropout
        self.head = Head(types, width)
        blocks = [Block(width, heads, dropout) for _ in range(layers)]
        self.blocks = nn.ModuleList(blocks)
        self.last_norm = nn.LayerNorm(width)
        self.places = nn.Parameter(0.02 * torch.randn(window, width)) if positions == "learned" else None
        for block in blocks:  # what a layer adds begins small, the deeper the net the smaller (GPT-2)
            for linear in (block.attention.output, block.down):
                nn.init.normal_(linear.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory.

        Memory: ``keys`` and ``values`` (B, layers, heads, window - 1, d / heads), the last places, rotary positions
        not yet applied; ``read`` (B,), how many tokens of the document have been read.
        """
        features, left, _ = self.attend(inputs, memory)
        return features, left

    def attend(
        self, inputs: Tensor, memory: Memory | None, *, maps: bool = False
    ) -> tuple[Tensor, Memory, list[Maps]]:
        """Do what ``forward`` does; with ``maps`` return each layer's ``Maps`` as well."""
        rows, length = inputs.shape
        read = inputs.new_zeros(rows) if memory is None else memory["read"]
        view = self._view(length, memory, read, inputs.device)
        x = self.head.embed(inputs) * math.sqrt(self.width)
        x = dropout(x + self._places(read, length), self.dropout, self.training)
        keys: list[Tensor] = []
        values: list[Tensor] = []
        seen: list[Maps] = []
        for layer, block in enumerate(self.blocks):
            past = None if memory is None else (memory["keys"][:, layer], memory["values"][:, layer])
            x, kept, shown = block(x, past, view, maps=maps)
            keys.append(self._remembered(kept[0]))
            values.append(self._remembered(kept[1]))
            if shown is not None:
                seen.append(shown)
        left = {"keys": torch.stack(keys, 1), "values": torch.stack(values, 1), "read": read + length}
        return dropout(self.last_norm(x), self.dropout, self.training), left, seen

    def _remembered(self, kept: Tensor) -> Tensor:
        """Return the last ``window`` - 1 places of (B, heads, S, d), with zeros before them where there are fewer."""
        missing = self.window - 1 - kept.shape[2]
        if missing > 0:
            kept = functional.pad(kept, (0, 0, missing, 0))
        return kept[:, :, kept.shape[2] - (self.window - 1) :].detach()

    def _view(self, length: int, memory: Memory | None, read: Tensor, device: torch.device) -> View:
        remembered = 0 if memory is None else self.window - 1
        place = torch.arange(remembered + length, device=device)
        cos = sin = None
        if self.positions == "rotary":
            pairs = self.width // self.heads // 2
            speed = 10000.0 ** (-torch.arange(pairs, dtype=torch.float64, device=device) / pairs)
            angle = place[:, None].double() * speed
            cos, sin = angle.cos().float(), angle.sin().float()
        if memory is None and length <= self.window:
            return View(None, cos, sin)
        distance = place[remembered:, None] - place[None]  # (T, M + T)
        near = (distance >= 0) & (distance < self.window)
        there = place[None] >= remembered - read[:, None]  # (B, M + T)
        return View((near[None] & there[:, None])[:, None], cos, sin)

    def _places(self, read: Tensor, length: int) -> Tensor:
        """Return what is added to the word vectors for their places in the document: (B, T, d) or 0."""
        place = read[:, None] + torch.arange(length, device=read.device)  # (B, T)
        if self.places is not None:
            return self.places[place % self.window]
        if self.positions != "sinusoidal":
            return torch.zeros((), device=read.device)
        pairs = self.width // 2
        speed = 10000.0 ** (-torch.arange(pairs, dtype=torch.float64, device=read.device) / pairs)
        angle = place[..., None].double() * speed
        return torch.cat([angle.sin(), angle.cos()], -1).float()
