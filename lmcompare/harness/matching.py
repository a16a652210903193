"""Models of one size: widths chosen anew, so that a comparison is one at equal parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmcompare import plugins
from lmcompare.errors import LmcompareError
from lmcompare.harness.progress import Display

if TYPE_CHECKING:
    from lmcompare.model import LanguageModel


def matched(
    name: str, model: LanguageModel, parameters: int | None, types: int, show: Display, *, live: bool = False
) -> LanguageModel:
    """Return the model made anew with about so many ``parameters`` over a vocabulary of V ``types``.

    A model that does not say how it could have another size, as one whose size follows from the text, stays as it
    is, and so does every model without ``parameters``. Raises ``LmcompareError`` for a ``live`` object, and for a
    number that the model can't come near.
    """
    if parameters is None:
        return model
    found = model.sized(parameters, types)
    if found is None:
        show.say(f"{name} keeps its size: it does not say how it could have another.")
        return model
    if live:
        raise LmcompareError(f"'{name}' is an object, whose size is given: name its plug-in to match parameters")
    show.say(f"{name} gets {', '.join(f'{key} = {value}' for key, value in found.items())}.")
    return plugins.build(type(model), {**model.hyperparameters(), **found})
