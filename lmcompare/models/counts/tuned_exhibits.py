"""How a tuned n-gram model explains itself: its equation at work, and what was tuned beside what train would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lmcompare.exhibits import Curve, Exhibit, WorkedEquation
from lmcompare.models.counts.backoff import BackoffTable
from lmcompare.models.counts.exhibits import (
    Trace,
    backed_off,
    continuations,
    token_to_work_out,
    trace_of,
    words_before,
)
from lmcompare.models.counts.kneser_ney import Discounts
from lmcompare.models.counts.tuned import Tuned
from lmcompare.models.mathml import fraction, lines, name, op, row, sup, total
from lmcompare.tokens import Encoded

_PLAIN = "P(w | h) = (c(h w) − D(h w) + (Σ_v D(h v) + θ) · P(w | h′)) / (Σ_v c(h v) + θ)"
_SAYING = (
    "Trust what followed these very words in training, less a discount; what the discounts save, and θ words more,"
    " goes to what the context without its first word says. The equation is that of Kneser-Ney; how much is taken off"
    " was not worked out from training but chosen so that the held-out text becomes likely."
)


def exhibits(table: BackoffTable, tuned: Tuned, discounts: Sequence[Discounts], text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, the discounts, the strengths, the orders that matched and the back-off traces."""
    if not len(text):
        return
    trace = trace_of(table, text)
    yield _worked(table, tuned, text, trace)
    yield _discounts(tuned, discounts)
    if table.order > 1:
        yield _strengths(tuned)
    yield from backed_off(table, text, trace)


def _equation() -> str:
    def given(what: str, *words: str) -> str:
        return row(name(what), op("("), *words, op(")"))

    w, v, h, shorter = name("w"), name("v"), name("h"), sup(name("h"), op("′"))
    saved = row(op("("), total(v), given("D", h, v), op("+"), name("θ"), op(")"), given("P", w, op("|"), shorter))
    over = row(given("c", h, w), op("−"), given("D", h, w), op("+"), saved)
    under = row(total(v), given("c", h, v), op("+"), name("θ"))
    return lines(row(given("P", w, op("|"), h), op("="), fraction(over, under)))


def _worked(table: BackoffTable, tuned: Tuned, text: Encoded, trace: Trace) -> WorkedEquation:
    """Work the equation out for one token; discount and saved mass are read back from the table's probabilities."""
    at = token_to_work_out(table, text, trace)
    k, token = max(1, int(trace.matched[at])), int(text.ids[at])
    counts = continuations(table, trace, at)
    whole, types = float(counts.sum()), max(1, int(np.count_nonzero(counts)))
    strength = tuned.strength(k, whole / types)
    count, probability = int(trace.counts[k - 1][at]), float(trace.probabilities[k - 1][at])
    if k > 1:
        weight = float(np.exp(table.levels[k - 2].backoff(trace.contexts[k - 1][at : at + 1]))[0])
        lower = float(trace.probabilities[k - 2][at])
    else:
        weight = tuned.weight
        others = (1 - tuned.unknown) / max(1, table.start - 1)
        lower = tuned.unknown if token == text.vocabulary.unknown else others
    own = max(0.0, probability - weight * lower) if count else 0.0
    word, before = text.vocabulary[token], words_before(text, at, k - 1)
    h, shorter = " ".join(before), " ".join(before[1:])
    given, given_shorter = (f" | {h}" if h else ""), (f" | {shorter}" if shorter else "")
    below = f"P({word}{given_shorter})" if k > 1 else f"what is below the unigrams for {word}"
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}'" + (f" after '{h}'." if h else "."),
        equation=_equation(),
        plain=_PLAIN,
        saying=_SAYING,
        lines=(
            (f"c({' '.join([*before, word])}): its count", float(count)),
            ("D: the discount that it takes", count - own * (whole + strength)),
            ("Σ c: the counts of all words" + (f" after '{h}'" if h else ""), whole),
            ("θ: the strength of what the shorter context says", strength),
            ("(c − D) / (Σ c + θ)", own),
            ("(Σ D + θ) / (Σ c + θ)", weight),
            (below, lower),
            (f"P({word}{given})", own + weight * lower),
        ),
    )


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
