"""How an n-gram model explains itself: its equation with its own numbers, and the orders it backed off through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.exhibits import BackoffStep, BackoffTrace, Bars, Exhibit, WorkedEquation
from lmcompare.model import FloatArray
from lmcompare.models.counts.backoff import NOTHING, BackoffTable
from lmcompare.models.counts.kneser_ney import Discounts
from lmcompare.tokens import Encoded, IntArray

_EQUATION = (
    '<math display="block"><mrow>'
    "<mi>P</mi><mo>(</mo><mi>w</mi><mo>|</mo><mi>h</mi><mo>)</mo>"
    "<mo>=</mo>"
    "<mfrac>"
    "<mrow><mi>c</mi><mo>(</mo><mi>h</mi><mi>w</mi><mo>)</mo><mo>&#x2212;</mo>"
    "<mi>D</mi><mo>(</mo><mi>c</mi><mo>(</mo><mi>h</mi><mi>w</mi><mo>)</mo><mo>)</mo></mrow>"
    "<mrow><munder><mo>&#x2211;</mo><mi>v</mi></munder><mi>c</mi><mo>(</mo><mi>h</mi><mi>v</mi><mo>)</mo></mrow>"
    "</mfrac>"
    "<mo>+</mo><mi>&#x3B3;</mi><mo>(</mo><mi>h</mi><mo>)</mo>"
    "<mi>P</mi><mo>(</mo><mi>w</mi><mo>|</mo><msup><mi>h</mi><mo>&#x2032;</mo></msup><mo>)</mo>"
    "</mrow></math>"
)
_PLAIN = "P(w | h) = (c(h w) − D(c(h w))) / Σ_v c(h v) + γ(h) · P(w | h′),  γ(h) = Σ_v D(c(h v)) / Σ_v c(h v)"
_SAYING = (
    "Trust what followed these very words in training, less a discount; what the discounts save, γ, goes to what the"
    " context without its first word says. Below the highest order a count is not how often the words occurred but"
    " after how many different words they did: a word that stands in many places is a better guess for a new place."
)


@dataclass(frozen=True, eq=False)
class Trace:
    """What was found at each of the N tokens of a text with 0 … n - 1 words of context: n arrays (N,) of each.

    ``contexts``: the context's node; ``counts``: that of context and token, 0 if unseen; ``probabilities``: the
    interpolated probability. ``matched``: (N,) the greatest order seen, 0 for a word that train does not hold.
    """

    contexts: list[IntArray]
    counts: list[IntArray]
    probabilities: list[FloatArray]
    matched: IntArray


def exhibits(table: BackoffTable, discounts: Sequence[Discounts], text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, how often each order matched, and a back-off trace of each document of ``text``."""
    if not len(text):
        return
    trace = trace_of(table, text)
    yield _worked(table, discounts, text, trace)
    yield from backed_off(table, text, trace)


def backed_off(table: BackoffTable, text: Encoded, trace: Trace) -> Iterator[Exhibit]:
    """Yield how often each order matched, and a back-off trace of each document of ``text``."""
    yield _bars(table.order, trace)
    for begin, end in zip(text.starts, text.ends, strict=True):
        if begin < end:
            yield BackoffTrace(
                title="How it backed off",
                note="For each token, the longest run of words before it that training had seen go on with it.",
                steps=tuple(_step(table.order, text, trace, i) for i in range(int(begin), int(end))),
            )


def trace_of(table: BackoffTable, text: Encoded) -> Trace:
    """Look all tokens of a text up."""
    contexts = [np.zeros(len(text), np.int64), *table.contexts_at(text, np.arange(len(text)))]
    words = text.ids.astype(np.int64)
    unigrams = table.levels[0]
    counts, probabilities = [unigrams.counts[words]], [np.exp(unigrams.log_probs[words])]
    matched = (counts[0] > 0).astype(np.int64)
    for k in range(2, table.order + 1):
        level, context = table.levels[k - 1], contexts[k - 1]
        nodes = level.find(context, words)
        found = nodes != NOTHING
        count = np.zeros(len(text), np.int64)
        count[found] = level.counts[nodes[found]]
        probability = probabilities[-1] * np.exp(table.levels[k - 2].backoff(context))
        probability[found] = np.exp(level.log_probs[nodes[found]])
        counts.append(count)
        probabilities.append(probability)
        matched[found] = k
    return Trace(contexts, counts, probabilities, matched)


