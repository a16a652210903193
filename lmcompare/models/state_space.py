"""The state-space language model: a linear recurrence whose decay, reading and writing depend on the word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import latex_lines
from lmcompare.model import Idea
from lmcompare.models.common.layers import ShortConvolution
from lmcompare.models.common.states import EPSILON, Gates, StateLayer, StateModel, StateNetwork

GREATEST = 16.0  # the greatest initial decay rate
CHUNK = 64  # steps whose influence on each other is computed as a matrix


@dataclass(eq=False, kw_only=True)
class StateSpace(StateModel):
    """A selective state-space model in the form of Mamba-2 (Gu and Dao 2023; Dao and Gu 2024).

    Each head carries a matrix S through the document: S_t = a_t S_{t-1} + Δ_t x_t b_tᵀ. Its output is S_t c_t +
    D x_t. How much is kept (a), how much is written (Δ), where it is written (b) and where it is read (c) are
    computed from the word that is read, and not from S. Therefore all words of a piece are computed at once, by
    products of matrices as in attention. The time to generate a text grows with its length, the memory does not.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    width : int, default=256
        The size of word vectors and of the inputs of layers.
    heads : int, default=8
        The number of heads in each layer.
    state_size : int, default=64
        How many numbers are kept for each dimension of the inner width.
    expand : int, default=2
        The inner width of a layer, as a multiple of ``width``.
    layers : int, default=3
        The number of layers.
    dropout : float, default=0.1
        Dropout on word vectors and on the output of each layer.
    feed_forward : bool, default=False
        Whether each layer is followed by a feed-forward network, as in a transformer.
    """

    idea = Idea(2024, "Dao and Gu", "Transformers are SSMs")
    widths: ClassVar[tuple[str, ...]] = ("width",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"weight_decay": 1.5, "learning_rate": 0.015, "batch": 16, "steps": 130},
        "full": {"width": 384, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }
    equation: ClassVar[str] = latex_lines(
        r"\mathbf{S}_i &= a_i \mathbf{S}_{i-1} + \Delta_i \mathbf{x}_i \mathbf{b}_i^\top",
        r"\mathbf{y}_i &= \mathbf{S}_i \mathbf{c}_i + D \mathbf{x}_i",
    )
    saying: ClassVar[str] = (
        "Each head carries a state of fixed size. The word that is read decides what share of the old state is kept,"
        " how much of the word is written into it, where it is written, and where it is read. An RNN decides this"
        " from its state too; without that, all words can be computed at once."
    )
    write: ClassVar[str] = "Δ: how much of the word is written"

    width: int = 256
    heads: int = 8
    state_size: int = 64
    expand: int = 2
    layers: int = 3
    batch: int = 32
    optimiser: str = "muon"
    feed_forward: bool = False

    def __post_init__(self) -> None:
        self.check_whole(1, "width", "heads", "state_size")
        self.check_whole(1, "expand", "layers", most=1000)
        inner = self.expand * self.width
        if inner % self.heads:
            raise LmcompareError(
                f"expand times width must be a multiple of heads, not {inner} with {self.heads} heads"
            )
        super().__post_init__()

    def title(self) -> str:
        return "State space"

    def width_step(self) -> int:
        """Return ``heads``: each head has an equal share of the inner width."""
        return self.heads

    def network(self, types: int) -> StateNetwork:
        shape = self.width, self.heads, self.state_size, self.expand * self.width
        layers = [StateSpaceLayer(*shape) for _ in range(self.layers)]
        return StateNetwork(types, self.width, layers, self.dropout, feed_forward=self.feed_forward)


def selective_scan(
    x: Tensor, write: Tensor, read: Tensor, log_decay: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return y_t = S_t c_t with S_t = a_t S_{t-1} + x_t b_tᵀ (Dao and Gu 2024, section 6).

    Within a chunk, y = (C Bᵀ ∘ L) X with L_ti = a_{i+1} … a_t, as in attention without a softmax; from chunk to chunk
    the state is carried. The cost is linear in T. Decays are in float32; under autocast the products are not.

    Parameters
    ----------
    x : (B, T, H, P) Tensor
        The vectors that are written into the H states.
    write, read : (B, T, N) Tensor
        b and c, where x is written and read, shared by all heads.
    log_decay : (B, T, H) Tensor
        log a, at most 0.
    state : (B, H, P, N) Tensor or None
        S before the first step; None for zeros.

    Returns
    -------
    y : (B, T, H, P) Tensor
    state : (B, H, P, N) Tensor
        S after the last step.
    """
    x, write, read = x.float(), write.float(), read.float()
    if state is None:
        state = x.new_zeros(x.shape[0], *x.shape[2:], write.shape[2])
    found: list[Tensor] = []
    for first in range(0, x.shape[1], CHUNK):
        part = slice(first, first + CHUNK)
        content = x[:, part].transpose(1, 2)  # (B, H, L, P)
        b, c = write[:, part], read[:, part]  # (B, L, N)
        total = log_decay[:, part].float().cumsum(1).transpose(1, 2)  # (B, H, L)
        influence = (c @ b.mT)[:, None] * decays(total)  # (B, H, L, L)
        carried = (c[:, None] @ state.mT) * total.exp()[..., None]  # (B, H, L, P)
        found.append(influence @ content + carried)
        left = (total[..., -1:] - total).exp()[..., None]  # (B, H, L, 1), what is left of a step at the chunk's end
        state = total[..., -1].exp()[..., None, None] * state + (content * left).mT @ b[:, None]
    return torch.cat(found, 2).transpose(1, 2), state


