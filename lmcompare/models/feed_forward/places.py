"""Measures what each position of the window is worth to a trained network, by exchanging its words among contexts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lmcompare.exhibits import Bars, Exhibit
from lmcompare.models.feed_forward.network import WindowNetwork
from lmcompare.tokens import Encoded
from lmcompare.training.loop import excerpt

EXCERPT = 1024  # tokens of the validation text


@dataclass(frozen=True)
class Places:
    """What is lost without the word at each position. JSON-able.

    Parameters
    ----------
    tokens : int, default=0
        The tokens of the validation text that were predicted.
    lost : sequence of float, default=()
        Bits per token that the network loses if the words k + 1 positions back are exchanged among all contexts.
    """

    tokens: int = 0
    lost: Sequence[float] = ()


@torch.no_grad()
def measured(network: WindowNetwork, valid: Encoded) -> Places:
    """Return the permutation importance (Breiman 2001) of each position, on an excerpt of the validation text."""
    device = next(network.parameters()).device
    found: list[torch.Tensor] = []
    for ids in excerpt(valid, EXCERPT).documents():
        if len(ids):
            found.append(network.windows(network.inputs(ids[:-1]).to(device), None)[0][0])  # (T, context, d)
    if not found:
        return Places()
    windows = torch.cat(found)
    targets = np.concatenate([ids for ids in excerpt(valid, EXCERPT).documents() if len(ids)])
    wanted = torch.from_numpy(targets.astype(np.int64)).to(device)

    def bits(given: torch.Tensor) -> float:
        return -float(network.head.log_prob_of(network.features(given.flatten(1)), wanted).mean()) / float(np.log(2))

    other = torch.from_numpy(np.random.default_rng(0).permutation(len(windows))).to(device)
    own, lost = bits(windows), []
    for back in range(network.context):
        exchanged = windows.clone()
        exchanged[:, -1 - back] = windows[other, -1 - back]
        lost.append(bits(exchanged) - own)
    return Places(len(targets), lost)


def exhibits(found: Places) -> list[Exhibit]:
    """Return the bars of what each position is worth; nothing if nothing was measured."""
    if not found.tokens:
        return []
    return [
        Bars(
            title="What each position of the window is worth",
            note="The words at one position are exchanged among all contexts, and the network predicts again. The bar"
            f" is what it loses. Measured on {found.tokens:,} tokens of the validation text.",
            labels=tuple(f"{back + 1} back" if back else "the last word" for back in range(len(found.lost))),
            values=tuple(found.lost),
            unit="bits per token",
        )
    ]
