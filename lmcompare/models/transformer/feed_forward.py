"""The feed-forward networks of the transformer: one for all tokens, or experts among which each token chooses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.transformer.design import Design

CHOSEN = 2  # experts that a token chooses
BALANCING = 1e-3  # by how much the bias of an expert changes in a step


class FeedForward(nn.Module):
    """down(f(up(x))), with GELU, the square of ReLU ("relu2", So et al. 2021) or SwiGLU (Shazeer 2020) as f.

    SwiGLU is silu(a) · b for the two halves a and b of up(x).

    Parameters
    ----------
    design : Design
    share : int, default=1
        The number by which the width between up and down is divided.
    """

    def __init__(self, design: Design, share: int = 1) -> None:
        super().__init__()
        self.activation = design.activation
        biased, hidden = design.style != "llama", design.hidden // share
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


class Experts(nn.Module):
    """Several feed-forward networks, of which each token takes two, mixed by their affinities (Shazeer et al. 2017).

    Each expert is half as wide as the one network would be, so that a token costs the same. A token chooses by itself
    and no expert is ever full, so its output does not depend on the tokens beside it. In training, a bias favours the
    experts that were chosen too seldom; it has an effect on the choice alone (Wang et al. 2024).
    """

    balance: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.router = nn.Linear(design.width, design.experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(design, CHOSEN) for _ in range(design.experts))
        self.register_buffer("balance", torch.zeros(design.experts))

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, d) for x (…, d)."""
        tokens = x.reshape(-1, x.shape[-1])  # (n, d)
        affinity = torch.sigmoid(self.router(tokens).float())  # (n, experts)
        chosen = (affinity + self.balance).topk(CHOSEN, -1).indices  # (n, 2)
        if self.training:
            load = torch.bincount(chosen.flatten(), minlength=len(self.experts)).float()
            self.balance += BALANCING * torch.sign(load.mean() - load)
        share = affinity.gather(1, chosen)
        share = share / share.sum(1, keepdim=True)
        out = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):  # an expert that no token chose has a gradient of zeros
            token, place = (chosen == number).nonzero(as_tuple=True)
            made = share[token, place, None] * expert(tokens[token])
            out = out.index_add(0, token, made.to(out.dtype))
        return out.view(x.shape)
