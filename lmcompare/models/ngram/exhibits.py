"""How an n-gram model explains itself: its equation with its own numbers, and the orders it backed off through.

The equation is that of its smoothing method; this file finds the prediction for which it is worked out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from latex2mathml.converter import convert

from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.table import BackoffTable, words_before
from lmcompare.exhibits import BackoffStep, BackoffTrace, Bars, Exhibit, WorkedEquation
from lmcompare.model import FloatArray
from lmcompare.models.ngram.smoothing.base import Case, Explanation
from lmcompare.tokens import Encoded, IntArray

START = "<s>"


@dataclass(frozen=True, eq=False)
class _Trace:
    """What was found at each of the N tokens of a text with 0 … n - 1 words of context: n arrays (N,) of each.

    ``contexts``: the context's node; ``counts``: that of context and token, 0 if unseen; ``probabilities``: the
    interpolated probability. ``matched``: (N,) the greatest order seen, 0 for a word that train does not hold.
    """

    contexts: list[IntArray]
    counts: list[IntArray]
    probabilities: list[FloatArray]
    matched: IntArray


def exhibits(table: BackoffTable, method: Explanation, text: Encoded) -> Iterator[Exhibit]:
    """Yield the worked equation, how often each order matched, and a back-off trace of each document of ``text``."""
    if not len(text):
        return
    trace = _trace(table, text, math.log(method.unseen))
    yield _worked(table, method, text, trace)
    yield _bars(table.order, trace)
    for begin, end in zip(text.starts, text.ends, strict=True):
        if begin < end:
            yield BackoffTrace(
                title="How it backed off",
                note="For each token, the longest run of words before it that training had seen go on with it."
                + method.caution,
                counted=method.counted,
                steps=tuple(_step(table.order, text, trace, i) for i in range(int(begin), int(end))),
            )


def _trace(table: BackoffTable, text: Encoded, unseen: float) -> _Trace:
    """``unseen``: nats, the weight for backing off from words that train does not hold."""
    contexts = [np.zeros(len(text), np.int64), *table.contexts_at(text, np.arange(len(text)))]
    words = text.ids.astype(np.int64)
    before = words_before(text, np.arange(len(text)))
    unigrams = table.levels[0]
    counts, probabilities = [unigrams.counts[words]], [np.exp(unigrams.log_probs[words])]
    matched = (counts[0] > 0).astype(np.int64)
    for k in range(2, table.order + 1):
        level, context = table.levels[k - 1], contexts[k - 1]
        nodes = level.find(context, words)
        found = nodes != NOTHING
        count = np.zeros(len(text), np.int64)
        count[found] = level.counts[nodes[found]]
        weight = table.levels[k - 2].backoff(context)
        weight[(context == NOTHING) & (before >= k - 1)] = unseen
        probability = probabilities[-1] * np.exp(weight)
        probability[found] = np.exp(level.log_probs[nodes[found]])
        counts.append(count)
        probabilities.append(probability)
        matched[found] = k
    return _Trace(contexts, counts, probabilities, matched)


def _before(text: Encoded, at: int, most: int) -> list[str]:
    """Return the last words, ``most`` or fewer, of the sentence before a position, from ``<s>`` on."""
    begins = text.sentence_starts()
    begin = int(begins[np.searchsorted(begins, at, side="right") - 1])
    words = [START, *(text.vocabulary[int(i)] for i in text.ids[max(begin, at - most) : at])]
    return words[-most:] if most else []


def _step(order: int, text: Encoded, trace: _Trace, at: int) -> BackoffStep:
    before = _before(text, at, order - 1)
    tried = range(len(before) + 1)
    return BackoffStep(
        token=text.vocabulary[int(text.ids[at])],
        matched=int(trace.matched[at]),
        contexts=tuple(" ".join(before[len(before) - k :]) for k in tried),
        counts=tuple(int(trace.counts[k][at]) for k in tried),
        probabilities=tuple(float(trace.probabilities[k][at]) for k in tried),
    )


def _bars(order: int, trace: _Trace) -> Bars:
    found = np.bincount(trace.matched, minlength=order + 1)
    return Bars(
        title="The longest n-gram found",
        note="How many tokens of the example sentences were predicted from an n-gram of each order; the longer, the"
        " more of the context training had seen before this very token.",
        labels=("not in training", *("the word alone" if k == 1 else f"{k}-gram" for k in range(1, order + 1))),
        values=tuple(float(n) for n in found),
        unit="tokens",
    )


def _worked(table: BackoffTable, method: Explanation, text: Encoded, trace: _Trace) -> WorkedEquation:
    """Work the equation out for the token of the first sentence whose numbers say most.

    That is one predicted from a trigram, or else from an order near to it, after the context seen most often; one
    of known words, if there is any. With a method that knows no shorter contexts, it is one seen after its whole
    context, if there is any.
    """

    def order(i: int) -> int:
        whole = len(_before(text, i, table.order - 1)) + 1
        return whole if method.whole_context else max(1, int(trace.matched[i]))

    def worth(i: int) -> tuple[bool, bool, int, int]:
        matched = int(trace.matched[i])
        unknown = text.vocabulary.unknown in text.ids[max(0, i - matched + 1) : i + 1]
        seen = int(_continuations(table, trace, i, order(i)).sum())
        return unknown, method.whole_context and matched < order(i), abs(matched - 3), -seen

    last = int(text.sentence_starts()[1]) if len(text.sentence_starts()) > 1 else len(text)
    at = min(range(last), key=worth)
    k = order(at)
    word, before = text.vocabulary[int(text.ids[at])], _before(text, at, k - 1)
    case = Case(
        order=k,
        highest=k == table.order or before[:1] == [START],
        word=word,
        context=" ".join(before),
        shorter=" ".join(before[1:]),
        size=table.start,
        count=int(trace.counts[k - 1][at]),
        counts=_continuations(table, trace, at, k),
        lower=float(trace.probabilities[k - 2][at]) if k > 1 else 1.0 / table.start,
        probability=float(trace.probabilities[k - 1][at]),
        weight=float(np.exp(table.levels[k - 2].backoff(trace.contexts[k - 1][at : at + 1]))[0]) if k > 1 else None,
    )
    worked = method.lines(case)
    going_on = list(_further(table, method, text, trace, at, k, worked[-1][0].partition("(")[0]))
    whole = " ".join(_before(text, at, table.order - 1))
    longest = f"'{case.context}' at the longest" if case.context else "none of these words"
    after = f" after '{whole}': training saw it after {longest}" if going_on else case.after
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}'{after}.",
        equation=convert(method.equation.latex, display="block"),
        plain=method.equation.plain,
        saying=method.equation.saying,
        lines=(*worked, *going_on),
    )


def _further(
    table: BackoffTable, method: Explanation, text: Encoded, trace: _Trace, at: int, k: int, letter: str
) -> Iterator[tuple[str, float]]:
    """Yield the lines from the k-gram's figure to the model's, through the contexts that the word did not follow.

    ``letter``: what its figures are called.
    """
    if method.whole_context:
        return
    word, before = text.vocabulary[int(text.ids[at])], _before(text, at, table.order - 1)
    for length in range(k, len(before) + 1):
        context, probability = " ".join(before[len(before) - length :]), float(trace.probabilities[length][at])
        if trace.contexts[length][at] == NOTHING:  # and so are all that are longer
            context, probability = " ".join(before), float(trace.probabilities[len(before)][at])
            share = method.unseen ** (len(before) - length + 1)
            yield f"times what is left after '{context}', which is not in training", share
            yield f"{letter}({word} | {context})", probability
            return
        share = probability / float(trace.probabilities[length - 1][at])
        yield f"times what is left after '{context}', which '{word}' never followed", share
        yield f"{letter}({word} | {context})", probability


def _continuations(table: BackoffTable, trace: _Trace, at: int, k: int) -> IntArray:
    """Return the counts of all words after the context of k - 1 words at ``at``."""
    level, context = table.levels[k - 1], int(trace.contexts[k - 1][at])
    if context == NOTHING:
        return np.zeros(0, np.int64)
    return level.counts[level.offsets[context] : level.offsets[context + 1]]
