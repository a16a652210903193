"""Measures how far back each head of a trained transformer looks, and its role, on the validation text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from lmcompare.exhibits import Exhibit, Heatmap
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.tokens import Encoded, excerpt

EXCERPT = 2048  # tokens of the validation text
PIECE = 4  # the longest piece computed at once, in windows
SHOWN = 24  # heads that are shown
MAIN = 0.4  # a head is named after one word that has this share of its weight
TOGETHER = 0.6  # a head is named after several words that have this share of its weight
NEAR = 5  # words that are near, the word just read included
RULE = (
    "The role of a head is measured at {places} positions of the validation text. A head is named after one word if"
    f" this word gets at least {MAIN:.0%} of its weight on average. Otherwise it is named “the last {NEAR} words” or"
    f" “far back” (beyond half the window) if these words get {TOGETHER:.0%} together. All other heads are mixed, and"
    " the role says over how many words their weight is spread (e to the power of its mean entropy)."
)


@dataclass(frozen=True)
class HeadReach:
    """How much each head attends to each distance and to the ends of sentences. JSON-able.

    All values are means over the positions that see a whole window.

    Parameters
    ----------
    places : int, default=0
        The number of positions.
    shares : nested sequence, default=()
        Layer, head, distance: the mean weight, from distance 0, the word just read. The weights of a head sum to one.
    boundaries : nested sequence, default=()
        Layer, head: the mean weight of the ends of sentences and the beginning of the text.
    spread : nested sequence, default=()
        Layer, head: the exponential of the mean entropy of the weights, from 1 (a single word) to the window.
    """

    places: int = 0
    shares: Sequence[Sequence[Sequence[float]]] = ()
    boundaries: Sequence[Sequence[float]] = ()
    spread: Sequence[Sequence[float]] = ()


def measured(network: TransformerNetwork, valid: Encoded) -> HeadReach:
    """Average the weights by distance over the positions of an excerpt of ``valid`` that see a whole window."""
    design = network.design
    window = design.window
    total = np.zeros((design.layers, design.heads, window))
    boundaries, entropy = np.zeros(total.shape[:2]), np.zeros(total.shape[:2])
    places = 0
    for ids in excerpt(valid, EXCERPT).documents():
        for first in range(0, len(ids), PIECE * window):
            piece = ids[first : first + PIECE * window]
            if len(piece) < window:
                continue
            ends = torch.from_numpy(np.concatenate([[True], piece[:-1] == network.end]))  # (T,), by input
            for layer, maps in enumerate(network.maps(piece[:-1])):
                weights = maps.weights[0]  # (heads, T, T)
                full = weights[:, window - 1 :].double().cpu()
                boundaries[layer] += full[..., ends].sum((1, 2)).numpy()
                entropy[layer] += torch.special.entr(full).sum((1, 2)).numpy()
                for distance in range(window):
                    diagonal = weights.diagonal(-distance, 1, 2)[:, window - 1 - distance :]
                    total[layer, :, distance] += diagonal.double().sum(1).cpu().numpy()
            places += len(piece) - window + 1
    if not places:
        return HeadReach()
    spread = np.exp(entropy / places)
    return HeadReach(places, (total / places).tolist(), (boundaries / places).tolist(), spread.tolist())


def roles(found: HeadReach) -> list[list[str]]:
    """Return the role of each head of each layer, in words, by ``RULE``; [] if it was not measured."""
    return [
        [_role(*head) for head in zip(*layer, strict=True)]
        for layer in zip(found.shares, found.boundaries, found.spread, strict=False)
    ]


def looking_at_one_place(found: HeadReach) -> list[tuple[int, int]]:
    """Return (layer, head) of the heads named after an earlier word in one place, such as the previous word."""
    return [
        (layer, head)
        for layer, named in enumerate(roles(found))
        for head, role in enumerate(named)
        if role.startswith(("the previous word", "two words back"))
    ]


def _role(shares: Sequence[float], boundaries: float, spread: float) -> str:
    window = len(shares)
    single = {"the word itself": shares[0], "sentence boundaries": boundaries}
    single |= {name: shares[k] for k, name in ((1, "the previous word"), (2, "two words back")) if k < window}
    most = max(single, key=lambda name: single[name])
    if single[most] >= MAIN:
        return f"{most} {single[most]:.0%}"
    several = {f"the last {NEAR} words": sum(shares[:NEAR]), "far back": sum(shares[window // 2 :])}
    most = max(several, key=lambda name: several[name])
    if several[most] >= TOGETHER:
        return f"{most} {several[most]:.0%}"
    return f"spread over about {spread:.0f} words"


def exhibits(found: HeadReach) -> list[Exhibit]:
    """Return a map of heads by distance; nothing if nothing was measured."""
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
            note=f"If a head preferred no word, each of the {window} words in its window would get 1/{window} of its"
            f" attention. A cell shows the mean weight of a word at a distance as a multiple of 1/{window}: 1 is no"
            " preference, 10 is ten times as much. Distance 0 is the word just read. Measured at"
            f" {found.places:,} positions of the validation text where the window is full.{note}",
            rows=tuple(name for name, _ in rows[::step]),
            columns=tuple(str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in ranges),
            panels=(f"multiples of 1/{window}",),
            values=(
                tuple(tuple(window * sum(shares[a:b]) / (b - a) for a, b in ranges) for _, shares in rows[::step]),
            ),
            row_axis="head",
            column_axis="words back",
        )
    ]
