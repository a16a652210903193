"""The design of the transformer's network, and the layers by which a report's page computes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn

from lmcompare.models.transformer.self_attention import alibi_slopes

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

    def in_page(self, end: int) -> list[dict[str, Any]]:
        """Return a report page's layers: word vectors, blocks and the last norm; ``end`` is the id of ``</s>``."""
        begin = end if self.style == "llama" else None
        first = {"type": "embed", "table": "head.table", "scale": math.sqrt(self.width), "begin": begin}
        layers: list[dict[str, Any]] = [first]
        if self.positions == "learned":
            layers.append({"type": "places", "table": "places"})
        elif self.positions == "sinusoidal":
            layers.append({"type": "waves"})
        norm = "rms" if self.style == "llama" else "layer"
        for n in range(self.layers):
            name = f"blocks.{n}."
            attention: dict[str, Any] = {
                "type": "attention",
                "name": f"{name}attention",
                "heads": self.heads,
                "kv_heads": self.key_heads,
                "window": self.window,
                "norm": norm if self.qk_norm else None,
                "rotary": self.positions == "rotary",
                "slopes": alibi_slopes(self.heads).tolist() if self.positions == "alibi" else None,
                "distances": "distances" if self.positions == "relative" else None,
            }
            feed_forward: list[dict[str, Any]] = [
                {"type": "linear", "name": f"{name}feed_forward.up"},
                {"type": self.activation},
                {"type": "linear", "name": f"{name}feed_forward.down"},
            ]
            for which, part, made in ((0, "attention", [attention]), (1, "feed_forward", feed_forward)):
                before: list[dict[str, Any]] = [{"type": "norm", "name": f"{name}before_{part}", "kind": norm}]
                if size := self.convolution:
                    before.append({"type": "convolution", "name": f"{name}convolutions.{which}", "size": size})
                layers.append({"type": "add", "layers": [*before, *made]})
        return [*layers, {"type": "norm", "name": "last_norm", "kind": norm}]
