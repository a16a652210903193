"""The exhibits of models with a back-off table: the worked equation, the orders that matched, and back-off traces.

The smoothing method provides the equation; this file chooses the prediction for which it is worked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.table import BackoffTable, words_before
from lmcompare.exhibits import BackoffStep, BackoffTrace, Bars, Exhibit, WorkedEquation
from lmcompare.model import FloatArray
from lmcompare.models.ngram.smoothing.base import Case, Explanation
from lmcompare.tokens import Encoded, IntArray

START = "<s>"


@dataclass(frozen=True, eq=False)
class _Trace:
    """The look-ups for each of the N tokens of a text, with 0 … n - 1 words of context.

    ``contexts``, ``counts`` and ``probabilities`` have n arrays (N,): the node of the context, the count of context
    and token (0 if unseen), and the interpolated probability. ``matched``, (N,), is the highest order that was seen,
    0 for a word that does not occur in the training text.
    """

    contexts: list[IntArray]
    counts: list[IntArray]
    probabilities: list[FloatArray]
    matched: IntArray


def exhibits(table: BackoffTable, method: Explanation, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits of a table.

    Parameters
    ----------
    table : BackoffTable
        The trained table.
    method : Explanation
        The method that estimated the table.
    text : Encoded
        The example sentences.

    Yields
    ------
    Exhibit
        The worked equation, the orders that matched, and a back-off trace of each document.
    """
    if not len(text):
        return
    trace = _trace(table, text, math.log(method.unseen))
    yield _worked(table, method, text, trace)
    yield longest_found(trace.matched, table.order)
    for begin, end in zip(text.starts, text.ends, strict=True):
        if begin < end:
            yield BackoffTrace(
                title="How it backed off",
                note="For each token, the longest context that was followed by this token in the training text."
                + method.caution,
                counted=method.counted,
                steps=tuple(_step(table.order, text, trace, i) for i in range(int(begin), int(end))),
            )


def _trace(table: BackoffTable, text: Encoded, unseen: float) -> _Trace:
    """Look up each token of a text; ``unseen`` is the back-off weight of unseen contexts in nats."""
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
    """Return at most ``most`` words of the sentence before a position, ``<s>`` included."""
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


def longest_found(matched: IntArray, order: int, unseen: str = "unseen", where: str = "") -> Bars:
    """Return the number of tokens that were predicted from an n-gram of each order.

    Parameters
    ----------
    matched : IntArray of shape (N,)
        The highest order that was found for each token; 0 if the word itself was not found.
    order : int
        The order of the model.
    unseen : str, default "unseen"
        The label of words that were not found.
    where : str, optional
        Where the n-grams were found, with a leading space.
    """
    found = np.bincount(matched, minlength=order + 1)
    return Bars(
        title="The longest n-gram found",
        note=f"The number of tokens in the example sentences that were predicted from an n-gram of each order{where}."
        " Longer n-grams use more of the context.",
        labels=(unseen, *("the word alone" if k == 1 else f"{k}-gram" for k in range(1, order + 1))),
        values=tuple(float(n) for n in found),
        unit="tokens",
    )


def _worked(table: BackoffTable, method: Explanation, text: Encoded, trace: _Trace) -> WorkedEquation:
    """Work the equation for the most instructive token of the first sentence.

    Preferred are tokens without unknown words in the n-gram, predicted from a trigram or an order close to it, after
    the most frequent context. For a method without shorter contexts, tokens seen after their whole context are
    preferred.
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
    longest = f"the longest context it was seen after is '{case.context}'"
    none = "it was never seen after these words"
    after = f" after '{whole}': {longest if case.context else none}" if going_on else case.after
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{word}'{after}.",
        equation=method.equation,
        saying=method.saying,
        lines=(*worked, *going_on),
    )


def _further(
    table: BackoffTable, method: Explanation, text: Encoded, trace: _Trace, at: int, k: int, letter: str
) -> Iterator[tuple[str, float]]:
    """Yield the lines from the probability of the k-gram to that of the model, which backs off from longer contexts.

    ``letter`` is the name of the function, P or S.
    """
    if method.whole_context:
        return
    word, before = text.vocabulary[int(text.ids[at])], _before(text, at, table.order - 1)
    for length in range(k, len(before) + 1):
        context, probability = " ".join(before[len(before) - length :]), float(trace.probabilities[length][at])
        if trace.contexts[length][at] == NOTHING:  # all longer contexts are unseen too
            context, probability = " ".join(before), float(trace.probabilities[len(before)][at])
            share = method.unseen ** (len(before) - length + 1)
            yield f"times the back-off weight of '{context}', which was not seen", share
            yield f"{letter}({word} | {context})", probability
            return
        share = probability / float(trace.probabilities[length - 1][at])
        yield f"times the back-off weight of '{context}', which '{word}' never followed", share
        yield f"{letter}({word} | {context})", probability


def _continuations(table: BackoffTable, trace: _Trace, at: int, k: int) -> IntArray:
    """Return the counts of all words seen after the context of k - 1 words at a position."""
    level, context = table.levels[k - 1], int(trace.contexts[k - 1][at])
    if context == NOTHING:
        return np.zeros(0, np.int64)
    return level.counts[level.offsets[context] : level.offsets[context + 1]]
