"""How a tuned n-gram model explains itself: its equation at work, and what was tuned beside what train would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.counts.estimating.kneser_ney import Discounts
from lmcompare.counts.estimating.method import Case, Equation, Lines
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.exhibits import Curve, Exhibit
from lmcompare.models.common.mathml import fraction, lines, name, op, row, sup, total
from lmcompare.models.ngram.exhibits import exhibits as explained
from lmcompare.models.ngram_tuned.tuned import Tuned
from lmcompare.tokens import Encoded
from lmcompare.tokens.vocabulary import UNKNOWN_TOKEN

_PLAIN = "P(w | h) = (c(h w) − D(h w) + (Σ_v D(h v) + θ) · P(w | h′)) / (Σ_v c(h v) + θ)"
_SAYING = (
    "Trust what followed these very words in training, less a discount; what the discounts save, and θ words more,"
    " goes to what the context without its first word says. The equation is that of Kneser-Ney; how much is taken off"
    " was not worked out from training but chosen so that the held-out text becomes likely."
)


def exhibits(table: BackoffTable, tuned: Tuned, discounts: Sequence[Discounts], text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, the orders that matched and the back-off traces, the discounts and the strengths."""
    if not len(text):
        return
    yield from explained(table, _Method(tuned), text)
    yield _discounts(tuned, discounts)
    if table.order > 1:
        yield _strengths(tuned)


def _equation() -> str:
    def given(what: str, *words: str) -> str:
        return row(name(what), op("("), *words, op(")"))

    w, v, h, shorter = name("w"), name("v"), name("h"), sup(name("h"), op("′"))
    saved = row(op("("), total(v), given("D", h, v), op("+"), name("θ"), op(")"), given("P", w, op("|"), shorter))
    over = row(given("c", h, w), op("−"), given("D", h, w), op("+"), saved)
    under = row(total(v), given("c", h, v), op("+"), name("θ"))
    return lines(row(given("P", w, op("|"), h), op("="), fraction(over, under)))


_EQUATION = Equation(_equation(), _PLAIN, _SAYING)


@dataclass(frozen=True)
class _Method:
    """How a tuned model works out a prediction: discount and saved mass are read back from its probabilities."""

    tuned: Tuned
    equation: Equation = _EQUATION
    whole_context: bool = False
    unseen: float = 1.0
    counted: str = (
        "Below the longest order a count is not how often the words stand in training but after how many different"
        " words they do, one before them so often counting more than once, unless they begin with <s>."
    )
    caution: str = ""

    def lines(self, case: Case) -> Lines:
        """Work the equation out."""
        whole, types = case.total, max(1, int(np.count_nonzero(case.counts)))
        strength = self.tuned.strength(case.order, whole / types)
        below: tuple[str, float]
        if case.weight is not None:
            weight, lower, below = case.weight, case.lower, case.below()
        else:
            weight, others = self.tuned.weight, (1 - self.tuned.unknown) / max(1, case.size - 1)
            lower = self.tuned.unknown if case.word == UNKNOWN_TOKEN else others
            below = (f"what is below the unigrams for {case.word}", lower)
        own = max(0.0, case.probability - weight * lower) if case.count else 0.0
        return [
            (f"c({case.gram}): its count", float(case.count)),
            ("D: the discount that it takes", case.count - own * (whole + strength)),
            case.summed(),
            ("θ: the strength of what the shorter context says", strength),
            ("(c − D) / (Σ c + θ)", own),
            ("(Σ D + θ) / (Σ c + θ)", weight),
            below,
            (case.of_word(), own + weight * lower),
        ]


def _discounts(tuned: Tuned, closed: Sequence[Discounts]) -> Curve:
    names, x, y = [], [], []
    for k, (fitted, of_train) in enumerate(zip(tuned.discounts, closed, strict=True), 1):
        seen = [(j, d) for j, d in enumerate(fitted, 1) if d is not None]
        if not seen:
            continue
        counts = tuple(float(j) for j, _ in seen)
        names += [f"{k}-grams, tuned", f"{k}-grams, from train"]
        x += [counts, counts]
        y += [tuple(d for _, d in seen), tuple(of_train.amounts[min(j, 3) - 1] for j, _ in seen)]
    return Curve(
        title="What is taken off each count",
        note="Tuned on the held-out text (the mean over the n-grams of training), and as the counts of counts of"
        " training have it, where all counts from 3 on take the same. The last count stands for all above it too.",
        names=tuple(names),
        x=tuple(x),
        y=tuple(y),
        x_axis="count",
        y_axis="discount",
    )


def _strengths(tuned: Tuned) -> Curve:
    orders = range(1, len(tuned.strengths))
    return Curve(
        title="The strength of the shorter context",
        note="θ: how many words the say of the shorter context is worth beside the counts of the longer one, for"
        " contexts from each mean count on. The mean count is how often a word that followed the context did so. The"
        f" discounts worked out from train know no strength. That of the unigrams is {tuned.strengths[0][0]:.3g}.",
        names=tuple(f"after {k} word{'s' * (k > 1)}" for k in orders),
        x=tuple((1.0, *tuned.edges[k]) for k in orders),
        y=tuple(tuned.strengths[k] for k in orders),
        x_axis="mean count after the context",
        y_axis="θ in words",
    )
