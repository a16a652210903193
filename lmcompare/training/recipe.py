"""The settings of a training run, and the learning rate over time."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from lmcompare.errors import LmcompareError
from lmcompare.model import check_whole
from lmcompare.tokens import SAMPLE

_WHOLE = {"steps": 1, "batch": 1, "length": 1, "evaluations": 1, "valid_tokens": 1, "candidates": 0, "patience": 0}
_SHARES = ("alone", "warmup", "full_share")
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
    full_share : float, default=0.0
        The share of the run, at its end, that is trained with the full softmax.
    spelling : bool, default=False
        Whether each word vector has a part for the word's letters in training, as in fastText.
    evaluations : int, default=8
        Evaluations on the validation text, evenly spread over the run.
    valid_tokens : int, default=4096
        The most tokens of the validation text that an evaluation reads.
    patience : int, default=0
        Evaluations without improvement after which training stops; 0 never stops early.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        The precision of matrix products; "auto" uses bfloat16 if it is measured to be faster.
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
    full_share: float = 0.0
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
