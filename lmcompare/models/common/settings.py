"""What the state of every model has besides its arrays: the hyper-parameters and the notes."""

from __future__ import annotations

from typing import Any

from lmcompare.model import LanguageModel, State


def stored(model: LanguageModel) -> dict[str, Any]:
    """Return the hyper-parameters, without the paths of files, and the notes as values of a state."""
    given = {name: value for name, value in model.hyperparameters().items() if name not in model.files}
    return {"hyperparameters": given, "notes": list(model.notes)}


def begin_again(model: LanguageModel, state: State) -> None:
    """Give a model the stored hyper-parameters and notes. Paths of files stay; nothing else that it learnt does."""
    files = {name: getattr(model, name) for name in model.files}
    type(model).__init__(model, **files, **state.values["hyperparameters"])
    model.notes = tuple(state.values["notes"])
