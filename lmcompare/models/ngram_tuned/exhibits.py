"""The exhibits of the tuned n-gram model: its worked equation, its discounts and its strengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lmcompare.counts.table import BackoffTable
from lmcompare.exhibits import Curve, Exhibit
from lmcompare.models.ngram.exhibits import exhibits as explained
from lmcompare.models.ngram.kneser_ney import Discounts
from lmcompare.models.ngram.smoothing import Case, Explanation, Lines
from lmcompare.models.ngram_tuned.estimator import Tuned
from lmcompare.tokens import Encoded
from lmcompare.tokens.vocabulary import UNKNOWN_TOKEN


def exhibits(table: BackoffTable, tuned: Tuned, discounts: Sequence[Discounts], text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits of the n-gram model, then the tuned discounts and the strengths."""
    if not len(text):
        return
    yield from explained(table, Tuning(tuned), text)
    yield _discounts(tuned, discounts)
    if table.order > 1:
        yield _strengths(tuned)


class Tuning(Explanation):
    """The worked equation of a tuned model; the discount and the saved mass are read back from its probabilities."""

    equation = (
        r"P(w \mid h) = \frac{c(h\,w) - D(h\,w) + \left(\sum_v D(h\,v) + \theta\right) P(w \mid h')}"
        r"{\sum_v c(h\,v) + \theta}"
    )
    saying = (
        "Use the count of the word after this context, less a discount. The discounts and the strength θ together go"
        " to the prediction of the shorter context, which lacks the first word. Without θ, the equation is that of"
        " Kneser-Ney smoothing. But the discounts are not computed from the training text: they are chosen to make"
        " the validation text as likely as possible."
    )
    counted = (
        "Below the highest order a count is not a frequency but the number of different words before the n-gram,"
        " unless the n-gram begins with <s>. A frequent word may count more than once among these."
    )

    def __init__(self, tuned: Tuned) -> None:
        self.tuned = tuned

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        strength = self.tuned.strength(case.order, case.total / max(1, case.types))
        if case.weight is not None:
            weight, lower, below = case.weight, case.lower, case.lower_line()
        else:
            weight, others = self.tuned.weight, (1 - self.tuned.unknown) / max(1, case.size - 1)
            lower = self.tuned.unknown if case.word == UNKNOWN_TOKEN else others
            below = (f"the probability of {case.word} below the unigrams", lower)
        own = max(0.0, case.probability - weight * lower) if case.count else 0.0
        return [
            case.count_line("its count"),
            ("D: its discount", case.count - own * (case.total + strength)),
            case.total_line(),
            ("θ: the strength of the shorter context", strength),
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
        names += [f"{k}-grams, tuned", f"{k}-grams, from training text"]
        x += [counts, counts]
        y += [tuple(d for _, d in seen), tuple(of_train.amounts[min(j, 3) - 1] for j, _ in seen)]
    return Curve(
        title="The discount of each count",
        note="The discount that is subtracted from each count: as tuned on the validation text (the mean over the"
        " n-grams with this count), and as Kneser-Ney smoothing computes it from the training text, where it is the"
        " same for all counts from 3 on. The last point is for all greater counts, too.",
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
        note="θ works as if θ more words had been counted after a context, shared out as the shorter context"
        " predicts: the greater θ, the more the shorter context counts. It is tuned for groups of contexts, by the"
        " mean count of the words after them; each point is where a group begins. Kneser-Ney has θ = 0. The unigrams"
        f" have θ = {tuned.strengths[0][0]:.3g}.",
        names=tuple(f"after {k} word{'s' * (k > 1)}" for k in orders),
        x=tuple((1.0, *tuned.edges[k]) for k in orders),
        y=tuple(tuned.strengths[k] for k in orders),
        x_axis="mean count after the context",
        y_axis="θ in words",
    )
