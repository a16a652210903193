"""How the transformer explains itself: its equation, its attention, the reach of its heads, its position encoding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lmcompare.exhibits import Attention, AttentionHead, Curve, Exhibit, Heatmap, latex_lines
from lmcompare.model import FloatArray
from lmcompare.models.common.sentences import (
    ALONE,
    NAMED,
    Example,
    Line,
    examples,
    labels,
    named_heads,
    next_words,
    rounded,
)
from lmcompare.models.common.vectors import tied_neighbours
from lmcompare.models.transformer.network import Block, Design, Maps, SelfAttention, TransformerNetwork
from lmcompare.models.transformer.positions import alibi_slopes, angles, waves
from lmcompare.tokens import Encoded, IntArray, excerpt
from lmcompare.training.language_model import TorchLanguageModel

WORKED = 5  # words before the one that the worked equation predicts
HEADS = 12  # heads that are explored at most
NUMBERS = 40_000  # numbers of all heads that are shown, so that they take less than 150 kB of a page
EXCERPT = 2048  # tokens of the validation text
PIECE = 4  # the longest piece computed at once, in windows
SHOWN = 24  # heads that are shown
MAIN = 0.4  # a head is named after one word that has this share of its weight
TOGETHER = 0.6  # a head is named after several words that have this share of its weight
NEAR = 5  # words that are near, the word just read included
RULE = (
    "The role of a head is measured at {places} positions of the validation text. A head is named after one word if"
    f" this word gets at least {MAIN:.0%} of its weight on average. Otherwise it is named “the last {NEAR} words” or"
    f" “far back” (beyond half the window) if these words get {TOGETHER:.0%} together. All other heads are mixed, and"
    " the role says over how many words their weight is spread (e to the power of its mean entropy)."
)
WAVES = 5  # waves drawn
TURNS = (1.0, 0.125)  # turns over the window of the slower pairs of numbers that are drawn
STEPS = 2  # points drawn from one word to the next, so that a fast wave is round
PLACES = 16  # positions of the window that are compared
DRAWN = 8  # heads drawn
TITLE = "What the position encoding looks like"
_ROTARY = (
    "Rotary encoding takes the numbers of each query and key in pairs and turns each pair like the hand of a clock:"
    " from word to word it moves on by a fixed angle. So the angle between a query and a key depends on how far apart"
    " their words are, and on nothing else. A line shows the cosine of this angle for one pair: at 1 the pair adds to"
    " the score as if it had not been turned, at −1 with the opposite sign. Fast pairs tell neighbouring words apart,"
    " slow pairs near words from distant ones."
)
_SINUSOIDAL = (
    "Sines and cosines of the position, of short to long waves, are added to the vector of a word. So every position"
    " has a pattern of its own. A line shows one of the sines."
)
_ALIBI = (
    "A head adds this number to the score of a word at that distance: the farther back a word is, the lower its"
    " score. Each head has a slope of its own."
)
_RELATIVE = (
    "A head adds this number, which was learnt, to the score of a word at that distance: above 0 the word gets more"
    " weight, below 0 less."
)
_COMPARED = {True: "the keys of itself and of every word before it", False: "the keys of all words, later ones too"}
_SAYING = (
    "Three matrices W, which training has found, turn each word's vector x into a query q, a key k and a value v."
    " Each word compares its query with {compared}; the better a key fits, the more of that word's value is added."
    " The result is a weighted mean, so one head can attend to one word or to many. The results of all heads of a"
    " layer go through a matrix and are added to x; a feed-forward network then adds its output. After the last"
    " layer, the softmax of the products of x with the vectors of all words gives the probabilities."
)


def exhibits(
    model: TorchLanguageModel, network: TransformerNetwork, reach: HeadReach, text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked equation of one head, the attention over a sentence, the reach of the heads, the position
    signal, and the nearest words.
    """
    for example in examples(model, text, 1, WORKED):
        layers = network.maps(example.before)
        # The head of the equation has the greatest weight on a single word other than the last one, among the heads
        # that look for the word in one place, if there are any.
        weights = torch.stack([maps.weights[0, :, -1, :-1].amax(-1) for maps in layers])  # (layers, heads)
        simple = looking_at_one_place(reach)
        layer, head = max(
            simple or itertools.product(range(network.design.layers), range(network.design.heads)),
            key=lambda each: float(weights[each]),
        )
        yield example.worked(
            _equation(layers[layer].bias is not None, network.design),
            _SAYING.format(compared=_COMPARED[network.design.causal]) + _changed(network.design),
            _lines(example, layers[layer], head),
            where=f"{ALONE}, in layer {layer + 1}, head {head + 1}",
        )
        yield explorer(network, text, example.ids, (layer, head, example.at), reach)
    yield from reach_exhibits(reach)
    yield from position_exhibits(network)
    yield tied_neighbours(model, text)


