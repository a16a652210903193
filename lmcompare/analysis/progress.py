"""What more training or more text would probably change, as far as curves and texts let one say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmcompare.analysis.phrases import listed, percent
from lmcompare.runfolder.run import ModelEntry, Run

FALLING = 0.02  # nats of validation loss in the second half of training; less is no progress to speak of
RISEN = 1.01  # a loss above so many times the lowest has risen
BY_HEART = 0.1  # nats by which a model gains more on train than on valid; less is no matter
NAMED = 5  # models; of more only the ends are told
ALIKE = 1.1  # times as many tokens read in training are as good as equal


@dataclass(frozen=True)
class Progress:
    """What a learning curve says of the loss on valid, in nats per token: ``fall``, how far it fell in the second
    half of training; ``rise``, how many times its lowest it is at the end.
    """

    fall: float
    rise: float

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
        if x[0] > x[-1] / 2 or not np.isfinite(losses).all() or losses.min() <= 0:  # a loss below 0 is no code length
            return None
        end = float(losses[-1])
        return cls(fall=float(np.interp(x[-1] / 2, x, losses)) - end, rise=end / float(losses.min()))


def outlook(run: Run, names: Sequence[str]) -> list[str]:
    """Return sentences on the models of these names: whose loss on valid still fell in the second half of training,
    and would probably go on; who knows train by heart, and would probably gain by more text; whose loss has risen
    again; and whether they read equally much. None where nothing can be said.
    """
    models = [run.model(name) for name in names]
    found = {m.name: p for m in models if (p := Progress.of(_curve(m))) is not None}
    falling = {name: p.fall for name, p in found.items() if p.rise <= RISEN and p.fall > FALLING}
    said = []
    if falling:
        fell = _ranked(falling)
        said.append(
            f"More training would probably help: in the second half of it perplexity on valid still fell by {fell}."
        )
    heart = {m.name: gap for m in models if (gap := gained_on_train(m)) is not None and gap > BY_HEART}
    if heart:
        said.append(
            "More text would probably help those most that know train by heart: without unknown words, perplexity is"
            f" lower there than on valid by {_ranked(heart)}{_new_to_train(run, models)}."
        )
    if risen := [name for name, p in found.items() if p.rise > RISEN]:
        said.append(f"{listed(risen)} got worse on valid before the end: fewer steps would do, or more text.")
    return said + trained_unlike(run, names)


def gained_on_train(model: ModelEntry) -> float | None:
    """Return by how many nats per known token the model does better on train than on valid; None where that was not
    measured.
    """
    known = model.first.memorisation if model.first is not None else {}
    valid, train = known.get("valid_nats"), known.get("train_nats")
    return None if valid is None or train is None else valid - train


def trained_unlike(run: Run, names: Sequence[str]) -> list[str]:
    """Return a sentence where models that are trained step by step read different amounts of train."""
    read = {name: tokens for name in names if (tokens := tokens_read(run.model(name))) is not None}
    if len(read) < 2 or max(read.values()) <= ALIKE * min(read.values()):
        return []
    amounts: dict[str, list[str]] = {}
    for name, tokens in sorted(read.items(), key=lambda pair: -pair[1]):
        amounts.setdefault(f"{tokens / 1e6:.3g} million" if tokens >= 1e6 else f"{tokens:,.0f}", []).append(name)
    (most, first), *others = amounts.items()
    parts = [f"{listed(first)} {most} tokens", *(f"{listed(who)} {amount}" for amount, who in others)]
    return [
        f"Not all read equally much of train: {', '.join(parts)}, those read again included (--match tokens=N makes"
        " them equal)."
    ]


def tokens_read(model: ModelEntry) -> float | None:
    """Return how many tokens of train the model read, those read again included; None where its curve has none."""
    tokens = _curve(model)["tokens"].dropna()
    return float(tokens.iloc[-1]) if len(tokens) else None


def _new_to_train(run: Run, models: Sequence[ModelEntry]) -> str:
    seen = run.tokens[models[0].tokens_fingerprint].features("test", ["seen_3"])["seen_3"].to_numpy(np.bool_)
    return f"; {percent(1 - seen.mean())} of the test tokens complete three in a row that train never has"


def _curve(model: ModelEntry) -> pd.DataFrame:
    cell = model.first
    assert cell is not None, "a ranked model has a finished cell"
    return cell.curve.dropna(how="all")


def _ranked(nats: dict[str, float]) -> str:
    """Return shares of perplexity with names, the greatest first: "30 % (transformer) and 11 % (bag)"."""
    order = sorted(nats, key=lambda name: -nats[name])
    if len(order) > NAMED:
        least, most = (percent(1 - math.exp(-nats[name])) for name in (order[-1], order[0]))
        return f"{least} to {most} ({len(order)} models, most under {order[0]})"
    return listed([f"{percent(1 - math.exp(-nats[name]))} ({name})" for name in order])
