"""The transformer (Vaswani et al. 2017): hyper-parameters, attention, layer and network, in this order.

A position has a vector x of d numbers, at first √d times its word vector. Each layer adds two vectors to it: what its
H heads find at the position itself and before, and what a feed-forward network makes of that.

    q, k, v = W_q n, W_k n, W_v n               of n = norm(x), cut into H parts; by default q_i, k_i turn with i
    a_ij = softmax_j(q_i · k_j / √(d / H))      the weight of position j ≤ i; norms go before (GPT-2), not after
    x_i ← x_i + W_o [Σ_j a_ij v_j]              the H means, one after the other
    x_i ← x_i + down(GELU(up(norm(x_i))))       inside, 4 d numbers
    p(w) = softmax_w(norm(x_i) · E_w + b_w)     after the last layer; E_w is the vector of the word w

B documents are read side by side, T positions of each at once, with M positions before them in the memory, S = M + T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.models.common.layers import AddedConvolution
from lmcompare.models.transformer.exports import layers_of_page
from lmcompare.models.transformer.positions import Rotation, alibi_slopes, relative_bias, waves
from lmcompare.tokens import IntArray
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head

EPSILON = 1e-5  # added to the variance, or the mean square, by which the norms divide


@dataclass(frozen=True, kw_only=True)
class Design:
    """The hyper-parameters of ``Transformer`` that shape the network; it explains them."""

    width: int  # d
    heads: int  # H
    layers: int
    window: int  # positions that a position sees in each layer
    positions: str = "rotary"  # or "learned", "sinusoidal", "alibi", "relative", "none"
    dropout: float = 0.0
    style: str = "gpt"  # or "llama": RMSNorm, SwiGLU and no biases
    qk_norm: bool = False  # whether q and k are normed
    causal: bool = True  # False for networks that fill gaps: i sees later j too
    convolution: int = 0  # words whose weighted sum is added before attention and feed-forward network

    def norm(self, size: int, *, biased: bool = True) -> nn.Module:
        """Return LayerNorm, or in the style of Llama RMSNorm (Zhang and Sennrich 2019)."""
        if self.style == "llama":
            return nn.RMSNorm(size, eps=EPSILON)
        return nn.LayerNorm(size, eps=EPSILON, bias=biased)


class View(NamedTuple):
    """Which positions each of T positions sees, and what it knows of their places."""

    mask: Tensor  # (B or 1, 1, T, S) of bool: True where a position may look
    bias: Tensor | None = None  # (H, T, S), added to the scores for the distance
    rotation: Rotation | None = None  # of the S positions
    triangle: bool = False  # whether ``mask`` hides the later positions of a piece and nothing else


class Maps(NamedTuple):
    """The steps of the attention of one layer."""

    scores: Tensor  # (B, H, T, S): q·k / √(d / H), without the bias
    bias: Tensor | None  # (H, T, S)
    weights: Tensor  # (B, H, T, S): their softmax
    value: Tensor  # (B, H, S, d / H)
    mixed: Tensor  # (B, H, T, d / H): the weighted means of the values


def attention(query: Tensor, key: Tensor, value: Tensor, view: View) -> Maps:
    """Return scaled dot-product attention (Vaswani et al. 2017, equation 1): softmax(q kᵀ / √(d / H) + bias) v.

    Each position asks with its query (B, H, T, d / H), and gets the mean of the values (B, H, S, d / H) that it sees,
    weighted by how well their keys (B, H, S, d / H) fit.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, H, T, S)
    with_bias = scores if view.bias is None else scores + view.bias
    weights = torch.softmax(with_bias.masked_fill(~view.mask, -torch.inf), dim=-1).to(value.dtype)
    return Maps(scores, view.bias, weights, value, weights @ value)


def fused_attention(query: Tensor, key: Tensor, value: Tensor, view: View) -> Tensor:
    """Return ``attention(…).mixed`` by torch's kernel: a trick of speed."""
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:  # for which the kernel takes twice the time
        return attention(query, key, value, view).mixed
    mask = view.mask if view.bias is None else torch.where(view.mask, view.bias, -torch.inf).to(query.dtype)
    triangle = view.triangle and view.bias is None
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask=None if triangle else mask, is_causal=triangle
    )


