"""Chooses the optimiser of each parameter."""

from __future__ import annotations

from typing import Any

import torch

from lmcompare.training.muon import Muon
from lmcompare.training.network import Network
from lmcompare.training.recipe import Recipe


def optimisers(network: Network, recipe: Recipe, device: str) -> list[torch.optim.Optimizer]:
    """Return AdamW and, if the recipe's optimiser is "muon", Muon for the matrices inside the network.

    The head (word vectors and biases) has a learning rate of its own; vectors and scalars do not decay. ``times`` of
    each parameter group is the factor of the present learning rate.
    """
    head = {id(p) for p in network.head.parameters()}
    sorted_: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            sorted_.setdefault((id(parameter) in head, parameter.dim() >= 2), []).append(parameter)
    inner = sorted_.pop((False, True), [])
    groups: list[dict[str, Any]] = [
        {
            "params": parameters,
            "weight_decay": recipe.weight_decay if matrices else 0.0,
            "times": recipe.head_rate if of_head else 1.0,
        }
        for (of_head, matrices), parameters in sorted_.items()
    ]
    found: list[torch.optim.Optimizer] = []
    if inner and recipe.optimiser == "muon":
        group = {"params": inner, "times": 1.0}
        found.append(Muon([group], lr=recipe.learning_rate, weight_decay=recipe.weight_decay))
    elif inner:
        groups.append({"params": inner, "weight_decay": recipe.weight_decay, "times": 1.0})
    fused = True if torch.device(device).type in ("cpu", "cuda") else None
    return [torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=fused), *found]