def _lines(example: Example, maps: Maps, head: int) -> list[Line]:
    """Return the numbers of the equation, for the head and word on which the attention opens."""
    weights, size = maps.weights[0, head, -1], maps.mixed.shape[-1]
    most = int(weights.argmax())
    label = f"'{example.read[most]}'"
    lines = [
        (f"√d: the root of a query's {size} numbers", math.sqrt(size)),
        (f"q·k / √d: {label}", float(maps.scores[0, head, -1, most])),
    ]
    if maps.bias is not None:
        lines.append((f"b, for the distance: {label}", float(maps.bias[head, -1, most])))
    return [
        *lines,
        (f"a: the weight of {label}, the greatest", float(weights[most])),
        ("‖o‖: the length of the weighted mean of values", float(np.linalg.norm(maps.mixed[0, head, -1].cpu()))),
    ]


def _changed(design: Design) -> str:
    """Return sentences on the steps that the equation leaves out."""
    said = []
    if design.convolution:
        said.append(
            f"Before that, the vectors of the words up to {design.convolution} places back are added to each x, with"
            " a learnt weight for each of their numbers and places."
        )
    if design.qk_norm:
        said.append(
            "The norm brings queries and keys to one length, and a learnt factor stretches each of their numbers."
        )
    if design.positions == "rotary":
        said.append(
            "R turns them, two numbers at a time, by an angle that grows with the position of their word, so that the"
            " product of a query and a key depends on how far apart their words are."
        )
    return "".join(f" {each}" for each in said)


def _equation(with_bias: bool, design: Design) -> str:
    bias = " + b_{ij}" if with_bias else ""
    limit = r"j \leq i" if design.causal else "j"

    def made(letter: str, index: str) -> str:
        product = rf"\mathbf{{W}}_{letter} \mathbf{{x}}_{index}"
        if letter != "v" and design.qk_norm:
            product = rf"\text{{norm}} \left( {product} \right)"
        turn = rf"\mathbf{{R}}_{index} \, " if letter != "v" and design.positions == "rotary" else ""
        return rf"\mathbf{{{letter}}}_{index} &= {turn}{product}"

    return latex_lines(
        *(made(letter, index) for letter, index in (("q", "i"), ("k", "j"), ("v", "j"))),
        r"a_{ij} &= \text{softmax}_j \left( \frac{\mathbf{q}_i \cdot \mathbf{k}_j}{\sqrt{d}}" + rf"{bias} \right)",
        rf"\mathbf{{o}}_i &= \sum_{{{limit}}} a_{{ij}} \mathbf{{v}}_j",
    )


