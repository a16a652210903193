"""The mean of several predictions, the gain from each further member, and the exhibits that show both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from lmcompare.exhibits import Curve, Exhibit, WorkedEquation
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.models.common.sentences import readable
from lmcompare.tokens import Encoded

EQUATION = r"P(w \mid h) = \frac{1}{M} \sum_{m=1}^{M} P_m(w \mid h)"
SAYING = (
    "Every member predicts, and their probabilities are averaged. Members with different seeds make different"
    " mistakes. Where one member gives the next word too low a probability, the others make up for it: the surprisal"
    " of the mean is never above the mean surprisal."
)


@dataclass(frozen=True)
class Growth:
    """The losses on the validation text, in nats per token, of each member alone and of the first 1, 2 … together."""

    alone: tuple[float, ...] = ()
    together: tuple[float, ...] = ()

    def with_member(self, scores: Sequence[FloatArray]) -> Self:
        """Return the losses with one more member; ``scores`` are those of all members so far, each (N,) nats."""
        if not len(scores[-1]):
            return self
        losses = (-float(scores[-1].mean()), -float(log_mean(scores).mean()))
        return replace(self, alone=(*self.alone, losses[0]), together=(*self.together, losses[1]))


def log_mean(log_probs: Sequence[FloatArray]) -> FloatArray:
    """Return the logarithm of the mean probability; the arrays, in nats, have the same shape."""
    whole = np.array(log_probs[0], copy=True)
    for other in log_probs[1:]:
        np.logaddexp(whole, other, out=whole)
    whole -= np.asarray(np.log(len(log_probs)), whole.dtype)
    return whole


def exhibits(members: Sequence[LanguageModel], growth: Growth, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked mean of one word, and the losses of 1, 2 … members."""
    for ids in readable(text, 1):
        yield _worked(members, Encoded.from_documents([ids], text.vocabulary))
    if len(growth.together) > 1 and np.isfinite((*growth.alone, *growth.together)).all():
        yield _growth(growth)


def _worked(members: Sequence[LanguageModel], text: Encoded) -> WorkedEquation:
    """Work the equation for the word on which the members differ most."""
    scores = np.stack([np.asarray(member.log_probs(text), np.float64) for member in members])  # (M, N)
    mean = log_mean(list(scores))
    with np.errstate(invalid="ignore"):  # a word may be impossible for all members
        at = int(np.nanargmax(np.where(np.isfinite(mean), mean - scores.mean(0), -1.0)))
    word = text.vocabulary[int(text.ids[at])]
    lines = [(f"P({word}) by member {number}", float(p)) for number, p in enumerate(np.exp(scores[:, at]), 1)]
    lines.append((f"P({word}): their mean", float(np.exp(mean[at]))))
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained members' numbers for '{word}', on which they differ most in this sentence.",
        equation=EQUATION,
        saying=SAYING,
        lines=tuple(lines),
    )


def _growth(growth: Growth) -> Curve:
    numbers = tuple(float(n) for n in range(1, len(growth.together) + 1))
    bits = [tuple(loss / np.log(2) for loss in losses) for losses in (growth.together, growth.alone)]
    return Curve(
        title="What each further member gains",
        note="The loss on the validation text: of the first 1, 2 … members together, and of each member alone.",
        names=("together", "alone"),
        x=(numbers, numbers),
        y=(bits[0], bits[1]),
        x_axis="members",
        y_axis="bits per token",
    )
