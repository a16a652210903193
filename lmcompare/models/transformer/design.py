"""The design of the transformer's network."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import nn

ACTIVATIONS = ("gelu", "relu2", "swiglu")
STYLES = ("gpt", "llama")
OPTIONS = (
    "local",
    "gates",
    "sinks",
    "word_values",
    "exclusive",
    "experts",
    "convolution",
)  # options that change the computation of layers
EPSILON = 1e-5  # added to the variance, or the mean square, by which the norms divide


@dataclass(frozen=True, kw_only=True)
class Design:
    """The design of a network: the hyper-parameters of ``Transformer`` of the same names.

    Only ``kv_heads`` and ``local`` can be None, which means ``heads`` and ``window``, as in ``Transformer``.
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
    local: int | None = None
    gates: bool = False
    sinks: bool = False
    word_values: bool = False
    exclusive: bool = False
    experts: int = 1
    convolution: int = 0
    further: float = 0.0

    def reach(self, layer: int) -> int:
        """Return how many positions a position attends to in a layer.

        With ``local`` they are fewer in every second layer, but not in the last one.
        """
        is_local = self.local is not None and (self.layers - 1 - layer) % 2
        return min(self.window, self.local or self.window) if is_local else self.window

    @property
    def key_heads(self) -> int:
        """The number of heads of keys and values."""
        return self.kv_heads or self.heads

    @property
    def options(self) -> list[str]:
        """The options in use whose layers other programs do not know."""
        plain = {field.name: field.default for field in fields(self)}
        return [name for name in OPTIONS if getattr(self, name) != plain[name]]

    @property
    def in_report(self) -> bool:
        """Whether the report can compute all layers: of the options, it knows only convolutions."""
        return not set(self.options) - {"convolution"}

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
