"""The equation of stupid back-off, worked for one prediction."""

from __future__ import annotations

from lmcompare.models.ngram.smoothing.base import Case, Explanation, Lines


class Stupid(Explanation):
    """The scores of stupid back-off with the factor ``alpha``."""

    caution = " The numbers are scores, not probabilities: after a context they do not sum to one."
    equation = (
        r"S(w \mid h) = \begin{cases} \frac{c(h\,w)}{\sum_v c(h\,v)} & \text{if } c(h\,w) > 0 \\"
        r" \alpha\,S(w \mid h') & \text{otherwise} \end{cases}"
    )
    saying = (
        "Use the frequency of the word after the longest context that was seen with it, and multiply by α for every"
        " word of context that is dropped. Nothing is subtracted from what was seen, so the scores sum to more than"
        " one: they rank words, but are no probabilities."
    )

    def __init__(self, alpha: float) -> None:
        self.alpha = self.unseen = alpha

    def lines(self, case: Case) -> Lines:
        """Return the worked equation."""
        if case.count:
            return [case.count_line(), case.total_line(), (case.of_word("S"), case.count / case.total)]
        return [
            case.count_line(),
            ("α: the weight of the shorter context", self.alpha),
            case.lower_line("S"),
            (case.of_word("S"), self.alpha * case.lower),
        ]