def words_before(text: Encoded, at: int, most: int) -> list[str]:
    """Return the last words, ``most`` or fewer, of the sentence before a position, from ``<s>`` on."""
    begins = text.sentence_starts()
    begin = int(begins[np.searchsorted(begins, at, side="right") - 1])
    words = ["<s>", *(text.vocabulary[int(i)] for i in text.ids[max(begin, at - most) : at])]
    return words[-most:] if most else []


def _step(order: int, text: Encoded, trace: Trace, at: int) -> BackoffStep:
    before = words_before(text, at, order - 1)
    tried = range(len(before) + 1)
    return BackoffStep(
        token=text.vocabulary[int(text.ids[at])],
        matched=int(trace.matched[at]),
        contexts=tuple(" ".join(before[len(before) - k :]) for k in tried),
        counts=tuple(int(trace.counts[k][at]) for k in tried),
        probabilities=tuple(float(trace.probabilities[k][at]) for k in tried),
    )


def _bars(order: int, trace: Trace) -> Bars:
    found = np.bincount(trace.matched, minlength=order + 1)
    return Bars(
        title="The longest n-gram found",
        note="How many tokens of the example sentences were predicted from an n-gram of each order; the longer, the"
        " more of the context training had seen before this very token.",
        labels=("not in training", *("the word alone" if k == 1 else f"{k}-gram" for k in range(1, order + 1))),
        values=tuple(float(n) for n in found),
        unit="tokens",
    )


def token_to_work_out(table: BackoffTable, text: Encoded, trace: Trace) -> int:
    """Return the position of the token of the first sentence whose numbers say most.

    That is one predicted from a trigram, or else from an order near to it, after the context seen most often; one
    of known words, if there is any.
    """

    def worth(i: int) -> tuple[bool, int, int]:
        matched = int(trace.matched[i])
        unknown = text.vocabulary.unknown in text.ids[max(0, i - matched + 1) : i + 1]
        return unknown, abs(matched - 3), -int(continuations(table, trace, i).sum())

    last = int(text.sentence_starts()[1]) if len(text.sentence_starts()) > 1 else len(text)
    return min(range(last), key=worth)


def _worked(table: BackoffTable, discounts: Sequence[Discounts], text: Encoded, trace: Trace) -> WorkedEquation:
    at = token_to_work_out(table, text, trace)
    k = max(1, int(trace.matched[at]))
    counts = continuations(table, trace, at)
    total = float(counts.sum())
    count = int(trace.counts[k - 1][at])
    discount = float(discounts[k - 1].of(np.array([count]))[0])
    gamma = float(discounts[k - 1].of(counts).sum()) / total
    lower = float(trace.probabilities[k - 2][at]) if k > 1 else 1.0 / table.start
    word = text.vocabulary[int(text.ids[at])]
    before = words_before(text, at, k - 1)
    h, shorter = " ".join(before), " ".join(before[1:])
    given, given_shorter = (f" | {h}" if h else ""), (f" | {shorter}" if shorter else "")
    what = "how often" if k == table.order or before[:1] == ["<s>"] else "after how many different words"
    lines = [
        (f"c({' '.join([*before, word])}): {what} this stands in training", float(count)),
        ("D: the discount of this count", discount),
        ("Σ c: the counts of all words" + (f" after '{h}'" if h else ""), total),
        ("(c − D) / Σ c", (count - discount) / total),
        ("γ: the discounts of all these counts, over Σ c", gamma),
        (f"P({word}{given_shorter})" if k > 1 else f"1 / V: each of the {table.start:,} types alike", lower),
        (f"γ · P({word}{given_shorter})" if k > 1 else "γ / V", gamma * lower),
        (f"P({word}{given})", (count - discount) / total + gamma * lower),
    ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}'" + (f" after '{h}'." if h else "."),
        equation=_EQUATION,
        plain=_PLAIN,
        saying=_SAYING,
        lines=tuple(lines),
    )


def continuations(table: BackoffTable, trace: Trace, at: int) -> IntArray:
    """Return the counts of all words after the longest context that was seen with the token at ``at``."""
    k = max(1, int(trace.matched[at]))
    level, context = table.levels[k - 1], int(trace.contexts[k - 1][at])
    return level.counts[level.offsets[context] : level.offsets[context + 1]]
