"""The exhibits of the recurrent language model with attention: its equation and where it looks back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.exhibits import Exhibit, Heatmap, WorkedEquation, latex_lines
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn_attention import attention_reach
from lmcompare.models.rnn_attention.attention_reach import Reach
from lmcompare.models.rnn_attention.network import AttentiveRnnNetwork
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

SCORES = {  # by the kind of attention: the score in a line of text, and in LaTeX
    "additive": (
        "v·tanh(W s_i + U s_j)",
        r"\mathbf{v} \cdot \tanh(\mathbf{W} \mathbf{%(state)s}_%(index)s + \mathbf{U} \mathbf{%(attended)s}_j)",
    ),
    "multiplicative": (
        "W s_i · U s_j / √d",
        r"\frac{1}{\sqrt{d}} (\mathbf{W} \mathbf{%(state)s}_%(index)s) \cdot (\mathbf{U} \mathbf{%(attended)s}_j)",
    ),
    "even": ("0", "0"),
}
_SAYING = (
    "After each word the network compares its state with each of its past states, turns the scores into weights that"
    " sum to one, and predicts the next word from the weighted mean of the past states and its present state."
)


def exhibits(
    model: TorchLanguageModel, network: AttentiveRnnNetwork, reach: Reach, text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation, the attention over two sentences, its reach, and the nearest words."""
    documents = readable(text, 2)
    if documents:
        yield _worked(model, network, text, documents[0])
    for ids in documents:
        yield _map(network, text, ids)
    yield from attention_reach.exhibits(reach)
    yield tied_neighbours(model, text)


def _map(network: AttentiveRnnNetwork, text: Encoded, ids: IntArray) -> Heatmap:
    read = labels(text, ids[:-1])
    weights = network.attention_weights(ids[:-1])  # (T, T)
    size = len(read)
    scores: list[list[float | None]] = [[None] * size for _ in range(size)]
    for i in range(1, size):
        found = network.attention_at(ids[:i]).scores.tolist()
        scores[i][i - len(found) : i] = found
    shares = tuple(tuple(float(weights[i, j]) if j < i else None for j in range(size)) for i in range(size))
    return Heatmap(
        title="Where it looks back",
        note="A cell is the weight of a past state: how much it contributes to the prediction of the next word.",
        rows=read,
        columns=read,
        panels=(f"{network.attention.kind} attention",),
        values=(shares,),
        row_axis="after reading",
        column_axis="looks at the state after",
        opens=(0, _worked_at(ids)),
        steps=(
            (f"e = {SCORES[network.attention.kind][0]}", (tuple(map(tuple, scores)),)),
            ("a = softmax", (shares,)),
        ),
    )


def _worked_at(ids: IntArray) -> int:
    """Return the number of words before the one that the worked equation predicts."""
    return min(len(ids) - 1, 6)


def _worked(model: TorchLanguageModel, network: AttentiveRnnNetwork, text: Encoded, ids: IntArray) -> WorkedEquation:
    """Return the equation with the numbers that the steps of the map do not show."""
    at = _worked_at(ids)
    read = labels(text, ids[:at])
    found = network.attention_at(ids[:at])
    most = int(found.weights.argmax())
    label = f"'{read[len(read) - 1 - len(found.scores) + most]}'"
    lines = [
        (f"e: the score of the state after {label}", float(found.scores[most])),
        (f"a: the weight of {label}, the greatest", float(found.weights[most])),
        ("‖c‖: the length of the context vector", float(np.linalg.norm(found.context))),
        came_next(model, text, ids, at),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers after '{' '.join(read)}', {ALONE}.",
        equation=attention_equation(network.attention.kind, "s", "s", "i", "< i"),
        saying=_SAYING,
        lines=tuple(lines),
    )


def attention_equation(kind: str, state: str, attended: str, index: str, limit: str) -> str:
    """Return the score e, the weight a and the context vector c, in LaTeX.

    Parameters
    ----------
    kind : str
        The kind of the scores, such as "additive".
    state, attended : str
        The letters of the state that attends and of the states it attends to.
    index : str
        The index of the attending state.
    limit : str
        The bound of j, for example ``"< i"``.
    """
    score = SCORES[kind][1] % {"state": state, "attended": attended, "index": index}
    return latex_lines(
        rf"e_{{{index}j}} &= {score}",
        rf"a_{{{index}j}} &= \frac{{\exp(e_{{{index}j}})}}{{\sum_{{k {limit}}} \exp(e_{{{index}k}})}}",
        rf"\mathbf{{c}}_{index} &= \sum_{{j {limit}}} a_{{{index}j}} \mathbf{{{attended}}}_j",
    )
