"""What more training or more text would probably change, as far as the curves and the text let one say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmcompare.analysis.run import ModelEntry, Run

FALLING = 0.02  # nats of validation loss in the second half of training; less is no progress to speak of
RISEN = 1.01  # a loss above so many times the lowest has risen
BY_HEART = 0.1  # nats by which the loss on train lies below that on valid
LATE = 0.9  # of training; the loss on train is the mean from there on


@dataclass(frozen=True)
class Progress:
    """What a learning curve says; all losses are nats per token.

    ``fall``: how far the loss on valid fell in the second half of training; ``rise``: how many times its lowest it is
    at the end; ``gap``: how far the loss on train lies below it at the end, NaN where it was not told. Dropout makes
    the loss on train too high, so that the gap is one at the least.
    """

    fall: float
    rise: float
    gap: float

    @classmethod
    def of(cls, curve: pd.DataFrame) -> Progress | None:
        """Return it, or None where valid was not measured at the end and before the middle."""
        valid = curve.dropna(subset=["valid_loss"])
        if len(valid) < 2:
            return None
        axis = next((a for a in ("tokens", "step", "seconds") if valid[a].notna().all()), None)
        if axis is None:
            return None
        x, losses = valid[axis].to_numpy(np.float64), valid["valid_loss"].to_numpy(np.float64)
        if x[0] > x[-1] / 2 or not np.isfinite(losses).all():
            return None
        end = float(losses[-1])
        late = curve[curve[axis] >= LATE * x[-1]]["train_loss"].dropna()
        return cls(
            fall=float(np.interp(x[-1] / 2, x, losses)) - end,
            rise=end / float(losses.min()),
            gap=end - float(late.mean()) if len(late) else math.nan,
        )


def outlook(run: Run, names: Sequence[str]) -> list[str]:
    """Return sentences on the models of these names, the best first; none where nothing can be said.

    A model whose loss on valid still falls, while it knows train hardly better, would probably gain by more steps;
    one that knows train much better by more text; one whose loss on valid has risen again by no further step. A model
    without a curve was fitted in one go and changes with the text alone.
    """
    models = [run.model(name) for name in names]
    curves = {model.name: _curve(model) for model in models}
    found = {name: p for name, curve in curves.items() if len(curve) and (p := Progress.of(curve)) is not None}
    risen = [name for name, p in found.items() if p.rise > RISEN]
    falling = {name: p for name, p in found.items() if p.rise <= RISEN and p.fall > FALLING}
    heart = [name for name, p in falling.items() if p.gap > BY_HEART]
    hungry = [name for name in falling if name not in heart]
    said = []
    if hungry:
        fell = _listed([_percent(1 - math.exp(-falling[name].fall)) for name in hungry])
        whose = "its" if len(hungry) == 1 else "their"
        said.append(
            f"More training would probably help {_listed(hungry)}: in the second half of it {whose} perplexity on"
            f" valid still fell by {fell}."
        )
    said += _more_text(run, {n: falling[n] for n in heart}, [m for m in models if not len(curves[m.name])])
    if risen:
        said.append(f"{_listed(risen)} got worse on valid before the end: fewer steps would do, or more text.")
    return said


def _more_text(run: Run, heart: Mapping[str, Progress], in_one_go: Sequence[ModelEntry]) -> list[str]:
    """Say which models would gain by more text, and why: the best of those fitted in one go stands for them all."""
    helped = [
        f"{name} (it knows train {_percent(1 - math.exp(-progress.gap))} better than valid)"
        for name, progress in heart.items()
    ]
    if in_one_go:
        first = in_one_go[0]
        seen = run.tokens[first.tokens_fingerprint].features("test", ["seen_3"])["seen_3"].to_numpy(np.bool_)
        new = _percent(1 - seen.mean())
        helped.append(
            f"{first.name} (fitted in one go; {new} of the test tokens end three that train never has in a row)"
        )
    return [f"More text would rather help {_listed(helped)}."] if helped else []


def _curve(model: ModelEntry) -> pd.DataFrame:
    cell = model.first
    assert cell is not None, "a ranked model has a finished cell"
    return cell.curve.dropna(how="all")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