def explorer(
    network: TransformerNetwork, text: Encoded, ids: IntArray, opens: tuple[int, int, int], reach: HeadReach
) -> Attention:
    """Return the attention over a sentence, opened on a layer, a head and a word."""
    design = network.design
    read = labels(text, ids[:-1])
    size, width = len(read), design.width // design.heads
    layers, norms = _read(network, ids[:-1])
    named = roles(reach)
    every = [(layer, head) for layer in range(design.layers) for head in range(design.heads)]
    step = max(1, -(-len(every) // max(1, min(HEADS, NUMBERS // (3 * size * width)))))
    opened, first = divmod(opens[0] * design.heads + opens[1], step)
    shown = every[first::step]
    ends = [i + 1 if design.causal else min(size, i + design.window) for i in range(size)]

    def explored(layer: int, head: int) -> AttentionHead:
        maps, attention = layers[layer], _attention(network, layer)
        # the query and the key before they are turned, (T, width), each before and after its norm
        query = [x[0, head] for x in norms[attention.query_norm]]
        key = [x[0, head] for x in norms[attention.key_norm]]
        lengths = rounded(torch.stack([query[0].norm(dim=-1), key[0].norm(dim=-1)], 1)) if design.qk_norm else ()
        return AttentionHead(
            name=f"layer {layer + 1}, head {head + 1}",
            role=named[layer][head] if named else "",
            queries=rounded(query[1]),
            keys=rounded(key[1]),
            values=rounded(maps.value[0, head]),
            bias=_bias(maps, head),
            lengths=tuple((of_query, of_key) for of_query, of_key in lengths),
            adds=next_words(text, _direct(network, maps, layer, head, norms[network.last_norm][0][0]), ids),
            effect=_effect(layer == design.layers - 1),
        )

    return Attention(
        title="What each head looks at",
        note="Choose a head and a word: each step is computed with the trained model's numbers. A word attends to "
        + (
            "itself and words before it, never to a later one."
            if design.causal
            else "any word, later ones too. A language model must not do so: it would read the word to predict."
        )
        + (f" It sees {design.window} words at most, itself included." if size > design.window else "")
        + (f" {len(shown)} of {len(every)} heads are shown." if len(shown) < len(every) else "")
        + (f" {RULE.format(places=f'{reach.places:,}')}" if named else ""),
        words=read,
        heads=tuple(explored(layer, head) for layer, head in shown),
        seen=tuple((max(0, i - design.window + 1), end) for i, end in enumerate(ends)),
        scale=width**-0.5,
        turns=tuple(angles(torch.ones(1), width // 2)[0].tolist()) if design.positions == "rotary" else (),
        opens=(opened, opens[2]),
    )


def _attention(network: TransformerNetwork, layer: int) -> SelfAttention:
    block = network.blocks[layer]
    assert isinstance(block, Block)
    return block.attention


def _read(network: TransformerNetwork, ids: IntArray) -> tuple[list[Maps], dict[nn.Module, tuple[Tensor, Tensor]]]:
    """Return the attention of each layer, and the inputs and outputs of the norms: of queries, of keys, the last."""
    attentions = [_attention(network, layer) for layer in range(network.design.layers)]
    norms = [norm for each in attentions for norm in (each.query_norm, each.key_norm)]
    with passed_through(*norms, network.last_norm) as seen:
        return network.maps(ids), seen


def layer_states(network: TransformerNetwork, ids: IntArray) -> Tensor:
    """Return (layers + 1, len + 1, d): the states of a document before the first layer and after each layer."""
    with passed_through(*network.blocks) as seen, torch.no_grad():
        network.attend(network.inputs(ids), None)
    found = [seen[block] for block in network.blocks]
    return torch.stack([found[0][0][0], *(made[0][0] for _, made in found)])


@contextmanager
def passed_through(*modules: nn.Module) -> Iterator[dict[nn.Module, tuple[Any, Any]]]:
    """Collect the first input and the output of each module at its last call."""
    seen: dict[nn.Module, tuple[Any, Any]] = {}
    hooks = [
        each.register_forward_hook(lambda module, given, made: seen.update({module: (given[0], made)}))
        for each in modules
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _bias(maps: Maps, head: int) -> tuple[float, ...]:
    """Return the bias at the distances 1 - T … T - 1, which depends on the distance alone."""
    if maps.bias is None:
        return ()
    return rounded(torch.cat([maps.bias[head, 0].flip(0), maps.bias[head, 1:, 0]])[None])[0]


@torch.no_grad()
def _direct(network: TransformerNetwork, maps: Maps, layer: int, head: int, last: Tensor) -> Tensor:
    """Return the logits (T, V) that the output of a head adds directly.

    The output goes through its columns of the output projection, the last norm and the output matrix. The norm
    divides by the size of the whole state ``last`` (T, width), so that the logits that all parts of the state add sum
    to the logits without their bias.
    """
    width = maps.mixed.shape[-1]
    projection = _attention(network, layer).output.weight[:, head * width : (head + 1) * width]
    part = maps.mixed[0, head] @ projection.T  # (T, d)
    norm = network.last_norm
    if isinstance(norm, nn.LayerNorm):
        amount = (last.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
        part = (part - part.mean(-1, keepdim=True)) / amount * norm.weight
    elif isinstance(norm, nn.RMSNorm):
        part = part / (last.square().mean(-1, keepdim=True) + (norm.eps or 0.0)).sqrt() * norm.weight
    logits: Tensor = part @ network.head.table[: network.head.types].T
    return logits


def _effect(is_last: bool) -> str:
    later = "the feed-forward network that follows" if is_last else "the later layers"
    return (
        "The output o goes through its part of the output projection, the last norm and the output matrix. This shows"
        f" {NAMED}. It is the direct effect, before {later} can change it."
    )


@dataclass(frozen=True)
class HeadReach:
    """How much each head attends to each distance and to the ends of sentences. JSON-able.

    All values are means over the positions that see a whole window.

    Parameters
    ----------
    places : int, default=0
        The number of positions.
    shares : nested sequence, default=()
        Layer, head, distance: the mean weight, from distance 0, the word just read. The weights of a head sum to one.
    boundaries : nested sequence, default=()
        Layer, head: the mean weight of the ends of sentences and the beginning of the text.
    spread : nested sequence, default=()
        Layer, head: the exponential of the mean entropy of the weights, from 1 (a single word) to the window.
    """

    places: int = 0
    shares: Sequence[Sequence[Sequence[float]]] = ()
    boundaries: Sequence[Sequence[float]] = ()
    spread: Sequence[Sequence[float]] = ()


def measured(network: TransformerNetwork, valid: Encoded) -> HeadReach:
    """Average the weights by distance over the positions of an excerpt of ``valid`` that see a whole window."""
    design = network.design
    window = design.window
    total = np.zeros((design.layers, design.heads, window))
    boundaries, entropy = np.zeros(total.shape[:2]), np.zeros(total.shape[:2])
    places = 0
    for ids in excerpt(valid, EXCERPT).documents():
        for first in range(0, len(ids), PIECE * window):
            piece = ids[first : first + PIECE * window]
            if len(piece) < window:
                continue
            ends = torch.from_numpy(np.concatenate([[True], piece[:-1] == network.end]))  # (T,), by input
            for layer, maps in enumerate(network.maps(piece[:-1])):
                weights = maps.weights[0]  # (heads, T, T)
                full = weights[:, window - 1 :].double().cpu()
                boundaries[layer] += full[..., ends].sum((1, 2)).numpy()
                entropy[layer] += torch.special.entr(full).sum((1, 2)).numpy()
                for distance in range(window):
                    diagonal = weights.diagonal(-distance, 1, 2)[:, window - 1 - distance :]
                    total[layer, :, distance] += diagonal.double().sum(1).cpu().numpy()
            places += len(piece) - window + 1
    if not places:
        return HeadReach()
    spread = np.exp(entropy / places)
    return HeadReach(places, (total / places).tolist(), (boundaries / places).tolist(), spread.tolist())


def roles(found: HeadReach) -> list[list[str]]:
    """Return the role of each head of each layer, in words, by ``RULE``; [] if it was not measured."""
    return [
        [_role(*head) for head in zip(*layer, strict=True)]
        for layer in zip(found.shares, found.boundaries, found.spread, strict=False)
    ]


def looking_at_one_place(found: HeadReach) -> list[tuple[int, int]]:
    """Return (layer, head) of the heads named after an earlier word in one place, such as the previous word."""
    return [
        (layer, head)
        for layer, named in enumerate(roles(found))
        for head, role in enumerate(named)
        if role.startswith(("the previous word", "two words back"))
    ]


def _role(shares: Sequence[float], boundaries: float, spread: float) -> str:
    window = len(shares)
    single = {"the word itself": shares[0], "sentence boundaries": boundaries}
    single |= {name: shares[k] for k, name in ((1, "the previous word"), (2, "two words back")) if k < window}
    most = max(single, key=lambda name: single[name])
    if single[most] >= MAIN:
        return f"{most} {single[most]:.0%}"
    several = {f"the last {NEAR} words": sum(shares[:NEAR]), "far back": sum(shares[window // 2 :])}
    most = max(several, key=lambda name: several[name])
    if several[most] >= TOGETHER:
        return f"{most} {several[most]:.0%}"
    return f"spread over about {spread:.0f} words"


def reach_exhibits(found: HeadReach) -> list[Exhibit]:
    """Return a map of heads by distance; nothing if nothing was measured."""
    if not found.places:
        return []
    window = len(found.shares[0][0])
    edges = sorted({0, 1, *(2**k + 1 for k in range(window.bit_length()) if 2**k + 1 < window), window})
    ranges = list(pairwise(edges))  # 0, 1, 2, 3–4, 5–8, …
    rows, note = named_heads(found.shares, SHOWN)
    return [
        Heatmap(
            title="How far back each head looks",
            note=f"If a head preferred no word, each of the {window} words in its window would get 1/{window} of its"
            f" attention. A cell shows the mean weight of a word at a distance as a multiple of 1/{window}: 1 is no"
            " preference, 10 is ten times as much. Distance 0 is the word just read. Measured at"
            f" {found.places:,} positions of the validation text where the window is full.{note}",
            rows=tuple(name for name, _ in rows),
            columns=tuple(str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in ranges),
            panels=(f"multiples of 1/{window}",),
            values=(tuple(tuple(window * sum(shares[a:b]) / (b - a) for a, b in ranges) for _, shares in rows),),
            row_axis="head",
            column_axis="words back",
        )
    ]


def position_exhibits(network: TransformerNetwork) -> list[Exhibit]:
    """Return the position encoding over the window; nothing for a network without one."""
    design, window = network.design, network.design.window
    if network.places is not None:
        return [_learned(network.places.detach().cpu().numpy())]
    if design.positions == "rotary":
        pairs = design.width // design.heads // 2
        chosen = _telling(angles(torch.ones(1), pairs)[0].numpy(), window)
        back = torch.arange((window - 1) * STEPS + 1) / STEPS
        turned = np.cos(angles(back, pairs).numpy()[:, chosen])  # (distances, chosen)
        return [_curve("pair", turned.T, chosen, pairs, _ROTARY, "cosine", steps=STEPS)]
    if design.positions == "sinusoidal":
        sines = waves(torch.arange(window), design.width)[:, : design.width // 2].numpy()  # (window, width / 2)
        chosen = _spread(design.width // 2, WAVES)
        at = "position in the document"
        return [_curve("sine", sines.T[chosen], chosen, design.width // 2, _SINUSOIDAL, "added", x_axis=at)]
    chosen, score = _spread(design.heads, DRAWN), "added to the score"
    if design.positions == "alibi":
        added = -alibi_slopes(design.heads).numpy()[:, None] * np.arange(window, dtype=np.float64)
        return [_curve("head", added[chosen], chosen, design.heads, _ALIBI, score)]
    if network.distances is not None:
        table = network.distances.detach().view(design.heads, -1).cpu().numpy()
        return [_curve("head", table[chosen, -window:], chosen, design.heads, _RELATIVE, score)]
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


def _curve(
    name: str,
    lines: FloatArray,
    chosen: list[int],
    count: int,
    note: str,
    y_axis: str,
    x_axis: str = "words back",
    steps: int = 1,
) -> Curve:
    """Return the lines (n, distances) of the chosen ones of ``count``, with ``steps`` points for each word."""
    return Curve(
        title=TITLE,
        note=note + (f" {len(chosen)} of {count} {name}s are shown." if len(chosen) < count else ""),
        names=tuple(f"{name} {k + 1}" for k in chosen),
        x=(tuple(k / steps for k in range(lines.shape[1])),) * len(chosen),
        y=tuple(tuple(line) for line in lines.tolist()),
        x_axis=x_axis,
        y_axis=y_axis,
    )


def _spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` of 0 … count - 1, evenly spaced, the first and the last included."""
    step = (count - 1) / max(1, min(count, most) - 1)
    return sorted({math.floor(step * k + 0.5) for k in range(min(count, most))})
