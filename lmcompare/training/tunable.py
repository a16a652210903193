"""The base class of neural models whose training settings are hyper-parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from lmcompare.training.language_model import TorchLanguageModel
from lmcompare.training.recipe import check_choice, check_whole


@dataclass(eq=False, kw_only=True)
class TunableLanguageModel(TorchLanguageModel):
    """A neural model whose training settings are hyper-parameters.

    A model is a dataclass: its fields are its hyper-parameters, it may give those of training other defaults, and its
    ``__post_init__`` checks its own before it calls this one.

    Parameters
    ----------
    dropout : float, default=0.1
        Dropout in the network.
    steps, batch, length, alone, learning_rate, optimiser, weight_decay, candidates, full_share, patience, precision
        As in ``Recipe``.
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

    def check_whole(self, least: int, *names: str) -> None:
        """Raise ``LmcompareError`` unless these hyper-parameters are whole numbers of at least ``least``."""
        for name in names:
            check_whole(name, getattr(self, name), least)

    def check_choice(self, name: str, choices: Sequence[str]) -> None:
        """Raise ``LmcompareError`` unless a hyper-parameter is one of the choices."""
        check_choice(name, getattr(self, name), choices)
