"""The attention of a whole document, as a matrix."""

from __future__ import annotations

import numpy as np
import torch

from lmcompare.models.rnn.attention import AttentiveRnnNetwork, banded
from lmcompare.tokens import FloatArray, IntArray


@torch.no_grad()
def attention_weights(network: AttentiveRnnNetwork, ids: IntArray) -> FloatArray:
    """The weights (T, T) that state i gives to state j < i in a document of these ids; T = len + 1.

    State 0 follows the document's beginning and has no state to attend to: its row is zero.
    """
    states, _ = network.states(network.inputs(ids), None)
    _, weights = network.look_back(states, *network.no_past(states))
    length = states.shape[1]
    out = np.zeros((length, length), np.float32)
    out[:, :-1] = banded(weights)[0, :, network.window :].cpu().numpy()
    return out
