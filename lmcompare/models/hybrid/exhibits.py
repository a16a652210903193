"""The mixture worked out for one word, how much the counts are trusted at each word, and what each model gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from lmcompare.exhibits import Bars, Exhibit, WorkedEquation
from lmcompare.model import FloatArray, LanguageModel
from lmcompare.models.common.sentences import ALONE, readable
from lmcompare.tokens import Encoded

EQUATION = r"P(w \mid h) = (1 - g)\, P_{\text{net}}(w \mid h) + g\, P_{\text{counts}}(w \mid h)"
SAYING = (
    "Two models guess, and the network says how much the counts are trusted here: g, between 0 and 1, depends on what"
    " it has read. Where the same words were often read before, counts know best; elsewhere the network does."
)


class Mixed(Protocol):
    """The model of the exhibits."""

    def log_probs(self, text: Encoded) -> FloatArray:
        """Return (N,) nats of the mixture."""
        ...

    def shares(self, text: Encoded) -> FloatArray:
        """Return (N,): the weight of the counts at each token."""
        ...


def exhibits(
    mixed: Mixed, network: LanguageModel, counts: LanguageModel, losses: Sequence[float], text: Encoded
) -> Iterator[Exhibit]:
    """Yield the worked mixture of one word, the weights in that sentence, and the losses."""
    for ids in readable(text, 1):
        sentence = Encoded.from_documents([ids], text.vocabulary)
        shares = mixed.shares(sentence)
        yield _worked(mixed, network, counts, shares, sentence)
        yield Bars(
            title="How much the counts are trusted",
            note=f"The weight of the n-gram model in the guess of each word of a sentence, {ALONE}.",
            labels=tuple(text.vocabulary[int(i)] for i in ids),
            values=tuple(shares.tolist()),
            unit="weight, between 0 and 1",
        )
    if losses and np.isfinite(losses).all():
        yield Bars(
            title="The counts alone and the mixture",
            note="Loss on the validation text. The network was trained for the mixture, not to guess alone.",
            labels=("counts", "mixture"),
            values=tuple(loss / float(np.log(2)) for loss in losses),
            unit="bits per token",
        )


def _worked(
    mixed: Mixed, network: LanguageModel, counts: LanguageModel, shares: FloatArray, text: Encoded
) -> WorkedEquation:
    """Work the equation for the word on which the two models differ most."""
    of_net, of_counts, of_both = (np.asarray(m.log_probs(text), np.float64) for m in (network, counts, mixed))
    at = int(np.abs(of_net - of_counts).argmax())
    word = text.vocabulary[int(text.ids[at])]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}', on which the two differ most in a sentence, {ALONE}.",
        equation=EQUATION,
        saying=SAYING,
        lines=(
            (f"P({word}) by the network", float(np.exp(of_net[at]))),
            (f"P({word}) by the counts", float(np.exp(of_counts[at]))),
            ("g: how much the counts are trusted", float(shares[at])),
            (f"P({word})", float(np.exp(of_both[at]))),
        ),
    )
