"""How encoder and decoder explain themselves: where the decoder looks in a chunk, and the equation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation
from lmcompare.models.common.sentences import came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn_attention import additive_exhibits
from lmcompare.tokens import Encoded, IntArray, Vocabulary

if TYPE_CHECKING:
    from lmcompare.models.rnn_encoder_decoder.plugin import RnnEncoderDecoder

_EQUATION = additive_exhibits.equation("s", "h", "t", r"\leq n")
_SAYING = (
    "The encoder has read the words before the chunk, forwards and backwards, and keeps a state for each. The"
    " decoder asks each of these states how well it fits what it needs now, turns the answers into weights that sum"
    " to one, and takes the weighted mean of the encoder's states beside its own state to guess the next word."
)
WORKED = 6  # states in the worked equation: the page should stay readable


def exhibits(model: RnnEncoderDecoder, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, a map of one chunk's attention, and the nearest words."""
    read = _read(model, text)
    if len(read):
        yield _worked(model, text, read)
        yield _map(model, text, read)
    yield tied_neighbours(model, text)


def _read(model: RnnEncoderDecoder, text: Encoded) -> IntArray:
    """Return two sentences one after the other, so that a chunk has something before it, cut where a group ends."""
    joined = np.concatenate([np.zeros(0, np.int64), *map(_closed, readable(text, 2))])
    stride = model.stride or model.chunk
    inputs = len(joined) // stride * stride or len(joined)  # the document's beginning is an input too
    return joined[: max(inputs - 1, 0)]


def _closed(ids: IntArray) -> IntArray:
    """Return the sentence with its end, which one that was cut lacks."""
    return ids if ids[-1] == Vocabulary.end else np.append(ids, Vocabulary.end)


def _map(model: RnnEncoderDecoder, text: Encoded, ids: IntArray) -> Heatmap:
    found = model.alignment(ids)
    read = labels(text, ids)
    seen = range(max(0, found.first + 1 - model.window), found.first + 1)
    weights = found.weights[:, model.window - len(seen) :]
    return Heatmap(
        title="Where its decoder looks",
        note="Each row is a word that the decoder has read in its chunk, each column a word that the encoder read"
        " before; the darker, the more of that state goes into the guess of the next word. Two of the examples,"
        " long ones cut, stand one after the other here, as sentences of one document.",
        rows=read[found.first :],
        columns=tuple(read[j] for j in seen),
        panels=("additive attention",),
        values=(tuple(tuple(float(w) for w in row) for row in weights),),
        row_axis="decoder, after reading",
        column_axis="encoder's state at",
    )


def _worked(model: RnnEncoderDecoder, text: Encoded, ids: IntArray) -> WorkedEquation:
    at = len(ids) - 1  # predicts ids[at], having read ids[:at]
    found = model.alignment(ids[:at])
    read = labels(text, ids[:at])
    scores, weights, context = found.scores[-1], found.weights[-1], found.contexts[-1]
    most = np.sort(np.argsort(-weights, kind="stable")[: min(WORKED, int((weights > 0).sum()))])
    words = [read[found.first - model.window + 1 + int(j)] for j in most]
    lines = additive_exhibits.worked(words, scores[most], weights[most])
    lines.append(("all other weights together", float(1 - weights[most].sum())))
    lines.append(("‖c‖: the length of the context vector", float(np.linalg.norm(context))))
    lines.append(came_next(model, text, ids, at))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read[found.first :])}', the two sentences read by"
        " themselves, for the states that weigh most.",
        equation=_EQUATION,
        saying=_SAYING,
        lines=tuple(lines),
    )
