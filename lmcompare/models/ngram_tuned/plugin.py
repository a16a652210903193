"""The n-gram model whose discounts and strengths are tuned on the validation text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self

import numpy as np

from lmcompare import memory
from lmcompare.counts.ngrams import Counts, nodes_of, with_starts
from lmcompare.counts.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Curve, Exhibit
from lmcompare.exhibits.exhibit import built
from lmcompare.model import PageCopy, Progress, Setting, State, check_whole, fitted
from lmcompare.models.ngram.exhibits import exhibits as explained
from lmcompare.models.ngram.kneser_ney import Discounts
from lmcompare.models.ngram.methods import KneserNey
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.ngram.smoothing import Case, Explanation, Lines
from lmcompare.models.ngram_tuned.tuning import Classes, HeldOut, Tuned, closed_form, estimate, tune, with_repeats
from lmcompare.tokens import Encoded, Vocabulary
from lmcompare.tokens.vocabulary import UNKNOWN_TOKEN

LEAST = 200  # tokens of the validation text that tuning needs


@dataclass(eq=False)
class NGramTuned(NGram):
    """Predicts the next word like the n-gram model, with discounts tuned on the validation text.

    Interpolated Kneser-Ney with the strength of a hierarchical Pitman-Yor process (Teh 2006). The discount of an
    n-gram depends on its order, on its count, on how much more often it occurs without its first word, and on the
    mean count of the words after its context, by which Chen and Goodman (1999) group contexts. The strength
    depends on the order and the context. Below the unigrams ``<unk>`` has a probability of its own. All of them are
    chosen to maximise the likelihood of the validation text, which takes seconds; ``setting.budget`` has no effect.

    If the validation text has fewer than 200 tokens, or is less likely after tuning than before, the model equals
    ``ngram``, and a note reports it.

    Parameters
    ----------
    order : int, default 5
        n, the length of the longest n-gram in words; 1 to 100.
    levels : int, default 10
        The number of counts with discounts of their own: 1, 2 …, and the last for all greater counts.
    groups : int, default 16
        The number of groups of contexts at each order.
    repeats : int, default 2
        How often the same word before an n-gram counts at the lower orders; 1 in Kneser-Ney.
    """

    keeps_to_memory = False  # tuning needs the counts of all orders in memory

    prune: Sequence[int] = field(default=(0,), init=False)
    smoothing: str = field(default="kneser-ney", init=False)
    k: float | None = field(default=None, init=False)
    levels: int = 10
    groups: int = 16
    repeats: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("levels", "groups", "repeats"):
            check_whole(name, getattr(self, name), 1, 1000)
        self._tuned: Tuned | None = None

    @memory.given_back()
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Count the training text, and tune on the validation text."""
        counts = list(self._count(train, setting))
        self._tuned = None
        self._estimate(counts, valid, setting.vocabulary)
        if len(valid) < LEAST:
            why = f"the validation text has {len(valid):,} tokens, and tuning needs {LEAST:,}"
            self.notes = (f"Not tuned: {why}; the discounts are those of ngram.", *self.notes)
        else:
            self._tune(counts, valid, setting.vocabulary)
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def title(self) -> str:
        return f"{self.order}-gram, tuned Kneser-Ney"

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the exhibits of the n-gram model, then the tuned discounts and the strengths."""
        if self._tuned is None:
            yield from super().exhibits(text)
        else:
            yield from _explained(self._for(text.vocabulary), self._tuned, self._discounts(), text)

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Return the copy of the n-gram model, if nothing was tuned: the page knows no other discounts."""
        if self._tuned is not None:
            raise LmcompareError("the page counts with the discounts of Kneser-Ney, not with tuned ones")
        return super().in_page(valid, whole=whole)

    def state(self) -> State:
        """Return the state of the n-gram model, and the tuned parameters."""
        state = super().state()
        tuned = self._tuned and asdict(self._tuned)
        return State(state.arrays, {**state.values, "tuned": tuned})

    def restore(self, state: State) -> Self:
        super().restore(state)
        tuned = state.values["tuned"]
        self._tuned = tuned and built(Tuned, tuned, "tuned")
        return self

    def _discounts(self) -> tuple[Discounts, ...]:
        """Return the discounts computed from the training text."""
        assert isinstance(self._method, KneserNey)
        return self._method.discounts

    def _tune(self, counts: list[Counts], valid: Encoded, vocabulary: Vocabulary) -> None:
        """Replace the table with the tuned one, unless that makes the validation text less likely."""
        plain = float(fitted(self._table, self).score(valid).mean())
        counts = with_repeats(counts, self.repeats)
        nodes = nodes_of(counts, with_starts(valid))
        classes = Classes.of(counts, nodes, self.levels, self.groups)
        start = closed_form(self._discounts(), classes, len(vocabulary))
        text = HeldOut.gather(nodes, counts, classes)
        found = tune(text, classes, start, len(vocabulary), vocabulary.unknown)
        table = estimate(counts, classes, found, len(vocabulary), vocabulary.unknown)
        mean = float(table.score(valid).mean())
        if not mean >= plain:
            note = "Not tuned: the validation text is more likely under the discounts of ngram, which were kept."
            self.notes = (note, *self.notes)
            return
        self._table = table
        self._tuned = Tuned.of(found, counts, classes)
        before = f"{math.exp(-plain):,.2f}" if np.isfinite(plain) else "∞"
        of_unknown = vocabulary.unknown is not None
        self.notes = (
            f"{'Discounts, strengths and the probability of <unk>' if of_unknown else 'Discounts and strengths'} were"
            f" tuned on the {len(valid):,} tokens of the"
            f" validation text: its perplexity fell from {before} to {math.exp(-mean):,.2f}, so validation figures"
            " are too good for this model.",
            f"Below the unigrams <unk> has the probability {found.unknown:.3g}; the other types share the rest"
            " evenly."
            if of_unknown
            else "Below the unigrams all types have the same probability.",
        )


def _explained(table: BackoffTable, tuned: Tuned, discounts: Sequence[Discounts], text: Encoded) -> Iterator[Exhibit]:
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
    for k, (of_valid, of_train) in enumerate(zip(tuned.discounts, closed, strict=True), 1):
        seen = [(j, d) for j, d in enumerate(of_valid, 1) if d is not None]
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
