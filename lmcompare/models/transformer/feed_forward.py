"""The feed-forward network of the transformer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from lmcompare.models.transformer.design import Design


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