class SelfAttention(nn.Module):
    """Attention of H heads: queries, keys and values are three projections of the same vectors."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.heads = design.heads
        self.query, self.key, self.value, self.output = (
            nn.Linear(design.width, design.width, bias=False) for _ in range(4)
        )
        norm = partial(design.norm, biased=False) if design.qk_norm else nn.Identity  # Henry et al. 2020
        self.query_norm, self.key_norm = (norm(design.width // design.heads) for _ in range(2))

    def forward(
        self, x: Tensor, past: Memory | None, view: View, *, source: Tensor | None = None, maps: bool = False
    ) -> tuple[Tensor, Memory, Maps | None]:
        """Return what the positions (B, T, d) find, and ``keys``, before rotation, and ``values`` (B, H, S, d / H).

        ``past`` has those of the M positions before; with ``maps`` the steps are returned, too. Keys and values are
        computed from ``source`` (B, T, d), by default ``x``.
        """
        source = x if source is None else source
        query = self.query_norm(self.split(self.query(x)))  # (B, H, T, d / H)
        key = self.key_norm(self.split(self.key(source)))
        value = self.split(self.value(source))
        if past is not None:
            key = torch.cat([past["keys"].to(key.dtype), key], 2)  # (B, H, S, d / H)
            value = torch.cat([past["values"].to(value.dtype), value], 2)
        left = {"keys": key, "values": value}
        if view.rotation is not None:
            query, key = view.rotation.turn(query), view.rotation.turn(key)
        query, key = query.to(value.dtype), key.to(value.dtype)  # norms and rotations are float32 under autocast
        found = attention(query, key, value, view) if maps else None
        mixed = fused_attention(query, key, value, view) if found is None else found.mixed
        return self.output(mixed.transpose(1, 2).flatten(2)), left, found

    def split(self, x: Tensor) -> Tensor:
        """Return x (B, T, d) by heads: (B, H, T, d / H)."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """down(GELU(up(x))); in the style of Llama down(silu(a) · b), SwiGLU, for the halves a and b of up(x).

    These are two thirds as wide, so that the number of parameters is the same (Shazeer 2020).
    """

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.gated = design.style == "llama"
        hidden = 8 * max(1, round(design.width / 3)) if self.gated else 4 * design.width
        self.up = nn.Linear(design.width, 2 * hidden if self.gated else hidden, bias=not self.gated)
        self.down = nn.Linear(hidden, design.width, bias=not self.gated)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, d) for x (…, d)."""
        inner = self.up(x)
        a, b = inner.chunk(2, -1)
        return cast(Tensor, self.down(functional.silu(a) * b if self.gated else functional.gelu(inner)))


