"""The language model with linear attention: a memory matrix that the gated delta rule corrects."""

from __future__ import annotations

import math
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
from lmcompare.models.state_space import CHUNK, decays


@dataclass(eq=False, kw_only=True)
class LinearAttention(StateModel):
    """A language model with linear attention: the gated delta rule (Yang, Kautz and Hatamizadeh 2025).

    Attention keeps every key and value. Linear attention (Katharopoulos et al. 2020) adds the products k vᵀ of all of
    them up in one matrix per head, from which a query reads. Here the matrix decays (a_t), and the value that it has
    for a key already is subtracted first (the delta rule; Schlag, Irie and Schmidhuber 2021), so that a new value
    replaces the old one:
    S_t = a_t S_{t-1} + k_t β_t (v_t - a_t S_{t-1}ᵀ k_t)ᵀ. As in a transformer each layer also has a feed-forward
    network. The time to generate a text grows with its length, the memory does not.

    The settings of training are those of ``TunableLanguageModel``.

    Parameters
    ----------
    width : int, default=256
        The size of word vectors and layers.
    heads : int, default=4
        The number of heads in each layer.
    layers : int, default=2
        The number of layers.
    dropout : float, default=0.1
        Dropout on word vectors and on the output of each layer.
    """

    idea = Idea(2025, "Yang, Kautz and Hatamizadeh", "Gated delta networks")
    widths: ClassVar[tuple[str, ...]] = ("width",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"weight_decay": 1.5, "learning_rate": 0.015, "batch": 16, "steps": 130},
        "full": {"width": 384, "dropout": 0.3, "steps": 2000, "candidates": 2048},
    }
    equation: ClassVar[str] = latex_lines(
        r"\mathbf{u}_i &= \beta_i (\mathbf{v}_i - a_i \mathbf{S}_{i-1}^\top \mathbf{k}_i)",
        r"\mathbf{S}_i &= a_i \mathbf{S}_{i-1} + \mathbf{k}_i \mathbf{u}_i^\top",
        r"\mathbf{o}_i &= \mathbf{S}_i^\top \mathbf{q}_i",
    )
    saying: ClassVar[str] = (
        "Each head has one matrix in which values are stored under keys. For each word the head looks up what the"
        " matrix has under the key of this word. The difference from the word's value is the error, and a share of it"
        " is corrected. Then the word's query reads from the matrix. Attention keeps all keys and values instead, so"
        " it costs more with every word."
    )
    write: ClassVar[str] = "β: the share of the error that is corrected"
    corrects: ClassVar[bool] = True

    width: int = 256
    heads: int = 4
    layers: int = 2
    batch: int = 32
    optimiser: str = "muon"

    def __post_init__(self) -> None:
        self.check_whole(1, "width", "heads")
        self.check_whole(1, "layers", most=1000)
        if self.width % self.heads:
            raise LmcompareError(
                f"width must be a multiple of heads, not {self.width} with {self.heads} heads: each head gets an"
                " equal share"
            )
        super().__post_init__()

    def title(self) -> str:
        return "Linear attention"

    def width_step(self) -> int:
        """Return ``heads``: each head has an equal share of the width."""
        return self.heads

    def network(self, types: int) -> StateNetwork:
        layers = [DeltaLayer(self.width, self.heads) for _ in range(self.layers)]
        return StateNetwork(types, self.width, layers, self.dropout, feed_forward=True)


