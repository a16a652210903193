"""The optimiser of each parameter, and Muon, whose updates are orthogonalised momentum matrices."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from lmcompare.training.network import Network
from lmcompare.training.recipe import Recipe

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)

BETAS = 0.9, 0.99  # the moving-average coefficients of AdamW


def optimisers(network: Network, recipe: Recipe, device: str) -> list[torch.optim.Optimizer]:
    """Return AdamW and, if the recipe's optimiser is "muon", Muon for the matrices inside the network.

    AdamW always updates the head, other tables of vectors, and parameters that are not matrices. Vectors and scalars
    have no weight decay.
    """
    free = [parameter for parameter in network.parameters() if parameter.requires_grad]
    inner: list[torch.nn.Parameter] = []
    if recipe.optimiser == "muon":
        tables = {id(parameter) for parameter in tables_of_vectors(network)}
        inner = [each for each in free if each.dim() == 2 and id(each) not in tables]
    taken = {id(parameter) for parameter in inner}
    groups: list[dict[str, Any]] = [
        {"params": [p for p in free if p.dim() >= 2 and id(p) not in taken]},
        {"params": [p for p in free if p.dim() < 2], "weight_decay": 0.0},
    ]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    fused = True if torch.device(device).type in ("cpu", "cuda") else None
    found: list[torch.optim.Optimizer] = [
        eager(torch.optim.AdamW)(groups, lr=rate, betas=BETAS, weight_decay=decay, fused=fused)
    ]
    if inner:
        found.append(eager(Muon)(inner, lr=rate, weight_decay=decay))
    return found


def tables_of_vectors(network: Network) -> Iterator[torch.nn.Parameter]:
    """Yield the parameters whose rows are vectors of words or other items: head, embeddings, and own word vectors.

    A network's own word vectors are a parameter with a row for each word and one for the beginning of a document. The
    weight of a layer of PyTorch counts as a matrix, even if it has the same number of rows.
    """
    rows = network.head.types + 1
    yield from network.head.parameters()
    for module in network.modules():
        is_table = isinstance(module, torch.nn.Embedding | torch.nn.EmbeddingBag)
        of_torch = type(module).__module__.startswith("torch.")
        for parameter in module.parameters(recurse=False):
            if is_table or (not of_torch and parameter.dim() == 2 and len(parameter) == rows):
                yield parameter


@cache
def eager(optimiser: type[Kind]) -> type[Kind]:
    """Return an optimiser class whose methods do not load torch's compiler.

    ``torch.optim`` wraps these methods for ``torch.compile``, which is not used here. The first call of a wrapper
    imports ``torch._dynamo``, which takes one to two seconds and 75 MB. The unwrapped methods compute the same.
    """
    methods = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    bare = {name: inspect.unwrap(getattr(optimiser, name)) for name in methods}
    bare["step"] = torch.no_grad()(inspect.unwrap(optimiser.step))  # the wrapper switched gradients off
    return type(optimiser.__name__, (optimiser,), bare)


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) with the scale of Liu et al. (2025), for the matrices inside a network.

    Each step moves a matrix by the orthogonal matrix nearest to its momentum, so that all directions are learned at
    the same rate and not only the few with large gradients. Scaled by 0.2 √(longer side), a step is as large as a
    step of AdamW, so both use the same learning rate.

    Parameters
    ----------
    params : iterable
        Two-dimensional parameters, or groups of them.
    lr : float, default=1e-3
        The learning rate.
    momentum : float, default=0.95
        The moving-average coefficient of the gradient.
    weight_decay : float, default=0.0
        The weight decay of the matrices.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Make one step; ``closure`` is not used."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}  # matrices of one shape and their directions
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                momentum: Tensor = state["momentum"]
                momentum.lerp_(matrix.grad, 1 - group["momentum"])
                ahead = matrix.grad.lerp(momentum, group["momentum"])  # Nesterov momentum
                alike.setdefault(matrix.shape, []).append((matrix, ahead))
            for shape, moved in alike.items():
                scale = 0.2 * max(shape) ** 0.5
                directions = orthogonal(torch.stack([ahead for _, ahead in moved]))
                for (matrix, _), direction in zip(moved, directions, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(direction.to(matrix.dtype), alpha=-group["lr"] * scale)


def orthogonal(matrices: Tensor) -> Tensor:
    """Return approximately U Vᵀ of each of the (B, m, n) matrices U S Vᵀ, by five Newton-Schulz iterations.

    Jordan's coefficients of the quintic bring all singular values quickly to between 0.7 and 1.2, and not exactly to
    1. Under autocast it computes in bfloat16, which is precise enough for a direction.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    device = matrices.device.type
    x = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    if torch.is_autocast_enabled(device):
        x = x.to(torch.get_autocast_dtype(device))
    wide = x.shape[1] <= x.shape[2]
    if not wide:
        x = x.mT
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    made: Tensor = x if wide else x.mT
    return made
