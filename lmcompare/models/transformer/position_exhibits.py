"""What the position signal of a transformer looks like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from lmcompare.exhibits import Curve, Exhibit, Heatmap
from lmcompare.model import FloatArray
from lmcompare.models.transformer.positions import alibi_slopes, angles, waves

if TYPE_CHECKING:
    from lmcompare.models.transformer.network import TransformerNetwork

WAVES = 5  # of the many that there are
PLACES = 16  # of the window
HEADS = 8
TITLE = "What the position signal looks like"


def exhibits(network: TransformerNetwork) -> list[Exhibit]:
    """Return the signal, drawn over the window; nothing for a network without one."""
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
        note = (
            "What is added to a score for the distance, so that far words weigh less: in each head by another slope."
        )
        return [_by_distance(-alibi_slopes(design.heads).numpy()[:, None] * span, note)]
    if network.distances is not None:
        table = network.distances.detach().view(design.heads, -1).cpu().numpy()
        note = "What each head learnt to add to a score for the distance: above 0 it looks there for what it likes."
        return [_by_distance(table[:, -design.window :], note)]
    return []


def _rotary(pairs: int, span: FloatArray) -> Curve:
    chosen = _spread(pairs, WAVES)
    turned = np.cos(angles(torch.from_numpy(span), pairs).numpy())  # (window, pairs)
    return _curve(
        [f"pair {k + 1}" for k in chosen],
        turned[:, chosen].T,
        span,
        note="Queries and keys are turned by their places, each pair of their numbers at its own speed, so that a"
        " product knows the distance alone: what q and k have in common in a pair is multiplied by this cosine. Fast"
        f" pairs tell neighbours apart, slow ones near from far. {len(chosen)} of {pairs} pairs.",
        axis="cosine",
    )


def _sinusoidal(width: int, span: FloatArray) -> Curve:
    chosen = _spread(width // 2, WAVES)
    added = waves(torch.from_numpy(span), width).numpy()  # (window, width), sines first
    return _curve(
        [f"number {k + 1}" for k in chosen],
        added[:, chosen].T,
        span,
        note="What is added to a word's vector for its place: sines, and as many cosines, of waves from short to"
        f" long, so that every place has a pattern of its own. {len(chosen)} of {width} numbers.",
        axis="added",
        x_axis="place in the document",
    )


def _learned(places: FloatArray) -> Heatmap:
    """(window, width) vectors, of which some are compared."""
    chosen = _spread(len(places), PLACES)
    unit = places[chosen] / np.linalg.norm(places[chosen], axis=1, keepdims=True).clip(1e-12)
    alike = (unit @ unit.T).clip(-1, 1)
    labels = tuple(str(place) for place in chosen)
    return Heatmap(
        title=TITLE,
        note="How alike the learned vectors of two places are (cosine). Neighbours that are alike mean that the net"
        f" has learnt what near is. Places are counted modulo {len(places)}.",
        rows=labels,
        columns=labels,
        panels=("cosine",),
        values=(tuple(tuple(float(v) for v in row) for row in alike),),
        row_axis="place",
        column_axis="place",
    )


def _by_distance(added: FloatArray, note: str) -> Curve:
    """(heads, window), of which some heads are drawn."""
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
    """Return at most so many of 0 … count - 1, evenly spread, the first and the last among them."""
    step = (count - 1) / max(1, min(count, most) - 1)
    return sorted({math.floor(step * k + 0.5) for k in range(min(count, most))})