def gated_delta_rule(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, rate: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return o_t = S_tᵀ q_t with S_t = a_t S_{t-1} + k_t u_tᵀ and u_t = β_t (v_t - a_t S_{t-1}ᵀ k_t), in float32.

    The memory S is asked what it has for k_t, and corrected by a share β of the error (Yang, Kautz and Hatamizadeh
    2025, equation 10). Within a chunk the u are the solution of a triangular system (I + tril(β K Kᵀ ∘ L, -1)) U =
    β (V - G K S), where L has the products of decays between two steps and G those since the chunk's beginning; from
    chunk to chunk the state is carried. The cost is linear in T.

    Parameters
    ----------
    query, key : (B, H, T, K) Tensor
        q and k; the keys have length 1.
    value : (B, H, T, V) Tensor
        v.
    log_decay : (B, H, T) Tensor
        log a, at most 0.
    rate : (B, H, T) Tensor
        β, from 0 to 1.
    state : (B, H, K, V) Tensor or None
        S before the first step; None for zeros.

    Returns
    -------
    out : (B, H, T, V) Tensor
    state : (B, H, K, V) Tensor
        S after the last step.
    """
    query, key, value, log_decay, rate = (each.float() for each in (query, key, value, log_decay, rate))
    if state is None:
        state = key.new_zeros(*key.shape[:2], key.shape[3], value.shape[3])
    found: list[Tensor] = []
    # autocast would use types for which there is no triangular solver
    with torch.autocast(key.device.type, enabled=False):
        for first in range(0, key.shape[2], CHUNK):
            part = slice(first, first + CHUNK)
            q, k, v, share = query[:, :, part], key[:, :, part], value[:, :, part], rate[:, :, part, None]
            total = log_decay[:, :, part].cumsum(2)  # (B, H, L)
            between, since = decays(total), total.exp()[..., None]  # (B, H, L, L) and (B, H, L, 1)
            system = (share * (k @ k.mT) * between).tril(-1)
            error = share * (v - since * (k @ state))
            # the solver takes the diagonal as ones
            u = torch.linalg.solve_triangular(system, error, upper=False, unitriangular=True)  # (B, H, L, V)
            found.append(since * (q @ state) + ((q @ k.mT) * between) @ u)
            left = (total[..., -1:] - total).exp()[..., None]  # what is left of each step at the chunk's end
            state = since[:, :, -1:] * state + (k * left).mT @ u
    return torch.cat(found, 2), state


class DeltaLayer(StateLayer):
    """norm, queries, keys and values through a short convolution, the gated delta rule, a gate, an output matrix."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.RMSNorm(width, eps=EPSILON)
        self.read = nn.Linear(width, 4 * width + 2 * heads, bias=False)
        self.sizes = (3 * width, width, heads, heads)
        self.convolution = ShortConvolution(3 * width)
        self.decay_rate = nn.Parameter(torch.tensor(np.log(np.linspace(1.0, 16.0, heads)).tolist()))
        self.decay_bias = nn.Parameter(torch.full((heads,), -4.0))  # at first, decays of 0.98 to 0.75
        self.inner_norm = nn.RMSNorm(width // heads, eps=EPSILON)
        self.write = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, state: Tensor | None, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Gates]:
        """Return what is added to x (B, T, d), the memories (B, H, K, K), the convolution's past, and the gates."""
        mixed, gate, decay, rate = self.read(self.norm(x)).split(self.sizes, -1)
        mixed, past = self.convolution(mixed, past)
        query, key, value = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2).float() for each in mixed.chunk(3, -1)
        )  # (B, H, T, K)
        query = functional.normalize(query, dim=-1) / math.sqrt(query.shape[-1])
        key = functional.normalize(key, dim=-1)
        log_decay = (-self.decay_rate.exp() * functional.softplus(decay.float() + self.decay_bias)).transpose(1, 2)
        rate = rate.float().sigmoid().transpose(1, 2)  # (B, H, T)
        found, state = gated_delta_rule(query, key, value, log_decay, rate, state)
        shown = self.inner_norm(found).transpose(1, 2).flatten(2) * functional.silu(gate.float())
        return (
            self.write(shown.to(x.dtype)),
            state,
            past,
            Gates(log_decay.exp().transpose(1, 2), rate.transpose(1, 2)),
        )

    def in_page(self, name: str) -> dict[str, Any]:
        return {"type": "delta", "name": name, "heads": self.heads}
