"""The exhibit of a transformer's position encoding."""

from __future__ import annotations

import math

import numpy as np
import torch

from lmcompare.exhibits import Curve, Exhibit, Heatmap
from lmcompare.model import FloatArray
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.positions import alibi_slopes, angles, waves

WAVES = 5  # waves drawn
TURNS = (1.0, 0.125)  # turns over the window of the slower pairs of numbers that are drawn
STEPS = 2  # points drawn from one word to the next, so that a fast wave is round
PLACES = 16  # positions of the window that are compared
HEADS = 8  # heads drawn
TITLE = "What the position encoding looks like"


def exhibits(network: TransformerNetwork) -> list[Exhibit]:
    """Return the position encoding over the window; nothing for a network without one."""
    design = network.design
    window = torch.arange(design.window)
    if design.positions == "rotary":
        pairs = design.width // design.heads // 2
        chosen = _telling(angles(torch.ones(1), pairs)[0].numpy(), design.window)
        back = torch.arange((design.window - 1) * STEPS + 1) / STEPS
        turned = np.cos(angles(back, pairs).numpy()[:, chosen])  # (distances, chosen)
        note = (
            "Rotary encoding takes the numbers of each query and key in pairs and turns each pair like the hand of a"
            " clock: from word to word it moves on by a fixed angle. So the angle between a query and a key depends"
            " on how far apart their words are, and on nothing else. A line shows the cosine of this angle for one"
            " pair: at 1 the pair adds to the score as if it had not been turned, at −1 with the opposite sign."
            " Fast pairs tell neighbouring words apart, slow pairs near words from distant ones."
            + (f" {len(chosen)} of {pairs} pairs are shown." if len(chosen) < pairs else "")
        )
        return [
            Curve(
                title=TITLE,
                note=note,
                names=tuple(f"pair {k + 1}" for k in chosen),
                x=(tuple(back.tolist()),) * len(chosen),
                y=tuple(tuple(line) for line in turned.T.tolist()),
                x_axis="words back",
                y_axis="cosine",
            )
        ]
    if design.positions == "sinusoidal":
        sines = waves(window, design.width)[:, : design.width // 2].numpy()  # (window, width / 2)
        note = (
            "Sines and cosines of the position, of short to long waves, are added to the vector of a word. So every"
            " position has a pattern of its own. A line shows one of the sines."
        )
        return [_curve("sine", sines.T, WAVES, note, "added", "position in the document")]
    if network.places is not None:
        return [_learned(network.places.detach().cpu().numpy())]
    if design.positions == "alibi":
        added = -alibi_slopes(design.heads).numpy()[:, None] * np.arange(design.window, dtype=np.float64)
        note = (
            "A head adds this number to the score of a word at that distance: the farther back a word is, the lower"
            " its score. Each head has a slope of its own."
        )
        return [_curve("head", added, HEADS, note, "added to the score")]
    if network.distances is not None:
        table = network.distances.detach().view(design.heads, -1).cpu().numpy()
        note = (
            "A head adds this number, which was learnt, to the score of a word at that distance: above 0 the word"
            " gets more weight, below 0 less."
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
        note="Each position has a vector, which was learnt and is added to the vector of the word there. A cell is"
        " the cosine of the vectors of two positions: if it is high for neighbours, the network has learnt which"
        f" positions are near. Position {len(places)} has the vector of position 0 again, and so on.",
        rows=labels,
        columns=labels,
        panels=("cosine",),
        values=(tuple(tuple(float(v) for v in row) for row in alike),),
        row_axis="position",
        column_axis="position",
    )


def _telling(each: FloatArray, window: int) -> list[int]:
    """Return the fastest pair and the pairs that turn about ``TURNS`` times over the window; ``each``: the angles."""
    wanted = [float(each[0]), *(2 * math.pi * turns / window for turns in TURNS)]
    return sorted({int(np.abs(np.log(each) - math.log(angle)).argmin()) for angle in wanted})


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
