"""The network of the transformer: layers, the position encoding, and a memory of the last keys and values."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.models.common.layers import AddedConvolution
from lmcompare.models.transformer.design import Design
from lmcompare.models.transformer.self_attention import Maps, Rotation, SelfAttention, View, alibi_slopes, waves
from lmcompare.tokens import IntArray
from lmcompare.training.network import Memory, Network, dropout
from lmcompare.training.softmax import Head


class FeedForward(nn.Module):
    """down(f(up(x))), with GELU, the square of ReLU ("relu2", So et al. 2021) or SwiGLU (Shazeer 2020) as f.

    SwiGLU is silu(a) · b for the two halves a and b of up(x).
    """

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.activation = design.activation
        biased, hidden = design.style != "llama", design.hidden
        self.up = nn.Linear(design.width, hidden * (2 if design.activation == "swiglu" else 1), bias=biased)
        self.down = nn.Linear(hidden, design.width, bias=biased)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, d) for x (…, d)."""
        above = self.up(x)
        if self.activation == "swiglu":
            gate, above = above.chunk(2, -1)
            above = functional.silu(gate) * above
        elif self.activation == "relu2":
            above = functional.relu(above).square()
        else:
            above = functional.gelu(above)
        made: Tensor = self.down(above)
        return made


class Block(nn.Module):
    """A layer: attention and then a feed-forward network, each applied to the normalised input and added to it."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        width, self.dropout = design.width, design.dropout
        self.before_attention = design.norm(width)
        qk_norm = partial(design.norm, biased=False) if design.qk_norm else None
        self.attention = SelfAttention(width, design.heads, design.key_heads, qk_norm)
        self.before_feed_forward = design.norm(width)
        size = design.convolution
        self.convolutions = nn.ModuleList(AddedConvolution(width, size) for _ in range(2)) if size else None
        self.feed_forward = FeedForward(design)

    def forward(
        self,
        x: Tensor,
        past: Memory | None,
        view: View,
        *,
        source: Tensor | None = None,
        maps: bool = False,
    ) -> tuple[Tensor, Memory, Maps | None]:
        """Read a piece.

        Parameters
        ----------
        x, view, maps
            As in ``SelfAttention.forward``.
        past : Memory or None
            ``keys`` and ``values`` as in ``SelfAttention.forward``, and with convolutions ``near``
            (B, 2, convolution, d), the vectors that each of them read last; None at a document's beginning.
        source : (B, T, d) Tensor or None, default=None
            The vectors from which keys and values are computed, normalised like ``x``; None for ``x``.

        Returns
        -------
        x : (B, T, d) Tensor
            The output of the layer.
        left : Memory
            What ``past`` has, after the piece.
        maps : Maps or None
            As of ``SelfAttention.forward``.
        """
        source = None if source is None else self.before_attention(source)
        normed, first = self._convolved(0, self.before_attention(x), past)
        seen, left, shown = self.attention(normed, past, view, source=source, maps=maps)
        x = x + dropout(seen, self.dropout, self.training)
        normed, second = self._convolved(1, self.before_feed_forward(x), past)
        x = x + dropout(self.feed_forward(normed), self.dropout, self.training)
        if first is not None and second is not None:
            left["near"] = torch.stack([first, second], 1)
        return x, left, shown

    def _convolved(self, which: int, x: Tensor, past: Memory | None) -> tuple[Tensor, Tensor | None]:
        """Return x (B, T, d) after the first or second convolution, if any, and the vectors that it read last."""
        if self.convolutions is None:
            return x, None
        before = None if past is None else past["near"][:, which]
        convolved: tuple[Tensor, Tensor] = self.convolutions[which](x, before)
        return convolved


class TransformerNetwork(Network):
    """Word vectors, a position encoding, layers, a final norm, and a softmax with the same word vectors.

    If ``design.causal`` is false, a position also sees the later positions of the piece that is read at once. In the
    style of Llama the softmax has no bias, and a document begins with ``</s>``, so that every word that is read can
    also be predicted; ``end`` is its id.
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
        """Return the inputs; in the style of Llama a document begins with ``</s>``."""
        return torch.where(inputs == self.head.types, self.end, inputs) if self.design.style == "llama" else inputs

    def forward(self, inputs: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """Return the features (B, T, d) and the memory.

        The memory is ``keys`` and ``values`` (B, layers, kv_heads, window - 1, d / heads) of the last positions,
        before rotation, and ``read`` (B,), how many tokens of the document have been read; and with convolutions
        ``near`` (B, layers, 2, convolution, d), the last vectors that they read.
        """
        features, left, _ = self.attend(inputs, memory)
        return features, left

    def attend(
        self, inputs: Tensor, memory: Memory | None, *, maps: bool = False
    ) -> tuple[Tensor, Memory, list[Maps]]:
        """Return what ``forward`` returns and, with ``maps``, the ``Maps`` of each layer."""
        rows, length = inputs.shape
        read = inputs.new_zeros(rows) if memory is None else memory["read"]
        view = self.view(length, memory, read)
        words = self.head.embed(self.words_read(inputs, memory)) * math.sqrt(self.design.width)
        x = dropout(words + self._places(read, length), self.design.dropout, self.training)
        source = self.source(x)
        kept: list[Memory] = []
        seen: list[Maps] = []
        for layer, block in enumerate(self.blocks):
            past = None if memory is None else {name: memory[name][:, layer] for name in memory if name != "read"}
            x, left, shown = block(x, past, view, source=source, maps=maps)
            left["keys"], left["values"] = self._remembered(left["keys"]), self._remembered(left["values"])
            kept.append(left)
            seen += [shown] if maps else []
        after = {name: torch.stack([left[name] for left in kept], 1) for name in kept[0]}
        features = dropout(self.last_norm(x), self.design.dropout, self.training)
        return features, {**after, "read": read + length}, seen

    def in_page(self) -> list[dict[str, Any]]:
        if not self.design.causal or type(self) is not TransformerNetwork:
            raise LmcompareError("the page has causal transformers of the usual layers only")
        return self.design.in_page(self.end)

    def source(self, embedded: Tensor) -> Tensor | None:
        """Return the vectors from which all layers compute keys and values, given the (B, T, d) word vectors.

        None for the output of the layer below.
        """
        return None

    @torch.no_grad()
    def states(self, ids: IntArray) -> Tensor:
        """Return (layers + 1, len + 1, d): the states of a document before the first layer and after each layer."""
        found: list[Tensor] = []
        hooks = [self.blocks[0].register_forward_pre_hook(lambda _, given: found.append(given[0][0]))]
        hooks += [
            block.register_forward_hook(lambda _, given, made: found.append(made[0][0])) for block in self.blocks
        ]
        try:
            self.attend(self.inputs(ids), None)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(found)

    @torch.no_grad()
    def maps(self, ids: IntArray) -> list[Maps]:
        """Return the attention of each layer over a document of these ids: B = 1, M = 0, T = len + 1."""
        return self.attend(self.inputs(ids), None, maps=True)[2]

    def view(self, length: int, memory: Memory | None, read: Tensor) -> View:
        """Return the view of the positions of a piece, which see the last ``window`` positions each.

        ``read`` (B,) is how many tokens each document had before the piece.
        """
        design = self.design
        remembered = 0 if memory is None else design.window - 1
        place = torch.arange(remembered + length, device=read.device)
        distance = place[remembered:, None] - place[None]  # (T, M + T)
        rotation = None
        if design.positions == "rotary":
            rotation = Rotation.of(place, design.width // design.heads // 2)
        mask = None
        if memory is not None or length > design.window:
            near = (distance if design.causal else distance.abs()) < design.window
            if design.causal:
                near &= distance >= 0
            there = place[None] >= remembered - read[:, None]  # (B, M + T)
            mask = (near[None] & there[:, None])[:, None]
        return View(mask, self.bias(distance), rotation, design.causal)

    def bias(self, distance: Tensor) -> Tensor | None:
        """Return the bias of the scores (heads, T, M + T) at these distances, or None."""
        design = self.design
        if design.positions == "alibi":
            return -alibi_slopes(design.heads).to(distance.device)[:, None, None] * distance.abs()
        if self.distances is None:
            return None
        reach = design.window - 1
        seen = distance.clamp(0 if design.causal else -reach, reach) + (0 if design.causal else reach)
        return self.distances.view(design.heads, -1)[:, seen]

    def _remembered(self, kept: Tensor) -> Tensor:
        """Return the last ``window`` - 1 positions of (B, heads, S, d), padded with zeros at the front."""
        reach = self.design.window - 1
        missing = reach - kept.shape[2]
        if missing > 0:
            kept = functional.pad(kept, (0, 0, missing, 0))
        return kept[:, :, kept.shape[2] - reach :].detach()

    def _places(self, read: Tensor, length: int) -> Tensor:
        """Return the vectors that are added to the word vectors for their positions: (B, T, d), or 0."""
        place = read[:, None] + torch.arange(length, device=read.device)  # (B, T)
        if self.places is not None:
            return self.places[place % self.design.window]
        if self.design.positions == "sinusoidal":
            return waves(place, self.design.width)
        return torch.zeros((), device=read.device)
