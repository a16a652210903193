"""The attention of a transformer's heads over one document, as numbers that its exhibits show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lmcompare.model import FloatArray
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.tokens import IntArray


@dataclass(frozen=True)
class LayerMaps:
    """The attention of one layer over a document of T inputs.

    Parameters
    ----------
    products : (heads, T, T) array
        q·k.
    scores : (heads, T, T) array
        The products over √d, with the bias of the distance if there is one.
    weights : (heads, T, T) array
        The softmax of the scores.
    lengths : (heads, T) array
        ‖v‖, the lengths of the values.
    """

    products: FloatArray
    scores: FloatArray
    weights: FloatArray
    lengths: FloatArray


@dataclass(frozen=True)
class HeadAt:
    """The attention of one head at one position, over the n positions that it sees.

    Parameters
    ----------
    layer, head : int
        Which head, from 0.
    products : (n,) array
        q·k.
    biases : (n,) array or None
        The bias of the distance, if there is one.
    weights : (n,) array
        The weights, which sum to one.
    mixed : (d,) array
        The weighted mean of the values.
    """

    layer: int
    head: int
    products: FloatArray
    biases: FloatArray | None
    weights: FloatArray
    mixed: FloatArray


@torch.no_grad()
def attention_maps(network: TransformerNetwork, ids: IntArray) -> list[LayerMaps]:
    """Return the attention of every layer over a document of these ids; T = len + 1.

    Row and column 0 are the beginning of the document, and every row of weights sums to one. Positions farther back
    than the window have the weight 0.
    """
    inputs = network.inputs(ids)  # (1, T)
    layers = network.attend(inputs, None, maps=True)[2]
    bias = network.view(inputs.shape[1], None, inputs.new_zeros(1)).bias
    return [
        LayerMaps(
            products=(maps.scores[0] * _scale(network)).cpu().numpy(),
            scores=(maps.scores[0] if bias is None else maps.scores[0] + bias).cpu().numpy(),
            weights=maps.weights[0].cpu().numpy(),
            lengths=maps.value[0].norm(dim=-1).cpu().numpy(),
        )
        for maps in layers
    ]


@torch.no_grad()
def attention_at(network: TransformerNetwork, ids: IntArray) -> HeadAt:
    """Return the attention of one head after the last of these ids, over the min(len + 1, window) positions it sees.

    It is the head with the greatest weight on a single word other than the last one.
    """
    inputs = network.inputs(ids)  # (1, T)
    layers = network.attend(inputs, None, maps=True)[2]
    bias = network.view(inputs.shape[1], None, inputs.new_zeros(1)).bias
    before = torch.stack([maps.weights[0, :, -1, :-1].amax(-1) for maps in layers])  # (layers, heads)
    layer, head = divmod(int(before.argmax()), network.design.heads)
    maps = layers[layer]
    seen = slice(max(0, len(ids) + 1 - network.design.window), None)
    return HeadAt(
        layer=layer,
        head=head,
        products=(maps.scores[0, head, -1, seen] * _scale(network)).cpu().numpy(),
        biases=None if bias is None else bias[head, -1, seen].cpu().numpy(),
        weights=maps.weights[0, head, -1, seen].cpu().numpy(),
        mixed=maps.mixed[0, head, -1].cpu().numpy(),
    )


def _scale(network: TransformerNetwork) -> float:
    """Return √d, by which the products are divided."""
    return float(np.sqrt(network.design.width // network.design.heads))
