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
    window = torch.arange(design.window)
    if design.positions == "rotary":
        turned = np.cos(angles(window, design.width // design.heads // 2).numpy())  # (window, pairs)
        note = (
            "Queries and keys are rotated by their positions, each pair of their numbers at its own speed, so that"
            " their product depends only on the distance: the product of a pair is multiplied by this cosine. Fast"
            " pairs distinguish neighbours, slow pairs near words from distant ones."
        )
        return [_curve("pair", turned.T, WAVES, note, "cosine")]
    if design.positions == "sinusoidal":
        sines = waves(window, design.width)[:, : design.width // 2].numpy()  # (window, width / 2)
        note = (
            "What is added to a word's vector for its position: sines and cosines of short to long waves, so that"
            " every position has a pattern of its own."
        )
        return [_curve("sine", sines.T, WAVES, note, "added", "position in the document")]
    if network.places is not None:
        return [_learned(network.places.detach().cpu().numpy())]
    if design.positions == "alibi":
        added = -alibi_slopes(design.heads).numpy()[:, None] * np.arange(design.window, dtype=np.float64)
        note = "What is added to a score for the distance, so that distant words weigh less; each head has its slope."
        return [_curve("head", added, HEADS, note, "added to the score")]
    if network.distances is not None:
        table = network.distances.detach().view(design.heads, -1).cpu().numpy()
        note = (
            "What each head learned to add to a score for the distance. Above 0, words at that distance weigh more."
        )
        return [_curve("head", table[:, -design.window :], HEADS, note, "added to the score")]
    return []


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


def _curve(name: str, lines: FloatArray, most: int, note: str, y_axis: str, x_axis: str = "words back") -> Curve:
    """Return at most ``most`` of the lines (n, window), each with this name and its number."""
    chosen = _spread(len(lines), most)
    if len(chosen) < len(lines):
        note += f" {len(chosen)} of {len(lines)} {name}s are shown."
    return Curve(
        title=TITLE,
        note=note,
        names=tuple(f"{name} {k + 1}" for k in chosen),
        x=(tuple(map(float, range(lines.shape[1]))),) * len(chosen),
        y=tuple(tuple(line) for line in lines[chosen].tolist()),
        x_axis=x_axis,
        y_axis=y_axis,
    )


def _spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` of 0 … count - 1, evenly spaced, the first and the last included."""
    step = (count - 1) / max(1, min(count, most) - 1)
    return sorted({math.floor(step * k + 0.5) for k in range(min(count, most))})
