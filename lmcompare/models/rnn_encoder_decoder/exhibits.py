"""The exhibits of the encoder-decoder: its equation and where the decoder looks in a chunk."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation
from lmcompare.models.common.sentences import came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn_attention.exhibits import attention_equation
from lmcompare.models.rnn_encoder_decoder.network import EncoderDecoderNetwork
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

_SAYING = (
    "The encoder reads the words before the chunk in both directions and keeps a state for each. The decoder compares"
    " its state with each of these states, turns the scores into weights that sum to one, and predicts the next word"
    " from the weighted mean of the encoder's states and its own state."
)
WORKED = 6  # states in the worked equation


def exhibits(model: TorchLanguageModel, network: EncoderDecoderNetwork, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, the attention of one chunk, and the nearest words."""
    read = _read(network.stride, text)
    if len(read):
        yield _worked(model, network, text, read)
        yield _map(network, text, read)
    yield tied_neighbours(model, text)


def _read(stride: int, text: Encoded) -> IntArray:
    """Return two sentences as one document, so that the chunk has words before it, cut where a group ends."""
    joined = np.concatenate(
        [np.zeros(0, np.int64), *(_closed(ids, text.vocabulary.end) for ids in readable(text, 2))]
    )
    inputs = len(joined) // stride * stride or len(joined)  # the document's beginning is an input too
    return joined[: max(inputs - 1, 0)]


def _closed(ids: IntArray, end: int) -> IntArray:
    """Return the sentence with its end, which a sentence that was cut lacks."""
    return ids if ids[-1] == end else np.append(ids, end)


def _map(network: EncoderDecoderNetwork, text: Encoded, ids: IntArray) -> Heatmap:
    found = network.alignment(ids)
    read = labels(text, ids)
    seen = range(max(0, found.first + 1 - network.window), found.first + 1)
    weights = found.weights[:, network.window - len(seen) :]
    return Heatmap(
        title="Where its decoder looks",
        note="A cell is the weight of an encoder's state: how much it contributes to the prediction of the next word"
        " of the chunk. The text is two example sentences, read as one document; long sentences are cut.",
        rows=read[found.first :],
        columns=tuple(read[j] for j in seen),
        panels=("additive attention",),
        values=(tuple(tuple(float(w) for w in row) for row in weights),),
        row_axis="decoder, after reading",
        column_axis="encoder's state at",
    )


def _worked(
    model: TorchLanguageModel, network: EncoderDecoderNetwork, text: Encoded, ids: IntArray
) -> WorkedEquation:
    at = len(ids) - 1  # predicts ids[at] from ids[:at]
    found = network.alignment(ids[:at])
    read = labels(text, ids[:at])
    scores, weights, context = found.scores[-1], found.weights[-1], found.contexts[-1]
    most = np.sort(np.argsort(-weights, kind="stable")[: min(WORKED, int((weights > 0).sum()))])
    words = {int(j): read[found.first - network.window + 1 + int(j)] for j in most}
    lines = [
        *((f"e: the score of the state after '{word}'", float(scores[j])) for j, word in words.items()),
        *((f"a: the weight of '{word}'", float(weights[j])) for j, word in words.items()),
        ("all other weights together", float(1 - weights[most].sum())),
        ("‖c‖: the length of the context vector", float(np.linalg.norm(context))),
        came_next(model, text, ids, at),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read[found.first :])}', for the states with the"
        " greatest weights. The text is two example sentences, read as one document.",
        equation=attention_equation("additive", "s", "h", "t", r"\leq n"),
        saying=_SAYING,
        lines=tuple(lines),
    )
