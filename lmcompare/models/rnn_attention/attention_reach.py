"""What looking back is worth: how far a trained net's attention reaches, and what the guess loses without it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from lmcompare.exhibits import Bars, Exhibit
from lmcompare.tokens import Encoded
from lmcompare.training.loop import excerpt

if TYPE_CHECKING:
    from lmcompare.models.rnn_attention.plugin import AttentiveRnnNetwork

LOOKED_AT = 2048  # tokens of valid


@dataclass(frozen=True)
class Reach:
    """Measured on ``tokens`` of valid, with the trained weights as they are.

    ``weights``: (window,) the mean weight of the state so many places back, the nearest first, where the whole window
    is there; empty where no document is so long. ``spread``: how many states it looks at there, the exponential of
    the mean entropy of the weights: 1 for one at a time, ``window`` for all alike. ``reaches``: how many states back
    it was allowed to look, 0 for not at all, rising; ``bits``: of each, the mean bits a token. JSON-able.
    """

    tokens: int = 0
    weights: tuple[float, ...] = ()
    spread: float = 0.0
    reaches: tuple[int, ...] = ()
    bits: tuple[float, ...] = ()

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Self:
        """Return what was stored."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in table.items()}
        return cls(**values)


@torch.no_grad()
def measured(network: AttentiveRnnNetwork, valid: Encoded) -> Reach:
    """Read an excerpt of valid with the attention held to 0, 1, 4, 16, … states back, and with all of the window."""
    window = network.attention.window
    documents = [ids for ids in excerpt(valid, LOOKED_AT).documents() if len(ids)]
    tokens = sum(map(len, documents))
    if not tokens:
        return Reach()
    reaches = (0, *(4**k for k in range(window.bit_length()) if 4**k < window), window)
    nats = np.zeros(len(reaches))
    weight, entropy, full = np.zeros(window), 0.0, 0
    for ids in documents:
        inputs = network.inputs(ids[:-1])  # (1, T)
        targets = torch.from_numpy(ids.astype(np.int64)).to(inputs.device)
        states, _ = network.states(inputs, None)
        for k, reach in enumerate(reaches):
            features, weights = network.look_back(states, *network.no_past(states), reach)
            nats[k] -= float(network.head.log_prob_of(features[0], targets).double().sum())
        whole = weights[0, window:].double()  # (T - window, window): of the last reach, where all of it is there
        weight += whole.sum(0).flip(0).cpu().numpy()
        entropy += float(torch.special.entr(whole).sum())
        full += max(len(ids) - window, 0)
    return Reach(
        tokens=tokens,
        weights=tuple(float(w) for w in weight / full) if full else (),
        spread=math.exp(entropy / full) if full else 0.0,
        reaches=reaches,
        bits=tuple(float(n) for n in nats / tokens / math.log(2)),
    )


def exhibits(found: Reach) -> list[Exhibit]:
    """Return where the weight goes, and what it costs to see less; nothing where nothing was measured."""
    drawn: list[Exhibit] = []
    if not found.tokens:
        return drawn
    if found.weights:
        window = len(found.weights)
        edges = [*(2**k for k in range(window.bit_length()) if 2**k < window), window]
        ranges = list(zip([0, *edges], edges, strict=False))  # 1, 2, 3–4, 5–8, … words back
        drawn.append(
            Bars(
                title="How far back it looks",
                note="How much a state so many words back weighs, as a multiple of what it would if all the"
                f" {window} in the window weighed the same; on valid, where the whole window is there. At a time it"
                f" looks at {found.spread:.1f} of them, by the entropy of its weights.",
                labels=tuple(str(b) if b == a + 1 else f"{a + 1}–{b}" for a, b in ranges),
                values=tuple(window * sum(found.weights[a:b]) / (b - a) for a, b in ranges),
                unit="times",
            )
        )
    lost = [bits - found.bits[-1] for bits in found.bits]
    drawn.append(
        Bars(
            title="What looking back is worth",
            note=f"How many bits a token more the trained net needs on {found.tokens:,} tokens of valid if it may"
            f" look at fewer states than its window holds; with all of them it needs {found.bits[-1]:.2f}. Nothing"
            " was trained again, so that a net which never had attention may lose less; and one or a few states"
            " alone, where it learnt to read the mean of many, can serve it worse than none. The state itself has"
            " read every word: attention can add only what the state has lost.",
            labels=tuple("none" if reach == 0 else f"the last {reach}" for reach in found.reaches[:-1]),
            values=tuple(lost[:-1]),
            unit="bits",
        )
    )
    return drawn
