"""How a network is trained: every number the loop needs, and the learning rate over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from lmcompare.errors import LmcompareError

PRECISIONS = ("auto", "float32", "bfloat16")
OPTIMISERS = ("adamw", "muon")
DECAYS = ("linear", "cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of one training run.

    ``steps``: optimiser steps (``Setting.budget`` goes before them); ``rows`` documents read side by side, ``length``
    tokens of each a step; ``alone``: the share of the steps that read single sentences, each as a document of its
    own, so that a network used to long documents learns to begin anew; ``learning_rate``: its height after ``warmup``
    (a share of the run), from where it falls to ``final`` times that, as ``decay`` says; ``optimiser``: "adamw", or
    "muon" for the matrices inside the network and AdamW for the rest; ``head_rate``: how many times the learning rate
    the head (word vectors and biases) gets; ``weight_decay``: of matrices; ``betas``: AdamW's; ``clip``: the greatest
    norm of the gradient; ``candidates``: how many words a sampled softmax compares with (0: always the full softmax),
    until ``full_share`` of the run is left, which is trained with the full one; ``evaluations`` on valid, spread
    evenly over the run, at most ``valid_tokens`` tokens each; ``patience``: that many without a gain end the run (0:
    never); ``precision``: "auto" takes bfloat16 where it is measured faster.
    """

    steps: int = 1000
    rows: int = 32
    length: int = 64
    alone: float = 0.0
    learning_rate: float = 1e-3
    warmup: float = 0.05
    decay: str = "linear"
    final: float = 0.0
    optimiser: str = "adamw"
    head_rate: float = 1.0
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    candidates: int = 0
    full_share: float = 0.0
    evaluations: int = 8
    valid_tokens: int = 4096
    patience: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "length", "evaluations", "valid_tokens"):
            if getattr(self, name) < 1:
                raise LmcompareError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.alone <= 1:
            raise LmcompareError(f"alone is a share, from 0 to 1, not {self.alone}")
        if self.patience < 0:
            raise LmcompareError(f"patience must be at least 0, which is never to stop early, not {self.patience}")
        if not self.learning_rate > 0:
            raise LmcompareError(f"learning_rate must be above 0, not {self.learning_rate}")
        if self.decay not in DECAYS:
            raise LmcompareError(f"decay is one of {', '.join(DECAYS)}, not '{self.decay}'")
        if self.optimiser not in OPTIMISERS:
            raise LmcompareError(f"optimiser is one of {', '.join(OPTIMISERS)}, not '{self.optimiser}'")
        if self.precision not in PRECISIONS:
            raise LmcompareError(f"precision is one of {', '.join(PRECISIONS)}, not '{self.precision}'")

    @classmethod
    def of(cls, hyperparameters: Mapping[str, Any]) -> Self:
        """Take the settings from a model's hyper-parameters of the same names; its ``batch`` is ``rows`` here."""
        given = {"rows" if name == "batch" else name: value for name, value in hyperparameters.items()}
        return cls(**{each.name: given[each.name] for each in fields(cls) if each.name in given})

    def rate(self, progress: float) -> float:
        """Return the learning rate when ``progress``, from 0 to 1, of the run is done."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 1e-2)
        if self.decay == "constant":
            return self.learning_rate
        done = min((progress - self.warmup) / max(1 - self.warmup, 1e-9), 1.0)
        left = 1 - done if self.decay == "linear" else 0.5 * (1 + math.cos(math.pi * done))
        return self.learning_rate * (self.final + (1 - self.final) * left)
