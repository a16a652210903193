"""How the recurrent model with attention explains itself: its equation, where it looks back, and how far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from lmcompare.exhibits import Attention, AttentionHead, Bars, Exhibit, latex_lines
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import NAMED, Example, Line, examples, next_words, rounded
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.tokens import Encoded, IntArray, excerpt
from lmcompare.training.language_model import TorchLanguageModel

if TYPE_CHECKING:  # the network imports this module
    from lmcompare.models.rnn.attention import AttentiveRnnNetwork

WORKED = 6  # words before the one that the worked equation predicts
EXCERPT = 2048  # tokens of the validation text

EQUATIONS = {  # by the kind of attention: the score, in LaTeX
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
    kind = network.attention.kind
    sentences = list(examples(model, text, 2, WORKED))
    for example in sentences[:1]:
        equation = attention_equation(kind, "s", "s", "i", "< i")
        yield example.worked(equation, _SAYING + _LEARNT[kind], _lines(network, example))
    for example in sentences:
        yield _explorer(network, example)
    yield from reach_exhibits(reach)
    yield tied_neighbours(model, text)


def _lines(network: AttentiveRnnNetwork, example: Example) -> list[Line]:
    """Return the numbers of the equation for the word on which the attention opens."""
    found = attention_at(network, example.before)
    most = int(found.weights.argmax())
    label = f"'{example.read[len(example.read) - 1 - len(found.scores) + most]}'"
    return [
        (f"e: the score of the state after {label}", float(found.scores[most])),
        (f"a: the weight of {label}, the greatest", float(found.weights[most])),
        ("‖c‖: the length of the context vector", float(np.linalg.norm(found.context))),
    ]


@dataclass(frozen=True)
class Attended:
    """The results of the attention at one position, for the n states that it attends to, the nearest last.

    Parameters
    ----------
    scores : (n,) array
        e, before the softmax.
    weights : (n,) array
        a, which sum to one.
    context : (hidden,) array
        c, the weighted mean of the states.
    """

    scores: FloatArray
    weights: FloatArray
    context: FloatArray


@torch.no_grad()
def attention_at(network: AttentiveRnnNetwork, ids: IntArray) -> Attended:
    """Return the attention of the state after one or more ids to the min(len(ids), window) states before it."""
    inputs = network.inputs(ids)  # (1, T)
    _, memory = network(inputs[:, :-1], None)
    before = memory["past"][0, network.window - int(memory["filled"][0]) :]  # (n, H)
    _, after = network(inputs[:, -1:], memory)
    state = after["past"][:, -1:]  # (1, 1, H)
    empty = before.new_zeros(1, network.window - len(before), before.shape[1])
    scores = network.attention.scores(state, torch.cat([empty, before[None]], 1))[0, 0, -len(before) :]  # (n,)
    weights = torch.softmax(scores, 0)
    return Attended(scores.cpu().numpy(), weights.cpu().numpy(), (weights @ before).cpu().numpy())


@torch.no_grad()
def _explorer(network: AttentiveRnnNetwork, example: Example) -> Attention:
    """Return the attention over a sentence, with the numbers from which it is computed."""
    attention, ids = network.attention, example.ids
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
        adds=next_words(example.text, (with_it - without) @ network.head.table[: network.head.types].T, ids),
        effect=f"How the output changes if it gets the mean instead of zeros: {NAMED}.",
    )
    return Attention(
        title="Where it looks back",
        note="Choose a word: each step is computed with the trained model's numbers. In the letters of the equation,"
        " the query q is W s_i and the key k is U s_j; the states s_j after earlier words are added up."
        + (f" It sees {network.window} states at most." if len(ids) > network.window + 1 else ""),
        words=example.inputs,
        heads=(head,),
        seen=tuple((max(0, i - network.window), i) for i in range(len(ids))),
        scale=attention.scale,
        weigh=rounded(attention.v[None])[0] if attention.kind == "additive" else (),
        opens=(0, example.at),
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
    score = EQUATIONS[kind] % {"state": state, "attended": attended, "index": index}
    return latex_lines(
        rf"e_{{{index}j}} &= {score}",
        rf"a_{{{index}j}} &= \frac{{\exp(e_{{{index}j}})}}{{\sum_{{k {limit}}} \exp(e_{{{index}k}})}}",
        rf"\mathbf{{c}}_{index} &= \sum_{{j {limit}}} a_{{{index}j}} \mathbf{{{attended}}}_j",
    )


@dataclass(frozen=True)
class Reach:
    """Measurements of attention on the validation text, with the trained weights unchanged. JSON-able.

    Parameters
    ----------
    tokens : int, default=0
        The number of tokens of validation text that were read.
    weights : sequence of float, default=()
        The mean weight at each distance, the nearest state first, over positions that see a whole window; empty if
        no document is that long.
    spread : float, default=0.0
        The number of states that the attention looks at, at those positions: the exponential of the mean entropy of
        the weights, from 1 (a single state) to ``window`` (all states alike).
    reaches : sequence of int, default=()
        How many states back the attention was allowed to look, in rising order; 0 is no attention.
    bits : sequence of float, default=()
        For each of ``reaches``, the mean bits per token.
    """

    tokens: int = 0
    weights: Sequence[float] = ()
    spread: float = 0.0
    reaches: Sequence[int] = ()
    bits: Sequence[float] = ()


@torch.no_grad()
def measured(network: AttentiveRnnNetwork, valid: Encoded) -> Reach:
    """Read an excerpt of the validation text with attention limited to 0, 1, 4, 16, … states and to the window."""
    window = network.attention.window
    documents = [ids for ids in excerpt(valid, EXCERPT).documents() if len(ids)]
    tokens = sum(map(len, documents))
    if not tokens:
        return Reach()
    reaches = [0, *(4**k for k in range(window.bit_length()) if 4**k < window), window]
    nats = np.zeros(len(reaches))
    weight, entropy, full = np.zeros(window), 0.0, 0
    for ids in documents:
        inputs = network.inputs(ids[:-1])  # (1, T)
        targets = torch.from_numpy(ids.astype(np.int64)).to(inputs.device)
        states, _ = network.states(inputs, None)
        for k, reach in enumerate(reaches):
            features, weights = network.look_back(states, *network.no_past(states), reach)
            nats[k] -= float(network.head.log_prob_of(features[0], targets).double().sum())
        whole = weights[0, window:].double()  # (T - window, window): the last reach, whole windows only
        weight += whole.sum(0).flip(0).cpu().numpy()
        entropy += float(torch.special.entr(whole).sum())
        full += max(len(ids) - window, 0)
    return Reach(
        tokens=tokens,
        weights=(weight / full).tolist() if full else (),
        spread=math.exp(entropy / full) if full else 0.0,
        reaches=reaches,
        bits=(nats / tokens / math.log(2)).tolist(),
    )


def reach_exhibits(found: Reach) -> list[Exhibit]:
    """Return the weight by distance and the loss when the network sees less; nothing if nothing was measured."""
    drawn: list[Exhibit] = []
    if not found.tokens:
        return drawn
    if found.weights:
        window = len(found.weights)
        edges = [*(2**k for k in range(window.bit_length()) if 2**k < window), window]
        ranges = list(zip([0, *edges], edges, strict=False))  # 1, 2, 3–4, 5–8, … words back
        drawn.append(
            Bars(
                title="How far back it looks",
                note=f"At each word, attention gives a weight to each of the last {window} states. If it preferred"
                f" none of them, each would get 1/{window}. A bar shows the mean weight at a distance, in words"
                f" back, as a multiple of 1/{window}: 1 is no preference, 2 is twice as much. At a single word, the"
                f" weight is spread over about {found.spread:.0f} states (e to the power of the mean entropy of the"
                " weights). Measured on the validation text, at words with a whole window before them.",
                labels=tuple(str(b) if b == a + 1 else f"{a + 1}–{b}" for a, b in ranges),
                values=tuple(window * sum(found.weights[a:b]) / (b - a) for a, b in ranges),
                unit=f"multiples of 1/{window}",
            )
        )
    lost = [bits - found.bits[-1] for bits in found.bits]
    drawn.append(
        Bars(
            title="What looking back is worth",
            note=f"The trained network needs {found.bits[-1]:.2f} bits per token if attention may look at the whole"
            f" window of {found.reaches[-1]} states (measured on {found.tokens:,} tokens of the validation text). A"
            " bar shows how many bits more it needs if attention may look at no state, at the last one, and so on."
            " The present state has read every word, too, so attention adds only what this state has lost. The"
            " network was not trained again for this. It has learnt to average many states, so a single one can be"
            " worse than none. And a network that is trained without attention may need fewer bits than “none” says.",
            labels=tuple("none" if reach == 0 else f"the last {reach}" for reach in found.reaches[:-1]),
            values=tuple(lost[:-1]),
            unit="bits per token",
        )
    )
    return drawn
