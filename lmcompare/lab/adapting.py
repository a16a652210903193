"""Dynamic evaluation: a network goes on learning from the beginning of each document that it reads.

Source: Mikolov et al. 2010, section 2, and Krause et al. 2018, with plain gradient descent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lmcompare.tokens import Encoded
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.network import detach

Array = np.ndarray[Any, Any]
PIECE = 64  # tokens that are scored before the network learns from them
CLIP = 1.0  # the greatest norm of a gradient


def adapted_log_probs(
    model: TorchLanguageModel, text: Encoded, rate: float, share: Callable[[float], None] = lambda done: None
) -> Array:
    """Return the (N,) log-probability of each token in nats, by a network that learns as it reads.

    Each piece of a document is scored first, and then the network makes one step of gradient descent on it. At the
    end of the document it forgets that again, so that no document learns from another one and the trained model
    stays as it is.

    Parameters
    ----------
    model : TorchLanguageModel
        A trained model.
    text : Encoded
    rate : float
        The learning rate; 0 for the scores of the model itself.
    share : callable
        Is called with the share of the documents that is done.
    """
    network = model.trained_network()
    trained = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    nats = np.zeros(len(text))
    network.eval()  # without dropout
    for number, (start, end) in enumerate(zip(text.starts.tolist(), text.ends.tolist(), strict=True), 1):
        inputs, memory = network.inputs(text.ids[start:end]), None
        for first in range(0, end - start, PIECE):
            targets = inputs[0, first + 1 : first + PIECE + 1]
            features, left = network(inputs[:, first : first + len(targets)], memory)
            memory = detach(left)
            with torch.no_grad():
                found = network.head.log_prob_of(features[0], targets)
            nats[start + first : start + first + len(targets)] = found.double().cpu().numpy()
            if rate:
                network.zero_grad(set_to_none=True)
                torch.autograd.backward(network.head.full_loss(features[0], targets))
                torch.nn.utils.clip_grad_norm_(parameters, CLIP)
                with torch.no_grad():
                    for parameter in parameters:
                        if parameter.grad is not None:
                            parameter.sub_(parameter.grad, alpha=rate)
        network.load_state_dict(trained)
        share(number / text.n_documents)
    network.zero_grad(set_to_none=True)
    return nats
