"""What the best model that is not trained in steps needs, beside the learning curves of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from lmcompare.report import numbers
from lmcompare.report.data import Model, ReportData
from lmcompare.report.titles import sentence, spoken
from lmcompare.tokens import SAMPLE, excerpt_parts


@dataclass(frozen=True)
class Level:
    """The loss of a model that is not trained in steps, in bits per token of the sample of the learning curves."""

    model: Model
    bits: float

    @classmethod
    def of(cls, data: ReportData, fingerprint: str, models: Sequence[Model], trained: Sequence[Model]) -> Self | None:
        """Return that of the best of these models that is not one of those trained in steps.

        It is None if there is no such model, and without validation text.
        """
        counting = [model for model in models if model not in trained]
        text = data.run.tokens[fingerprint].valid
        if not counting or not len(text) or data.run.corpus.series:  # whose networks choose by another part
            return None
        parts = zip(*excerpt_parts(text, SAMPLE), strict=True)
        sample = np.concatenate([np.arange(begin, end) for begin, end in parts])
        levels = []
        for model in counting:
            scores = model.cell.log_probs("valid")
            if len(scores) == len(text):
                levels.append(cls(model, float(-scores[sample].mean() / np.log(2))))
        return min(levels, key=lambda level: level.bits, default=None)

    def said(self, curves: Sequence[tuple[Model, pd.DataFrame]]) -> str:
        """Return after how much text each curve is below this level; the curves are in bits."""
        name = spoken(self.model.title)
        passed: list[str] = []
        never: list[str] = []
        for model, curve in curves:
            below = curve[curve["valid_loss"] < self.bits]
            if below.empty:
                never.append(spoken(model.title))
                continue
            first = below.iloc[0]
            tokens = float(f"{first['tokens']:.3g}")  # enough digits for a curve
            read = f"{numbers.amount(tokens)} tokens" if tokens == tokens else ""
            time = numbers.seconds(float(first["seconds"])) if pd.notna(first["seconds"]) else ""
            passed.append(f"{spoken(model.title)} after {' and '.join(filter(None, (read, time)))}")
        said = [
            f"{sentence(name)}, which is not trained in steps, needs {self.bits:.2f} bits per token of the same"
            " sample."
        ]
        if passed:
            said.append(f"Below that are {numbers.listed(passed)}.")
        if never:
            said.append(f"{sentence(numbers.listed(never))} never {'is' if len(never) == 1 else 'are'}.")
        return " ".join(said)
