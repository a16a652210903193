"""The exhibits of models with a back-off table: the worked equation, the orders that matched, and back-off traces.

The smoothing method provides the equation; this file chooses the prediction for which it is worked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lmcompare.counts.arpa import START
from lmcompare.counts.ngrams import words_before
from lmcompare.counts.table import NATS, NOTHING, BackoffTable
from lmcompare.exhibits import BackoffStep, BackoffTrace, Bars, Exhibit, WorkedEquation
from lmcompare.model import FloatArray
from lmcompare.models.ngram.smoothing import Case, Explanation
from lmcompare.tokens import Encoded, IntArray


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
    trace = _Trace(table, method, text)
    yield trace.worked()
    yield longest_found(trace.matched, table.order)
    for begin, end in zip(text.starts, text.ends, strict=True):
        if begin < end:
            yield BackoffTrace(
                title="How it backed off",
                note="For each token, the longest context that was followed by this token in the training text."
                + method.caution,
                counted=method.counted,
                steps=tuple(trace.step(i) for i in range(int(begin), int(end))),
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
        values=tuple(found.astype(float).tolist()),
        unit="tokens",
    )


class _Trace:
    """The look-ups for each of the N tokens of a text, with 0 … n - 1 words of context.

    ``nodes``, ``counts`` and ``probabilities`` have n arrays (N,): the node of the context, the count of context and
    token (0 if unseen), and the interpolated probability. ``matched``, (N,), is the highest order that was seen, 0
    for a word that does not occur in the training text. ``before``, (N,), is the number of words before each token in
    its sentence, ``<s>`` included.
    """

    def __init__(self, table: BackoffTable, method: Explanation, text: Encoded) -> None:
        self.table, self.method, self.text = table, method, text
        at, words, unigrams = np.arange(len(text)), text.ids.astype(np.int64), table.levels[0]
        self.before = words_before(text, at)
        self.nodes: list[IntArray] = [np.zeros(len(text), np.int64), *table.contexts_at(text, at)]
        self.counts: list[IntArray] = [unigrams.counts[words]]
        self.probabilities: list[FloatArray] = [np.exp(unigrams.log_probs_of(words))]
        self.matched = (self.counts[0] > 0).astype(np.int64)
        for k in range(1, table.order):
            level, context = table.levels[k], self.nodes[k]
            nodes = level.find(context, words)
            found = nodes != NOTHING
            count = np.zeros(len(text), np.int64)
            count[found] = level.counts[nodes[found]]
            weight = table.levels[k - 1].log10_backoff(context) * NATS
            weight[(context == NOTHING) & (self.before >= k)] = math.log(method.unseen)
            probability = self.probabilities[-1] * np.exp(weight)
            probability[found] = np.exp(level.log_probs_of(nodes[found]))
            self.counts.append(count)
            self.probabilities.append(probability)
            self.matched[found] = k + 1

    def contexts(self, at: int) -> list[str]:
        """Return the contexts of 0, 1 … n - 1 words at a position, or fewer at the beginning of a sentence."""
        begin = max(0, at + 1 - int(self.before[at]))
        first = max(begin, at + 1 - self.table.order)  # no context is longer
        words = [self.text.vocabulary[int(i)] for i in self.text.ids[first:at]]
        words = [START, *words] if first == begin else words
        most = min(len(words), self.table.order - 1)
        return [" ".join(words[len(words) - k :]) for k in range(most + 1)]

    def step(self, at: int) -> BackoffStep:
        """Return the step of the back-off trace at a position."""
        contexts = self.contexts(at)
        tried = range(len(contexts))
        return BackoffStep(
            token=self.text.vocabulary[int(self.text.ids[at])],
            matched=int(self.matched[at]),
            contexts=tuple(contexts),
            counts=tuple(int(self.counts[k][at]) for k in tried),
            probabilities=tuple(float(self.probabilities[k][at]) for k in tried),
        )

    def worked(self) -> WorkedEquation:
        """Work the equation for the most instructive token of the first sentence.

        Preferred are tokens without unknown words in the n-gram, predicted from a trigram or an order close to it,
        after the most frequent context. For a method without shorter contexts, tokens seen after their whole context
        are preferred.
        """
        table, method, text = self.table, self.method, self.text

        def order(i: int) -> int:
            whole = min(int(self.before[i]), table.order - 1) + 1
            return whole if method.whole_context else max(1, int(self.matched[i]))

        def worth(i: int) -> tuple[bool, bool, int, int]:
            matched = int(self.matched[i])
            unknown = bool(text.vocabulary.is_unknown(text.ids[max(0, i - matched + 1) : i + 1]).any())
            seen = int(self._continuations(i, order(i)).sum())
            return unknown, method.whole_context and matched < order(i), abs(matched - 3), -seen

        last = int(text.sentence_starts()[1]) if len(text.sentence_starts()) > 1 else len(text)
        at = min(range(last), key=worth)
        k, contexts, word = order(at), self.contexts(at), text.vocabulary[int(text.ids[at])]
        case = Case(
            order=k,
            highest=k == table.order or k - 1 == self.before[at],
            word=word,
            context=contexts[k - 1],
            shorter=contexts[max(0, k - 2)],
            size=table.start,
            count=int(self.counts[k - 1][at]),
            counts=self._continuations(at, k),
            lower=float(self.probabilities[k - 2][at]) if k > 1 else 1.0 / table.start,
            probability=float(self.probabilities[k - 1][at]),
            weight=self._weight(k - 1, at) if k > 1 else None,
        )
        worked = method.lines(case)
        going_on = list(self._further(at, k, f"{worked[-1][0].partition('(')[0]}({word}"))
        longest = f"the longest context it was seen after is '{case.context}'"
        none = "it was never seen after these words"
        after = f" after '{contexts[-1]}': {longest if case.context else none}" if going_on else case.after
        return WorkedEquation(
            title="Its equation",
            note=f"With the trained model's numbers for '{word}'{after}.",
            equation=method.equation,
            saying=method.saying,
            lines=(*worked, *going_on),
        )

    def _further(self, at: int, k: int, name: str) -> Iterator[tuple[str, float]]:
        """Yield the lines from the probability of the k-gram to that of the model, which backs off to it.

        ``name`` is the beginning of "P(word | context)".
        """
        if self.method.whole_context:
            return
        contexts, word = self.contexts(at), self.text.vocabulary[int(self.text.ids[at])]
        longest = len(contexts) - 1
        for length in range(k, longest + 1):
            if self.nodes[length][at] == NOTHING:  # all longer contexts are unseen too
                share = self.method.unseen ** (longest - length + 1)
                yield f"times the back-off weight of '{contexts[-1]}', which was not seen", share
                yield f"{name} | {contexts[-1]})", float(self.probabilities[longest][at])
                return
            share = self._weight(length, at)
            yield f"times the back-off weight of '{contexts[length]}', which '{word}' never followed", share
            yield f"{name} | {contexts[length]})", float(self.probabilities[length][at])

    def _weight(self, length: int, at: int) -> float:
        """Return the back-off weight of the context of this many words at a position."""
        log10 = self.table.levels[length - 1].log10_backoff(self.nodes[length][at : at + 1])
        return float(np.exp(log10 * NATS)[0])

    def _continuations(self, at: int, k: int) -> IntArray:
        """Return the counts of all words seen after the context of k - 1 words at a position."""
        level, context = self.table.levels[k - 1], int(self.nodes[k - 1][at])
        if context == NOTHING:
            return np.zeros(0, np.int64)
        return level.counts[level.offsets[context] : level.offsets[context + 1]]
