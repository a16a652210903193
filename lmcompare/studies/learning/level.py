"""What the best model that is not trained in steps needs, beside the learning curves of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from lmcompare.render import numbers
from lmcompare.render.titles import sentence, spoken
from lmcompare.report.data import Model, ReportData
from lmcompare.tokens import SAMPLE, excerpt_parts

LOSSES = ["train_loss", "valid_loss"]


@dataclass(frozen=True)
class Level:
    """The loss of a model that is not trained in steps, in bits per token of the sample of the learning curves."""

    model: Model
    bits: float

    @classmethod
    def of(cls, data: ReportData, fingerprint: str, models: Sequence[Model], trained: Sequence[Model]) -> Self | None:
        """Return the level of the best of these models that is not trained in steps.

        None if there is no such model, or no validation text.
        """
        counting = [m for m in models if m not in trained and not m.entry.traits.get("adaptive")]
        if not counting or not data.run.rules.every_token:  # networks of series choose by another part of the text
            return None
        text = data.run.tokens[fingerprint].valid
        if not len(text):
            return None
        parts = zip(*excerpt_parts(text, SAMPLE), strict=True)
        sample = np.concatenate([np.arange(begin, end) for begin, end in parts])
        levels = []
        for model in counting:
            scores = model.cell.log_probs("valid")
            if len(scores) == len(text):
                levels.append(cls(model, float(-scores[sample].mean() / np.log(2))))
        return min(levels, key=lambda level: level.bits, default=None)

    def passing(self, model: Model, curve: pd.DataFrame) -> tuple[float, float] | None:
        """Return after how many tokens and seconds of training a network is below the level; None if it never is.

        The curve is in bits. An amount that is not known is NaN.
        """
        below = curve[curve["valid_loss"] < self.bits]
        return None if below.empty else (float(below.iloc[0]["tokens"]), float(below.iloc[0]["seconds"]))

    def said(self, curves: Sequence[tuple[Model, pd.DataFrame]], *, timed: bool = True) -> str:
        """Return after how much text each curve, in bits, is below this level, and if ``timed`` after which time."""
        name = spoken(self.model.title)
        passed: list[str] = []
        never: list[str] = []
        for model, curve in curves:
            if curve["valid_loss"].isna().all():
                continue
            if (first := self.passing(model, curve)) is None:
                never.append(spoken(model.title))
                continue
            tokens, seconds = float(f"{first[0]:.3g}"), first[1]  # enough digits for a curve
            read = f"{numbers.amount(tokens)} tokens" if tokens == tokens else ""
            time = numbers.seconds(seconds) if timed and seconds == seconds else ""
            passed.append(f"{spoken(model.title)} after {f'{read} ({time})' if read and time else read or time}")
        said = [
            f"{sentence(name)}, which is not trained in steps, needs {self.bits:.2f} bits per token of the same"
            " sample."
        ]
        if passed:
            said.append(f"Networks come below this in the course of their training: {numbers.listed(passed)}.")
        if never:
            said.append(f"{sentence(numbers.listed(never))} never {'does' if len(never) == 1 else 'do'}.")
        return " ".join(said)


def networks_ahead(data: ReportData) -> dict[str, float]:
    """Return by name after how many seconds a network was ahead of the best model that is not trained in steps.

    It is ahead by the loss on a sample of the validation text, with the tokens that most models have.
    """
    here = [model for model in data.groups.get(data.main_tokens, ()) if model.name not in data.unranked]
    curves = {model.name: curve for model in here if len(curve := model.cell.curve.dropna(how="all")) > 1}
    trained = [model for model in here if model.name in curves]
    if not trained or (level := Level.of(data, data.main_tokens, here, trained)) is None:
        return {}
    return {
        spoken(model.title): first[1]
        for model in trained
        if (first := level.passing(model, in_bits(curves[model.name]))) is not None and first[1] == first[1]
    }


def in_bits(curve: pd.DataFrame) -> pd.DataFrame:
    """Return a learning curve with its losses in bits instead of nats."""
    return curve.assign(**curve[LOSSES] / np.log(2))
