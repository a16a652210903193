"""What more training would probably change, as far as learning curves show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmcompare.runfolder.run import ModelEntry, Run

LAST = 0.9  # of the training: what the loss does after that is its end
FALLING = 0.005  # nats: a validation loss that fell by less at the end has levelled off
RISEN = 1.01  # a loss this many times the lowest one has risen again
SAME_AMOUNT = 1.1  # models that read up to this many times as many tokens read about the same amount


@dataclass(frozen=True)
class Progress:
    """How the validation loss of one training went.

    Parameters
    ----------
    fall : float
        How far the loss fell in the last tenth of training, in nats per token.
    rise : float
        The last loss divided by the lowest one.
    """

    fall: float
    rise: float

    @classmethod
    def of(cls, curve: pd.DataFrame) -> Progress | None:
        """Return the progress of a learning curve; None if its last tenth was not measured."""
        valid = curve.dropna(subset=["valid_loss"])
        if len(valid) < 2:
            return None
        axis = next((a for a in ("step", "tokens", "seconds") if valid[a].notna().all()), None)
        if axis is None:
            return None
        x, losses = valid[axis].to_numpy(np.float64), valid["valid_loss"].to_numpy(np.float64)
        if (
            x[0] > LAST * x[-1] or not np.isfinite(losses).all() or losses.min() <= 0
        ):  # a loss below 0 is not a code length
            return None
        end = float(losses[-1])
        return cls(fall=float(np.interp(LAST * x[-1], x, losses)) - end, rise=end / float(losses.min()))


@dataclass(frozen=True)
class Outlook:
    """What would probably help, by model name, the strongest case first.

    Parameters
    ----------
    falling : dict of str to float
        Models whose validation loss was still falling: by how many nats per token in the last tenth of training.
    risen : tuple of str
        Models whose validation loss had risen again at the end.
    """

    falling: dict[str, float]
    risen: tuple[str, ...]


def outlook(run: Run, names: Sequence[str]) -> Outlook:
    """Return what more training would probably change for the models of these names."""
    models = [run.model(name) for name in names]
    found = {m.name: p for m in models if (p := Progress.of(_curve(m))) is not None}
    return Outlook(
        falling=_descending({name: p.fall for name, p in found.items() if p.rise <= RISEN and p.fall > FALLING}),
        risen=tuple(name for name, p in found.items() if p.rise > RISEN),
    )


def unequal_reading(run: Run, names: Sequence[str]) -> dict[str, float]:
    """Return how many training tokens each model read, repeats included, if the amounts differ; else nothing.

    Models that count the training text in one pass are left out.
    """
    read = {name: tokens for name in names if (tokens := tokens_read(run.model(name))) is not None}
    if len(read) < 2 or max(read.values()) <= SAME_AMOUNT * min(read.values()):
        return {}
    return _descending(read)


def tokens_read(model: ModelEntry) -> float | None:
    """Return how many training tokens a model read, repeats included; None if its learning curve has none."""
    tokens = _curve(model)["tokens"].dropna()
    return float(tokens.iloc[-1]) if len(tokens) else None


def _curve(model: ModelEntry) -> pd.DataFrame:
    cell = model.first
    assert cell is not None, "a ranked model has a finished cell"
    return cell.curve.dropna(how="all")


def _descending(values: dict[str, float]) -> dict[str, float]:
    return dict(sorted(values.items(), key=lambda pair: -pair[1]))
