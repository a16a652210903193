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

    A derived class is a dataclass, whose fields are the model's hyper-parameters. It may change the defaults of the
    training settings. Its ``__post_init__`` checks the class's own hyper-parameters before it calls this one.

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
        The weight decay of matrices.
    candidates : int, default=768
        Negative samples of the sampled softmax in training; 0 trains with the full softmax.
    full_share : float, default=0.0
        The share of the run, at its end, that is trained with the full softmax.
    spelling : bool, default=True
        Whether each word vector has a part for the word's letters in training, as in fastText.
    patience : int, default=0
        Evaluations without improvement after which training stops; 0 never stops early.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        The precision of training; "auto" uses bfloat16 if it is measured to be faster.
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
        """Return the names of the hyper-parameters: first the model's own, then the training settings."""
        shared = {field.name for field in fields(TunableLanguageModel)}
        return tuple(sorted(super().parameter_names(), key=shared.__contains__))

    def check_whole(self, least: int, *names: str, most: int = 10**7) -> None:
        """Raise ``LmcompareError`` unless these hyper-parameters are whole numbers from ``least`` to ``most``."""
        for name in names:
            check_whole(name, getattr(self, name), least, most)

    def check_choice(self, name: str, choices: Sequence[str]) -> None:
        """Raise ``LmcompareError`` unless a hyper-parameter is one of the choices."""
        check_choice(name, getattr(self, name), choices)
