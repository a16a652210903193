"""The layer of the selective state space (Mamba-2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.common.layers import ShortConvolution
from lmcompare.models.common.state_network import EPSILON, Gates, StateLayer
from lmcompare.models.state_space.recurrence import selective_scan

SLOWEST, FASTEST = 1e-3, 1e-1  # the range of the initial step sizes, as in the authors' code
GREATEST = 16.0  # the greatest initial decay rate


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
        """Return the layer of the page."""
        return {"type": "state-space", "name": name, "heads": self.heads, "state": self.state}
