"""How far back each head of a trained transformer looks, measured on held-out text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from lmcompare.exhibits import Exhibit, Heatmap
from lmcompare.tokens import Encoded
from lmcompare.training.loop import excerpt

if TYPE_CHECKING:
    from lmcompare.models.transformer.network import TransformerNetwork

LOOKED_AT = 2048  # tokens of valid
PIECE = 4  # times the window: no more is written out at once
SHOWN = 24  # heads


@dataclass(frozen=True)
class HeadReach:
    """Measured at ``places`` of valid that see a whole window. ``shares``: layer → head → distance, from 0 (the word
    just read) on: the mean weight; each head's sum to one. JSON-able.
    """

    places: int = 0
    shares: tuple[tuple[tuple[float, ...], ...], ...] = ()

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Self:
        """Return what was stored; nothing was measured if the table is empty."""
        layers = table.get("shares", ())
        shares = tuple(tuple(tuple(map(float, head)) for head in heads) for heads in layers)
        return cls(int(table.get("places", 0)), shares)


@torch.no_grad()
def measured(network: TransformerNetwork, valid: Encoded) -> HeadReach:
    """Read an excerpt of valid, and where a position sees a whole window keep the weight of each distance."""
    design = network.design
    window = design.window
    total = np.zeros((design.layers, design.heads, window))
    places = 0
    for ids in excerpt(valid, LOOKED_AT).documents():
        for first in range(0, len(ids), PIECE * window):
            piece = ids[first : first + PIECE * window]
            if len(piece) < window:
                continue
            inputs = network.inputs(piece[:-1])  # (1, T)
            for layer, maps in enumerate(network.attend(inputs, None, maps=True)[2]):
                weights = maps.weights[0]  # (heads, T, T)
                for distance in range(window):
                    diagonal = weights.diagonal(-distance, 1, 2)[:, window - 1 - distance :]
                    total[layer, :, distance] += diagonal.double().sum(1).cpu().numpy()
            places += len(piece) - window + 1
    if not places:
        return HeadReach()
    return HeadReach(places, tuple(tuple(tuple(h.tolist()) for h in heads) for heads in total / places))


def exhibits(found: HeadReach) -> list[Exhibit]:
    """Return a map of heads by distance; nothing where nothing was measured."""
    if not found.places:
        return []
    window = len(found.shares[0][0])
    edges = sorted({0, 1, *(2**k + 1 for k in range(window.bit_length()) if 2**k + 1 < window), window})
    ranges = list(pairwise(edges))  # 0, 1, 2, 3–4, 5–8, …
    rows = [
        (f"layer {layer + 1}, head {head + 1}", shares)
        for layer, heads in enumerate(found.shares)
        for head, shares in enumerate(heads)
    ]
    step = max(1, -(-len(rows) // SHOWN))
    note = f" {len(rows[::step])} of {len(rows)} heads are shown." if step > 1 else ""
    return [
        Heatmap(
            title="How far back each head looks",
            note="How much a word so many places back weighs (0 is the word just read), as a multiple of what it"
            f" would if all {window} in the window weighed the same; on the average over {found.places:,} places of"
            f" valid that see a whole window.{note}",
            rows=tuple(name for name, _ in rows[::step]),
            columns=tuple(str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in ranges),
            panels=("times an even share",),
            values=(
                tuple(tuple(window * sum(shares[a:b]) / (b - a) for a, b in ranges) for _, shares in rows[::step]),
            ),
            row_axis="head",
            column_axis="words back",
        )
    ]