class Block(nn.Module):
    """A layer: x + attention(norm(x)), and then x + feed_forward(norm(x))."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        width, size, self.dropout = design.width, design.convolution, design.dropout
        self.before_attention = design.norm(width)
        self.attention = SelfAttention(design)
        self.before_feed_forward = design.norm(width)
        self.convolutions = nn.ModuleList(AddedConvolution(width, size) for _ in range(2)) if size else None
        self.feed_forward = FeedForward(design)

    def forward(
        self, x: Tensor, past: Memory | None, view: View, *, source: Tensor | None = None, maps: bool = False
    ) -> tuple[Tensor, Memory, Maps | None]:
        """Return the output (B, T, d) of the layer, what it remembers, and with ``maps`` the steps of its attention.

        The memory is that of ``SelfAttention``, and with convolutions ``near`` (B, 2, convolution, d), the vectors
        that each of them read last.
        """
        source = None if source is None else self.before_attention(source)
        normed, first = self.convolved(0, self.before_attention(x), past)
        seen, left, found = self.attention(normed, past, view, source=source, maps=maps)
        x = x + dropout(seen, self.dropout, self.training)
        normed, second = self.convolved(1, self.before_feed_forward(x), past)
        x = x + dropout(self.feed_forward(normed), self.dropout, self.training)
        return x, left if self.convolutions is None else {**left, "near": torch.stack([first, second], 1)}, found

    def convolved(self, which: int, x: Tensor, past: Memory | None) -> tuple[Tensor, Tensor]:
        """Return x (B, T, d), with convolutions plus the words just before, and what each of them read last."""
        if self.convolutions is None:
            return x, x
        both: tuple[Tensor, Tensor] = self.convolutions[which](x, None if past is None else past["near"][:, which])
        return both


class TransformerNetwork(Network):
    """Word vectors and position encoding, layers, a last norm, and a softmax with the same word vectors.

    In the style of Llama the softmax has no bias, and a document begins with ``</s>``, whose id is ``end``, so that
    every word that is read can also be predicted. Without a causal mask a position sees the later ones, too.
    """

    def __init__(self, types: int, design: Design, end: int = 1) -> None:
        super().__init__()
        self.design, self.end = design, end
        self.head = Head(types, design.width, biased=design.style != "llama")
        blocks = [Block(design) for _ in range(design.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.last_norm = design.norm(design.width)
        self.places: nn.Parameter | None = None
        self.distances: nn.Parameter | None = None
        if design.positions == "learned":
            self.places = nn.Parameter(torch.randn(design.window, design.width).mul_(0.02))
        if design.positions == "relative":  # flat, since two-dimensional parameters are treated as matrices
            reach = design.window if design.causal else 2 * design.window - 1
            self.distances = nn.Parameter(torch.zeros(design.heads * reach))
        for block in blocks:  # the deeper the network, the less each layer adds at first (GPT-2)
            for linear in (block.attention.output, block.feed_forward.down):
                linear.weight.data = torch.randn(linear.weight.shape).mul_(0.02 / math.sqrt(2 * design.layers))

    def words_read(self, inputs: Tensor, memory: Memory | None) -> Tensor:
        return torch.where(inputs == self.head.types, self.end, inputs) if self.design.style == "llama" else inputs

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory.

        The memory is ``keys`` and ``values`` (B, layers, H, window - 1, d / H) of the last positions, not rotated,
        ``read`` (B,), the number of tokens read, and with convolutions ``near`` (B, layers, 2, convolution, d).
        """
        return self.attend(inputs, memory)[:2]

    def attend(
        self, inputs: Tensor, memory: Memory | None, *, maps: bool = False
    ) -> tuple[Tensor, Memory, list[Maps]]:
        """Return what ``forward`` returns and, with ``maps``, the ``Maps`` of each layer."""
        rows, length = inputs.shape
        read = inputs.new_zeros(rows) if memory is None else memory["read"]
        view = self.view(length, memory, read)
        x = self.head.embed(self.words_read(inputs, memory)) * math.sqrt(self.design.width)
        x = dropout(self.placed(x, read), self.design.dropout, self.training)
        source = self.source(x)
        kept: list[Memory] = []
        found: list[Maps] = []
        for layer, block in enumerate(self.blocks):
            past = None if memory is None else {name: memory[name][:, layer] for name in memory if name != "read"}
            x, left, steps = block(x, past, view, source=source, maps=maps)
            kept.append({**left, **{name: self.last(left[name]) for name in ("keys", "values")}})
            found += [steps] if maps else []
        after = {name: torch.stack([left[name] for left in kept], 1) for name in kept[0]}
        features = dropout(self.last_norm(x), self.design.dropout, self.training)
        return features, {**after, "read": read + length}, found

    def source(self, embedded: Tensor) -> Tensor | None:
        """Return what all layers compute keys and values from, given the word vectors; None for the layer below."""
        return None

    def placed(self, x: Tensor, read: Tensor) -> Tensor:
        """Return the word vectors (B, T, d) plus the vectors of their places; ``read`` (B,) words came before."""
        place = read[:, None] + torch.arange(x.shape[1], device=read.device)  # (B, T)
        if self.places is not None:
            # indexing would add gradients in the order in which threads arrive
            return x + functional.embedding(place % self.design.window, self.places)
        return x + waves(place, self.design.width) if self.design.positions == "sinusoidal" else x

    def view(self, length: int, memory: Memory | None, read: Tensor) -> View:
        """Return what T positions see, the last ``window`` positions each; ``read`` (B,) words came before them."""
        design = self.design
        remembered = 0 if memory is None else design.window - 1  # M
        place = torch.arange(remembered + length, device=read.device)  # (S,)
        distance = place[remembered:, None] - place[None]  # (T, S)
        near = (distance if design.causal else distance.abs()) < design.window
        if design.causal:
            near &= distance >= 0
        there = place[None] >= remembered - read[:, None]  # (B, S): what comes before is not of the document
        mask = (near[None] & there[:, None])[:, None]
        turns = Rotation.of(place, design.width // design.heads // 2) if design.positions == "rotary" else None
        return View(mask, self.bias(distance), turns, design.causal and memory is None and length <= design.window)

    def bias(self, distance: Tensor) -> Tensor | None:
        """Return the numbers that are added to the scores at distances (T, S): (H, T, S), or None."""
        heads, causal = self.design.heads, self.design.causal
        if self.design.positions == "alibi":
            return -alibi_slopes(heads).to(distance.device)[:, None, None] * distance.abs()
        return None if self.distances is None else relative_bias(self.distances, heads, distance, causal=causal)

    def last(self, x: Tensor) -> Tensor:
        """Return the last ``window`` - 1 positions of (B, H, S, d / H), padded with zeros at the front."""
        missing = self.design.window - 1 - x.shape[2]
        return functional.pad(x, (0, 0, missing, 0)).detach()

    @torch.no_grad()
    def maps(self, ids: IntArray) -> list[Maps]:
        """Return the attention of each layer over a document of these ids: B = 1, M = 0, T = len + 1."""
        return self.attend(self.inputs(ids), None, maps=True)[2]

    def in_page(self) -> list[dict[str, Any]]:
        if not self.design.causal or type(self) is not TransformerNetwork:
            raise LmcompareError("the page has causal transformers of the usual layers only")
        return layers_of_page(self.design, self.end)
