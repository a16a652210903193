"""A trained network as one safetensors file, readable without lmcompare; docs/export.md describes the layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lmcompare.tokens import Vocabulary

FORMAT = "lmcompare network 1"


def write_network(
    model: str, hyperparameters: Mapping[str, Any], network: torch.nn.Module, vocabulary: Vocabulary, path: Path
) -> None:
    """Write the weights of a network, by their names in the network.

    The metadata are ``format``; ``model``, the name of the class; and, as JSON, ``hyperparameters`` and
    ``vocabulary``, the V tokens in the order of their ids.
    """
    from safetensors.torch import save_file

    about = {
        "format": FORMAT,
        "model": model,
        "hyperparameters": json.dumps(dict(hyperparameters), ensure_ascii=False),
        "vocabulary": json.dumps(list(vocabulary.tokens), ensure_ascii=False),
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, path, about)
