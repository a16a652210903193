"""The base class of neural models whose training settings are hyper-parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from lmcompare.model import check_whole
from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.recipe import check_choice


@dataclass(eq=False, kw_only=True)
class TunableLanguageModel(TorchLanguageModel):
    """A neural model whose training settings are hyper-parameters.

    A model is a dataclass: its fields are its hyper-parameters, it may give those of training other defaults, and its
    ``__post_init__`` checks its own before it calls this one.

    Parameters
    ----------
    dropout : float, default=0.1
        Dropout in the network.
    steps : int, default=1000
        Optimiser steps; a budget of the run overrides them.
    batch : int, default=16
        Documents read side by side.
    length : int, default=64
        Tokens of each document read in a step.
    alone : float, default=0.0
        The share of steps that read single sentences as documents of their own.
    learning_rate : float, default=0.01
        The peak learning rate.
    optimiser : {"adamw", "muon"}, default="adamw"
        AdamW for all weights, or Muon for the matrices inside the network.
    weight_decay : float, default=0.4
        The decay of matrices.
    candidates : int, default=768
        Negative samples of the sampled softmax in training; 0 trains with the full softmax.
    full_share : float, default=0.0
        The last share of the run, which is trained with the full softmax.
    spelling : bool, default=True
        Whether each word vector has a part for the word's letters in training, as fastText's have.
    patience : int, default=0
        Evaluations without improvement after which training stops; 0 never stops early.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        The precision of training; "auto" takes bfloat16 if it is measured to be faster.
    """

    dropout: float = 0.1
    steps: int = 1000
    batch: int = 16
    length: int = 64
    alone: float = 0.0
    learning_rate: float = 1e-2
    optimiser: str = "adamw"
    weight_decay: float = 0.4
    candidates: int = 768
    full_share: float = 0.0
    spelling: bool = True
    patience: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        super().__init__()
        self.store_settings(self.hyperparameters())

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the hyper-parameters: the model's own, and then those of training."""
        shared = {field.name for field in fields(TunableLanguageModel)}
        return tuple(sorted(super().parameter_names(), key=shared.__contains__))

    def check_whole(self, least: int, *names: str, most: int = 10**7) -> None:
        """Raise ``LmcompareError`` unless these hyper-parameters are whole numbers from ``least`` to ``most``."""
        for name in names:
            check_whole(name, getattr(self, name), least, most)

    def check_choice(self, name: str, choices: Sequence[str]) -> None:
        """Raise ``LmcompareError`` unless a hyper-parameter is one of the choices."""
        check_choice(name, getattr(self, name), choices)
