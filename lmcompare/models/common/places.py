"""Measures how much a trained network needs the word at each distance, by exchanging it among contexts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lmcompare.exhibits import Bars, Exhibit
from lmcompare.tokens import Encoded, excerpt
from lmcompare.training.network import Network

EXCERPT = 2048  # tokens of the validation text
MOST = 512  # contexts


@dataclass(frozen=True)
class Places:
    """The bits that are lost without the word at each distance. JSON-able.

    Parameters
    ----------
    contexts : int, default=0
        The number of contexts of the validation text in which this was measured.
    reach : int, default=0
        The number of words in each context.
    back : sequence of int, default=()
        The distances: 1 is the last word.
    lost : sequence of float, default=()
        Bits per token that the network loses if the words at this distance are exchanged among all contexts.
    """

    contexts: int = 0
    reach: int = 0
    back: Sequence[int] = ()
    lost: Sequence[float] = ()


@torch.no_grad()
def measured(network: Network, valid: Encoded, reach: int, back: Sequence[int] = ()) -> Places:
    """Return the permutation importance (Breiman 2001) of the word at each distance.

    Parameters
    ----------
    network : Network
        The trained network.
    valid : Encoded
        The validation text, of which an excerpt is read.
    reach : int
        How many last words of a context the network reads, as if they began a document.
    back : sequence of int, default=()
        The distances, at most ``reach``; () for all.
    """
    device = next(network.parameters()).device
    contexts: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []
    for ids in excerpt(valid, EXCERPT).documents():
        if len(ids) >= reach:
            contexts.append(network.inputs(ids[:-1])[0].unfold(0, reach, 1))  # (T, reach)
            targets.append(torch.from_numpy(ids[reach - 1 :].astype(np.int64)))
    if not contexts:
        return Places()
    read, wanted = torch.cat(contexts), torch.cat(targets)
    chosen = torch.linspace(0, len(read) - 1, min(MOST, len(read))).long()
    read, wanted = read[chosen].to(device), wanted[chosen].to(device)

    def bits(given: torch.Tensor) -> float:
        features = network(given, None)[0][:, -1]
        return -float(network.head.log_prob_of(features, wanted).mean()) / float(np.log(2))

    other = torch.from_numpy(np.random.default_rng(0).permutation(len(read))).to(device)
    own = bits(read)
    back = back or range(1, reach + 1)
    lost = []
    for distance in back:
        exchanged = read.clone()
        exchanged[:, -distance] = read[other, -distance]
        lost.append(bits(exchanged) - own)
    return Places(len(read), reach, list(back), lost)


def exhibits(found: Places) -> list[Exhibit]:
    """Return the bars of the bits lost without the word at each distance; nothing if nothing was measured."""
    if not found.contexts:
        return []
    return [
        Bars(
            title="What the words before are worth",
            note="The words at one distance are exchanged among all contexts, and the network predicts again. A bar"
            f" shows how many bits more it then needs. Measured in {found.contexts:,} contexts of the validation"
            f" text, each of {found.reach} words.",
            labels=tuple("the last word" if back == 1 else f"{back} back" for back in found.back),
            values=tuple(found.lost),
            unit="bits per token",
        )
    ]
