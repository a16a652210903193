"""The attention of a transformer over a sentence: what each head computes, and what it adds to the next word."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lmcompare.exhibits import Attention, AttentionHead
from lmcompare.models.common.attention import NAMED, next_words, rounded
from lmcompare.models.common.sentences import labels
from lmcompare.models.transformer.head_reach import RULE, HeadReach, roles
from lmcompare.models.transformer.network import Block, TransformerNetwork
from lmcompare.models.transformer.positions import angles
from lmcompare.models.transformer.self_attention import Compared, Maps
from lmcompare.tokens import Encoded, IntArray

HEADS = 12  # heads that are shown at most
NUMBERS = 40_000  # numbers of all heads that are shown, so that they take less than 150 kB of a page


def explorer(
    network: TransformerNetwork, text: Encoded, ids: IntArray, opens: tuple[int, int, int], reach: HeadReach
) -> Attention:
    """Return the attention over a sentence, opened on a layer, a head and a word."""
    design = network.design
    read = labels(text, ids[:-1])
    size, width = len(read), design.width // design.heads
    layers, last = _read(network, ids[:-1])
    compared = [maps.compared for maps in layers if maps.compared]
    named = roles(reach)
    every = [(layer, head) for layer in range(design.layers) for head in range(design.heads)]
    step = max(1, -(-len(every) // max(1, min(HEADS, NUMBERS // (3 * size * width)))))
    opened, first = divmod(opens[0] * design.heads + opens[1], step)
    shown = every[first::step]
    ends = [i + 1 if design.causal else min(size, i + design.window) for i in range(size)]
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
        heads=tuple(
            AttentionHead(
                name=f"layer {layer + 1}, head {head + 1}",
                role=named[layer][head] if named else "",
                queries=rounded(compared[layer].query[0, head]),
                keys=rounded(compared[layer].key[0, head]),
                values=rounded(layers[layer].value[0, head]),
                bias=_bias(layers[layer], head),
                lengths=_lengths(compared[layer], head) if design.qk_norm else (),
                adds=next_words(text, _direct(network, layers[layer], layer, head, last), ids),
                effect=_effect(layer == design.layers - 1),
            )
            for layer, head in shown
        ),
        seen=tuple((max(0, i - design.window + 1), end) for i, end in enumerate(ends)),
        scale=width**-0.5,
        turns=tuple(angles(torch.ones(1), width // 2)[0].tolist()) if design.positions == "rotary" else (),
        opens=(opened, opens[2]),
    )


def _read(network: TransformerNetwork, ids: IntArray) -> tuple[list[Maps], Tensor]:
    """Return the attention of each layer, and the (T, width) states that go into the last norm."""
    seen: list[Tensor] = []
    hook = network.last_norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0]))
    try:
        return network.maps(ids), seen[0]
    finally:
        hook.remove()


def _bias(maps: Maps, head: int) -> tuple[float, ...]:
    """Return the bias at the distances 1 - T … T - 1, which depends on the distance alone."""
    if maps.bias is None:
        return ()
    return rounded(torch.cat([maps.bias[head, 0].flip(0), maps.bias[head, 1:, 0]])[None])[0]


def _lengths(compared: Compared, head: int) -> tuple[tuple[float, float], ...]:
    """Return the lengths of query and key of each position before they were normalised."""
    pairs = torch.stack([compared.query_length[0, head], compared.key_length[0, head]], 1)
    return tuple((query, key) for query, key in rounded(pairs))


@torch.no_grad()
def _direct(network: TransformerNetwork, maps: Maps, layer: int, head: int, last: Tensor) -> Tensor:
    """Return the logits (T, V) that the output of a head adds directly.

    The output goes through its columns of the output projection, the last norm and the output matrix. The norm
    divides by the size of the whole state ``last`` (T, width), so that the logits that all parts of the state add sum
    to the logits without their bias.
    """
    width = maps.mixed.shape[-1]
    block = network.blocks[layer]
    assert isinstance(block, Block)
    projection = block.attention.output.weight[:, head * width : (head + 1) * width]
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
