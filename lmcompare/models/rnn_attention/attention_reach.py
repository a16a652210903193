"""Measures how far back the attention of a trained network looks, and what it gains by looking back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lmcompare.exhibits import Bars, Exhibit
from lmcompare.models.rnn_attention.network import AttentiveRnnNetwork
from lmcompare.tokens import Encoded, excerpt

EXCERPT = 2048  # tokens of the validation text


@dataclass(frozen=True)
class Reach:
    """Measurements of attention on the validation text, with the trained weights unchanged. JSON-able.

    Parameters
    ----------
    tokens : int, default=0
        The number of tokens of validation text that were read.
    weights : sequence of float, default=()
        The mean weight at each distance, the nearest state first, over positions that see a whole window; empty if
        no document is that long.
    spread : float, default=0.0
        The number of states that the attention looks at, at those positions: the exponential of the mean entropy of
        the weights, from 1 (a single state) to ``window`` (all states alike).
    reaches : sequence of int, default=()
        How many states back the attention was allowed to look, in rising order; 0 is no attention.
    bits : sequence of float, default=()
        For each of ``reaches``, the mean bits per token.
    """

    tokens: int = 0
    weights: Sequence[float] = ()
    spread: float = 0.0
    reaches: Sequence[int] = ()
    bits: Sequence[float] = ()


@torch.no_grad()
def measured(network: AttentiveRnnNetwork, valid: Encoded) -> Reach:
    """Read an excerpt of the validation text with attention limited to 0, 1, 4, 16, … states and to the window."""
    window = network.attention.window
    documents = [ids for ids in excerpt(valid, EXCERPT).documents() if len(ids)]
    tokens = sum(map(len, documents))
    if not tokens:
        return Reach()
    reaches = [0, *(4**k for k in range(window.bit_length()) if 4**k < window), window]
    nats = np.zeros(len(reaches))
    weight, entropy, full = np.zeros(window), 0.0, 0
    for ids in documents:
        inputs = network.inputs(ids[:-1])  # (1, T)
        targets = torch.from_numpy(ids.astype(np.int64)).to(inputs.device)
        states, _ = network.states(inputs, None)
        for k, reach in enumerate(reaches):
            features, weights = network.look_back(states, *network.no_past(states), reach)
            nats[k] -= float(network.head.log_prob_of(features[0], targets).double().sum())
        whole = weights[0, window:].double()  # (T - window, window): the last reach, whole windows only
        weight += whole.sum(0).flip(0).cpu().numpy()
        entropy += float(torch.special.entr(whole).sum())
        full += max(len(ids) - window, 0)
    return Reach(
        tokens=tokens,
        weights=(weight / full).tolist() if full else (),
        spread=math.exp(entropy / full) if full else 0.0,
        reaches=reaches,
        bits=(nats / tokens / math.log(2)).tolist(),
    )


def exhibits(found: Reach) -> list[Exhibit]:
    """Return the weight by distance and the loss when the network sees less; nothing if nothing was measured."""
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
                note=f"At each word, attention gives a weight to each of the last {window} states. If it preferred"
                f" none of them, each would get 1/{window}. A bar shows the mean weight at a distance, in words"
                f" back, as a multiple of 1/{window}: 1 is no preference, 2 is twice as much. At a single word, the"
                f" weight is spread over about {found.spread:.0f} states (e to the power of the mean entropy of the"
                " weights). Measured on the validation text, at words with a whole window before them.",
                labels=tuple(str(b) if b == a + 1 else f"{a + 1}–{b}" for a, b in ranges),
                values=tuple(window * sum(found.weights[a:b]) / (b - a) for a, b in ranges),
                unit=f"multiples of 1/{window}",
            )
        )
    lost = [bits - found.bits[-1] for bits in found.bits]
    drawn.append(
        Bars(
            title="What looking back is worth",
            note=f"The trained network needs {found.bits[-1]:.2f} bits per token if attention may look at the whole"
            f" window of {found.reaches[-1]} states (measured on {found.tokens:,} tokens of the validation text). A"
            " bar shows how many bits more it needs if attention may look at no state, at the last one, and so on."
            " The present state has read every word, too, so attention adds only what this state has lost. The"
            " network was not trained again for this. It has learnt to average many states, so a single one can be"
            " worse than none. And a network that is trained without attention may need fewer bits than “none” says.",
            labels=tuple("none" if reach == 0 else f"the last {reach}" for reach in found.reaches[:-1]),
            values=tuple(lost[:-1]),
            unit="bits per token",
        )
    )
    return drawn
