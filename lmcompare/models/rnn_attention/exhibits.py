"""How the recurrent net with additive attention explains itself: where it looks back, and its equation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn_attention import additive_exhibits, attention_reach
from lmcompare.tokens import Encoded, IntArray

if TYPE_CHECKING:
    from lmcompare.models.rnn_attention.plugin import RnnAttention

_EQUATION = additive_exhibits.equation("s", "s", "i", "< i")
_SAYING = (
    "Having read a word, the net asks each of its own earlier states how well it fits what it needs now, turns the"
    " answers into weights that sum to one, and takes the weighted mean of those states beside its present one to"
    " guess the next word."
)


def exhibits(model: RnnAttention, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, where it looks in two sentences, what looking is worth, and the nearest words."""
    documents = readable(text, 2)
    if documents:
        yield _worked(model, text, documents[0])
    for ids in documents:
        yield _map(model, text, ids)
    yield from attention_reach.exhibits(model.reach())
    yield tied_neighbours(model, text)


def _map(model: RnnAttention, text: Encoded, ids: IntArray) -> Heatmap:
    read = labels(text, ids[:-1])
    weights = model.attention_weights(ids[:-1])  # (T, T)
    size = len(read)
    scores = np.full((size, size), np.nan)
    for i in range(1, size):
        found, _, _ = model.attention_at(ids[:i])
        scores[i, i - len(found) : i] = found
    shares = tuple(tuple(float(weights[i, j]) if j < i else None for j in range(size)) for i in range(size))
    return Heatmap(
        title="Where it looks back",
        note="Each row is a word just read, each column an earlier state of the net; the darker, the more of it goes"
        " into the guess of the next word. It sees its own past only.",
        rows=read,
        columns=read,
        panels=("additive attention",),
        values=(shares,),
        row_axis="after reading",
        column_axis="looks at the state after",
        opens=(0, _worked_at(ids)),
        steps=(
            (
                "e = v·tanh(W s_i + U s_j)",
                (tuple(tuple(None if np.isnan(e) else float(e) for e in line) for line in scores),),
            ),
            ("a = softmax", (shares,)),
        ),
    )


def _worked_at(ids: IntArray) -> int:
    """Return how many words the worked equation has read; it predicts the one after them."""
    return min(len(ids) - 1, 6)


def _worked(model: RnnAttention, text: Encoded, ids: IntArray) -> WorkedEquation:
    """Work out what the map's steps do not show."""
    at = _worked_at(ids)
    read = labels(text, ids[:at])
    scores, weights, context = model.attention_at(ids[:at])
    most = int(weights.argmax())
    label = f"'{read[len(read) - 1 - len(scores) + most]}'"
    lines = [
        (f"e: how the state after {label} fits", float(scores[most])),
        (f"a: the weight of {label}, the greatest", float(weights[most])),
        ("‖c‖: the length of the context vector", float(np.linalg.norm(context))),
        came_next(model, text, ids, at),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}; the map shows every state's, step"
        " by step.",
        equation=_EQUATION,
        saying=_SAYING,
        lines=tuple(lines),
    )