def decays(total: Tensor) -> Tensor:
    """Return L (…, L, L), exp(total_t - total_i) for i ≤ t and 0 for later i, from cumulative log decays (…, L)."""
    length = total.shape[-1]
    later = torch.ones(length, length, dtype=torch.bool, device=total.device).triu(1)
    # masked before exp, whose gradient would otherwise be infinite times zero
    return (total[..., :, None] - total[..., None, :]).masked_fill(later, -torch.inf).exp()


SLOWEST, FASTEST = 1e-3, 1e-1  # the range of the initial step sizes, as in the authors' code


class StateSpaceLayer(StateLayer):
    """norm, one matrix for all parts, a short convolution, the selective state space, a gate, and an output matrix.

    Parameters
    ----------
    width : int
        d, the size of inputs and outputs.
    heads : int
        H, the number of states, each with a decay of its own; the inner width is divided among them.
    state : int
        N, how many numbers are kept for each dimension of the inner width.
    inner : int
        The inner width.
    """

    def __init__(self, width: int, heads: int, state: int, inner: int) -> None:
        super().__init__()
        self.heads, self.state, self.inner = heads, state, inner
        self.norm = nn.RMSNorm(width, eps=EPSILON)
        self.sizes = (self.inner, self.inner + 2 * state, heads)
        self.read = nn.Linear(width, sum(self.sizes), bias=False)
        self.convolution = ShortConvolution(self.inner + 2 * state)
        self.rate = nn.Parameter(torch.tensor(np.log(np.linspace(1.0, GREATEST, heads)).tolist()))
        begin = np.geomspace(SLOWEST, FASTEST, heads)
        self.step_bias = nn.Parameter(torch.tensor(np.log(np.expm1(begin)).tolist()))  # its softplus is begin
        self.skip = nn.Parameter(torch.ones(heads))
        self.inner_norm = nn.RMSNorm(self.inner, eps=EPSILON)
        self.write = nn.Linear(self.inner, width, bias=False)

    def forward(self, x: Tensor, state: Tensor | None, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Gates]:
        """Return what is added to x (B, T, d), the state (B, H, P, N), the convolution's past, and the gates."""
        gate, mixed, step = self.read(self.norm(x)).split(self.sizes, -1)
        mixed, past = self.convolution(mixed, past)
        content, b, c = mixed.split((self.inner, self.state, self.state), -1)
        step = functional.softplus(step.float() + self.step_bias)  # (B, T, H)
        log_decay = -self.rate.exp() * step
        content = content.float().unflatten(-1, (self.heads, -1))  # (B, T, H, P)
        found, state = selective_scan(content * step[..., None], b, c, log_decay, state)
        found = (found + self.skip[:, None] * content).flatten(2)
        added = self.write(self.inner_norm((found * functional.silu(gate.float())).to(x.dtype)))
        return added, state, past, Gates(log_decay.exp(), step)

    def in_page(self, name: str) -> dict[str, Any]:
        return {"type": "state-space", "name": name, "heads": self.heads, "state": self.state}
