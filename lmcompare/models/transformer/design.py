"""The design of the transformer's network."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

ACTIVATIONS = ("gelu", "relu2", "swiglu")
STYLES = ("gpt", "llama")
EPSILON = 1e-5  # added to the variance, or the mean square, by which the norms divide


@dataclass(frozen=True, kw_only=True)
class Design:
    """The design of a network: the hyper-parameters of ``Transformer`` of the same names.

    Only ``kv_heads`` can be None, which means ``heads``, as in ``Transformer``.
    """

    width: int
    heads: int
    layers: int
    window: int
    positions: str = "rotary"
    dropout: float = 0.0
    kv_heads: int | None = None
    style: str = "gpt"
    qk_norm: bool = False
    activation: str = "gelu"
    causal: bool = True
    convolution: int = 0

    @property
    def key_heads(self) -> int:
        """The number of heads of keys and values."""
        return self.kv_heads or self.heads

    @property
    def hidden(self) -> int:
        """The width of the feed-forward networks.

        Gated ones (SwiGLU) have two matrices of this width and are two thirds as wide, so that the number of
        parameters is the same.
        """
        return 8 * max(1, round(self.width / 3)) if self.activation == "swiglu" else 4 * self.width

    def norm(self, width: int, *, biased: bool = True) -> nn.Module:
        """Return LayerNorm, or in the style of Llama RMSNorm (Zhang and Sennrich 2019)."""
        if self.style == "llama":
            return nn.RMSNorm(width, eps=EPSILON)
        return nn.LayerNorm(width, eps=EPSILON, bias=biased)
