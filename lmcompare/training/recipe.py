"""The settings of a training run, the learning rate over time, and the optimiser of each parameter."""

from __future__ import annotations

import inspect
import reprlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Self, TypeVar

import torch
from torch import Tensor

from lmcompare.errors import LmcompareError
from lmcompare.model import check_whole
from lmcompare.tokens import SAMPLE
from lmcompare.training.network import Network

_WHOLE = {"steps": 1, "batch": 1, "length": 1, "evaluations": 1, "valid_tokens": 1, "candidates": 0, "patience": 0}
_SHARES = ("alone", "warmup")
_MOST = 1e18  # of learning rate, clip and weight decay: products of two of them are numbers of float32
_CHOICES = {
    "optimiser": ("adamw", "muon"),
    "precision": ("auto", "float32", "bfloat16"),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of one training run.

    Parameters
    ----------
    steps : int, default=1000
        Optimiser steps. A budget of the run (``Setting.budget``) overrides them.
    batch : int, default=32
        Documents read side by side.
    length : int, default=64
        Tokens of each document read in a step.
    alone : float, default=0.0
        The share of steps that read single sentences, each as a document of its own. From them, a network that
        otherwise reads long documents learns how a document begins.
    learning_rate : float, default=1e-3
        The peak learning rate, reached at the end of the warm-up.
    warmup : float, default=0.05
        The share of the run during which the learning rate rises; then it falls linearly to 0.
    optimiser : {"adamw", "muon"}, default="adamw"
        "adamw" is AdamW for all weights; "muon" is Muon for the matrices inside the network and AdamW for all others.
    weight_decay : float, default=0.1
        The weight decay of matrices; vectors have none.
    clip : float, default=1.0
        The largest norm of the gradient; a larger gradient is scaled down.
    candidates : int, default=0
        Negative samples of the sampled softmax; 0 always trains with the full softmax.
    spelling : bool, default=False
        Whether each word vector has a part for the word's letters in training, as in fastText.
    evaluations : int, default=8
        Evaluations on the validation text, evenly spread over the run.
    valid_tokens : int, default=4096
        The most tokens of the validation text that an evaluation reads.
    patience : int, default=0
        Evaluations without improvement after which training stops; 0 never stops early.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        The precision of matrix products; "auto" uses bfloat16 where the processor multiplies it.
    """

    steps: int = 1000
    batch: int = 32
    length: int = 64
    alone: float = 0.0
    learning_rate: float = 1e-3
    warmup: float = 0.05
    optimiser: str = "adamw"
    weight_decay: float = 0.1
    clip: float = 1.0
    candidates: int = 0
    spelling: bool = False
    evaluations: int = 8
    valid_tokens: int = SAMPLE
    patience: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name, least in _WHOLE.items():
            check_whole(name, getattr(self, name), least)
        for name in _SHARES:
            if not 0 <= _number(name, getattr(self, name)) <= 1:
                raise LmcompareError(f"{name} must be a number from 0 to 1, not {getattr(self, name)}")
        for name in ("learning_rate", "clip"):
            if not 0 < _number(name, getattr(self, name)) <= _MOST:
                raise LmcompareError(f"{name} must be above 0 and at most {_MOST:g}, not {getattr(self, name)}")
        if not 0 <= _number("weight_decay", self.weight_decay) <= _MOST:
            raise LmcompareError(f"weight_decay must be from 0 to {_MOST:g}, not {self.weight_decay}")
        for name, choices in _CHOICES.items():
            check_choice(name, getattr(self, name), choices)

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return the names of all settings."""
        return frozenset(field.name for field in fields(cls))

    @classmethod
    def of(cls, hyperparameters: Mapping[str, Any]) -> Self:
        """Return the recipe with the settings that are among a model's hyper-parameters."""
        return cls(**{name: value for name, value in hyperparameters.items() if name in cls.names()})

    def rate(self, progress: float) -> float:
        """Return the learning rate at a point of the run; ``progress`` is the share of the run that is done."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 1e-2)
        done = min((progress - self.warmup) / max(1 - self.warmup, 1e-9), 1.0)
        return self.learning_rate * (1 - done)


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise ``LmcompareError`` unless a setting is one of some choices."""
    if value not in choices:
        raise LmcompareError(f"{name} must be one of {', '.join(choices)}, not '{value}'")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise LmcompareError(f"{name} must be a number, not {reprlib.repr(value)}")
    return float(value)


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
