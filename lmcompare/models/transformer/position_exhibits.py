"""The exhibit of a transformer's position signal."""

from __future__ import annotations

import math

import numpy as np
import torch

from lmcompare.exhibits import Curve, Exhibit, Heatmap
from lmcompare.model import FloatArray
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.positions import alibi_slopes, angles, waves

WAVES = 5  # waves drawn
PLACES = 16  # positions of the window that are compared
HEADS = 8  # heads drawn
TITLE = "What the position signal looks like"


def exhibits(network: TransformerNetwork) -> list[Exhibit]:
    """Return the position signal over the window; nothing for a network without one."""
    design = network.design
    span = np.arange(design.window, dtype=np.float64)
    if design.positions == "rotary":
        return [_rotary(design.width // design.heads // 2, span)]
    if design.positions == "sinusoidal":
        return [_sinusoidal(design.width, span)]
    if design.positions == "learned":
        assert network.places is not None
        return [_learned(network.places.detach().cpu().numpy())]
    if design.positions == "alibi":
        note = "What is added to a score for the distance, so that distant words weigh less; each head has its slope."
        return [_by_distance(-alibi_slopes(design.heads).numpy()[:, None] * span, note)]
    if network.distances is not None:
        table = network.distances.detach().view(design.heads, -1).cpu().numpy()
        note = (
            "What each head learned to add to a score for the distance. Above 0, words at that distance weigh more."
        )
        return [_by_distance(table[:, -design.window :], note)]
    return []


def _rotary(pairs: int, span: FloatArray) -> Curve:
    chosen = _spread(pairs, WAVES)
    turned = np.cos(angles(torch.from_numpy(span), pairs).numpy())  # (window, pairs)
    return _curve(
        [f"pair {k + 1}" for k in chosen],
        turned[:, chosen].T,
        span,
        note="Queries and keys are rotated by their positions, each pair of their numbers at its own speed, so that"
        " their product depends only on the distance: the product of a pair is multiplied by this cosine. Fast pairs"
        f" distinguish neighbours, slow pairs near words from distant ones. {len(chosen)} of {pairs} pairs.",
        axis="cosine",
    )


def _sinusoidal(width: int, span: FloatArray) -> Curve:
    chosen = _spread(width // 2, WAVES)
    added = waves(torch.from_numpy(span), width).numpy()  # (window, width), sines first
    return _curve(
        [f"number {k + 1}" for k in chosen],
        added[:, chosen].T,
        span,
        note="What is added to a word's vector for its position: sines and cosines of short to long waves, so that"
        f" every position has a pattern of its own. {len(chosen)} of {width} numbers.",
        axis="added",
        x_axis="position in the document",
    )


def _learned(places: FloatArray) -> Heatmap:
    """Return the cosines between some of the (window, width) vectors."""
    chosen = _spread(len(places), PLACES)
    unit = places[chosen] / np.linalg.norm(places[chosen], axis=1, keepdims=True).clip(1e-12)
    alike = (unit @ unit.T).clip(-1, 1)
    labels = tuple(str(place) for place in chosen)
    return Heatmap(
        title=TITLE,
        note="The cosine between the learned vectors of two positions. If neighbours are similar, the network has"
        f" learned which positions are near. Positions are counted modulo {len(places)}.",
        rows=labels,
        columns=labels,
        panels=("cosine",),
        values=(tuple(tuple(float(v) for v in row) for row in alike),),
        row_axis="position",
        column_axis="position",
    )


def _by_distance(added: FloatArray, note: str) -> Curve:
    """Return the biases of some heads, from all (heads, window)."""
    chosen = _spread(len(added), HEADS)
    more = f" {len(chosen)} of {len(added)} heads." if len(chosen) < len(added) else ""
    span = np.arange(added.shape[1], dtype=np.float64)
    return _curve([f"head {h + 1}" for h in chosen], added[chosen], span, note=note + more, axis="added to the score")


def _curve(
    names: list[str], lines: FloatArray, span: FloatArray, *, note: str, axis: str, x_axis: str = "words back"
) -> Curve:
    return Curve(
        title=TITLE,
        note=note,
        names=tuple(names),
        x=tuple(tuple(span.tolist()) for _ in names),
        y=tuple(tuple(float(v) for v in line) for line in lines),
        x_axis=x_axis,
        y_axis=axis,
    )


def _spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` of 0 … count - 1, evenly spaced, the first and the last included."""
    step = (count - 1) / max(1, min(count, most) - 1)
    return sorted({math.floor(step * k + 0.5) for k in range(min(count, most))})
