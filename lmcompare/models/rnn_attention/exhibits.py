"""The exhibits of the recurrent language model with attention: its equation and where it looks back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from lmcompare.exhibits import Attention, AttentionHead, Exhibit, WorkedEquation, latex_lines
from lmcompare.models.common.attention import NAMED, next_words, rounded
from lmcompare.models.common.sentences import ALONE, came_next, labels, readable
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.rnn_attention import attention_reach
from lmcompare.models.rnn_attention.attention_reach import Reach
from lmcompare.models.rnn_attention.network import AttentiveRnnNetwork
from lmcompare.models.rnn_attention.window_attention import AdditiveAttention
from lmcompare.tokens import Encoded, IntArray
from lmcompare.training.language_model import TorchLanguageModel

SCORES = {  # by the kind of attention: the score, in LaTeX
    "additive": (
        r"\mathbf{w} \cdot \tanh(\mathbf{W} \mathbf{%(state)s}_%(index)s + \mathbf{U} \mathbf{%(attended)s}_j)"
    ),
    "multiplicative": (
        r"\frac{1}{\sqrt{d}} (\mathbf{W} \mathbf{%(state)s}_%(index)s) \cdot (\mathbf{U} \mathbf{%(attended)s}_j)"
    ),
    "even": "0",
}
_SAYING = (
    "After each word the network compares its state with each of its past states, turns the scores into weights that"
    " sum to one, and predicts the next word from the weighted mean of the past states and its present state. s is a"
    " state, e a score, a a weight and c the mean."
)
_LEARNT = {  # by the kind of attention, which symbols of its score are parameters
    "additive": " Training has found the matrices W and U and the vector w.",
    "multiplicative": " Training has found the matrices W and U.",
    "even": "",
}


def exhibits(
    model: TorchLanguageModel, network: AttentiveRnnNetwork, reach: Reach, text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation, the attention over two sentences, its reach, and the nearest words."""
    documents = readable(text, 2)
    if documents:
        yield _worked(model, network, text, documents[0])
    for ids in documents:
        yield _explorer(network, text, ids)
    yield from attention_reach.exhibits(reach)
    yield tied_neighbours(model, text)


@torch.no_grad()
def _explorer(network: AttentiveRnnNetwork, text: Encoded, ids: IntArray) -> Attention:
    """Return the attention over a sentence, with the numbers from which it is computed."""
    attention = network.attention
    read = labels(text, ids[:-1])
    states = network.states(network.inputs(ids[:-1]), None)[0]  # (1, T, H)
    queries, keys = attention.compared(states)
    context = network.attention(states, *network.no_past(states))[0]
    with_it, without = (
        network.features(torch.cat([states, each], -1))[0] for each in (context, torch.zeros_like(context))
    )
    head = AttentionHead(
        name=f"{attention.kind} attention",
        queries=rounded(queries[0]),
        keys=rounded(keys[0]),
        values=rounded(states[0]),
        adds=next_words(text, (with_it - without) @ network.head.table[: network.head.types].T, ids),
        effect=f"How the output changes if it gets the mean instead of zeros: {NAMED}.",
    )
    return Attention(
        title="Where it looks back",
        note="Choose a word: each step is computed with the trained model's numbers. In the letters of the equation,"
        " the query q is W s_i and the key k is U s_j; the states s_j after earlier words are added up."
        + (f" It sees {network.window} states at most." if len(read) > network.window + 1 else ""),
        words=read,
        heads=(head,),
        seen=tuple((max(0, i - network.window), i) for i in range(len(read))),
        scale=attention.scale,
        weigh=rounded(attention.v[None])[0] if isinstance(attention, AdditiveAttention) else (),
        opens=(0, _worked_at(ids)),
    )


def _worked_at(ids: IntArray) -> int:
    """Return the number of words before the one that the worked equation predicts."""
    return min(len(ids) - 1, 6)


def _worked(model: TorchLanguageModel, network: AttentiveRnnNetwork, text: Encoded, ids: IntArray) -> WorkedEquation:
    """Return the equation with numbers for the word on which the attention opens."""
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
        saying=_SAYING + _LEARNT[network.attention.kind],
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
    score = SCORES[kind] % {"state": state, "attended": attended, "index": index}
    return latex_lines(
        rf"e_{{{index}j}} &= {score}",
        rf"a_{{{index}j}} &= \frac{{\exp(e_{{{index}j}})}}{{\sum_{{k {limit}}} \exp(e_{{{index}k}})}}",
        rf"\mathbf{{c}}_{index} &= \sum_{{j {limit}}} a_{{{index}j}} \mathbf{{{attended}}}_j",
    )
