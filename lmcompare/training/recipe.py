"""How a network is trained: every number the loop needs, and the learning rate over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from lmcompare.errors import LmcompareError

_WHOLE = {"steps": 1, "batch": 1, "length": 1, "evaluations": 1, "valid_tokens": 1, "candidates": 0, "patience": 0}
_SHARES = ("alone", "warmup", "final", "full_share")
_CHOICES = {
    "decay": ("linear", "cosine", "constant"),
    "optimiser": ("adamw", "muon"),
    "precision": ("auto", "float32", "bfloat16"),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of one training run.

    ``steps``: optimiser steps (``Setting.budget`` goes before them); ``batch`` documents read side by side,
    ``length`` tokens of each a step; ``alone``: the share of the steps that read single sentences, each as a document
    of its own, so that a network used to long documents learns to begin anew; ``learning_rate``: its height after
    ``warmup`` (a share of the run), from where it falls to ``final`` times that, as ``decay`` says; ``optimiser``:
    "adamw", or "muon" for the matrices inside the network and AdamW for the rest; ``head_rate``: how many times the
    learning rate the head (word vectors and biases) gets; ``weight_decay``: of matrices; ``betas``: AdamW's;
    ``clip``: the greatest norm of the gradient; ``candidates``: how many words a sampled softmax compares with (0:
    always the full softmax), until ``full_share`` of the run is left, which is trained with the full one;
    ``evaluations`` on valid, spread evenly over the run, at most ``valid_tokens`` tokens each; ``patience``: that
    many without a gain end the run (0: never); ``precision``: "auto" takes bfloat16 where it is measured faster.
    """

    steps: int = 1000
    batch: int = 32
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
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise LmcompareError(f"{name} is a whole number, at least {least}, not {value!r}")
        for name in _SHARES:
            if not 0 <= _number(name, getattr(self, name)) <= 1:
                raise LmcompareError(f"{name} is a share, from 0 to 1, not {getattr(self, name)}")
        for name in ("learning_rate", "head_rate", "clip"):
            if not _number(name, getattr(self, name)) > 0:
                raise LmcompareError(f"{name} must be above 0, not {getattr(self, name)}")
        if _number("weight_decay", self.weight_decay) < 0:
            raise LmcompareError(f"weight_decay must be at least 0, not {self.weight_decay}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise LmcompareError(f"{name} is one of {', '.join(choices)}, not '{getattr(self, name)}'")

    @classmethod
    def of(cls, hyperparameters: Mapping[str, Any]) -> Self:
        """Take the settings from a model's hyper-parameters of the same names."""
        return cls(**{each.name: hyperparameters[each.name] for each in fields(cls) if each.name in hyperparameters})

    def rate(self, progress: float) -> float:
        """Return the learning rate when ``progress``, from 0 to 1, of the run is done."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 1e-2)
        if self.decay == "constant":
            return self.learning_rate
        done = min((progress - self.warmup) / max(1 - self.warmup, 1e-9), 1.0)
        left = 1 - done if self.decay == "linear" else 0.5 * (1 + math.cos(math.pi * done))
        return self.learning_rate * (self.final + (1 - self.final) * left)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise LmcompareError(f"{name} is a number, not {value!r}")
    return float(value)
