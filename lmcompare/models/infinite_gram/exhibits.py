"""The exhibits of the n-gram model without a limit: its equation, its contexts, and the sources of its guesses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lmcompare.counts.suffixes import (
    END,
    FIRST,
    KINDS,
    LENGTH,
    Contexts,
    count_of,
    marked,
    marked_places,
    new_levels,
    new_room,
    summed,
    walk,
)
from lmcompare.exhibits import Bars, Exhibit, Passage, SourcedGuess, Sources, WorkedEquation
from lmcompare.model import FloatArray
from lmcompare.models.common.discounts import EQUATION, Discounts, own_and_rest
from lmcompare.models.common.sentences import readable
from lmcompare.models.infinite_gram.estimator import class_of_level
from lmcompare.tokens import Encoded, IntArray

SENTENCES = 2
PASSAGES = 2  # passages of the training text for each guess
AROUND = 12  # tokens of a passage before the context and after the word that followed it
MOST_LENGTH = 9  # tokens; contexts from this length on share a bar

_SAYING = (
    "Use the count of the word after this context, less a discount. The discounts together, and the strength θ, go to"
    " the prediction of h', the next shorter context that different words precede. The longest context is the longest"
    " end of the document so far that occurs in the training text, however long it is."
)
_COUNTED = " A word counts at most twice for each different word before the context."


def exhibits(contexts: Contexts, discounts: Discounts, rows: FloatArray, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits for the example sentences in ``text``.

    Parameters
    ----------
    contexts : Contexts
        The contexts of the training text.
    discounts : Discounts
        Their discounts.
    rows : FloatArray of shape (N, V)
        The log-probabilities of the tokens at each of the N positions, in nats.
    text : Encoded
        The sentences, each a document.
    """
    if not len(text):
        return
    traced = [_Traced(contexts, discounts, text, at) for at in range(len(text))]
    sentence = traced[: int(text.ends[text.ends > 0][0])]
    yield max(sentence, key=_Traced.worth).worked()
    yield _lengths(traced)
    for ids in readable(text, SENTENCES):
        first = _place_of(text, ids)
        yield Sources(
            title="Where its guesses come from",
            note="For each word of a sentence, the guess is the most likely known word after the words before. Beside"
            " it are places of the training text where the guess follows the longest context after which it occurs"
            " there; this context is in italics.",
            guesses=tuple(traced[at].guess(rows[at]) for at in range(first, first + len(ids))),
        )


def _place_of(text: Encoded, ids: IntArray) -> int:
    """Return the position at which the first document with these first tokens begins."""
    return next(
        int(s) for s, d in zip(text.starts, text.documents(), strict=True) if np.array_equal(d[: len(ids)], ids)
    )


def _lengths(traced: list[_Traced]) -> Bars:
    lengths = [min(int(t.levels[-1, LENGTH]), MOST_LENGTH) for t in traced]
    return Bars(
        title="The longest context found",
        note="The tokens of the example sentences, by how many of the tokens before them occur together in the"
        " training text.",
        labels=("none", *map(str, range(1, MOST_LENGTH)), f"{MOST_LENGTH} and more"),
        values=tuple(np.bincount(lengths, minlength=MOST_LENGTH + 1).astype(float).tolist()),
        unit="tokens",
    )


class _Traced:
    """The levels before one position of a text, and the tokens that followed them in the training text.

    ``levels``, (n, 5), are those of ``walking``.
    """

    def __init__(self, contexts: Contexts, discounts: Discounts, text: Encoded, at: int) -> None:
        self.index, self.discounts, self.text, self.at = contexts.index, discounts, text, at
        levels = new_levels()
        place = int(marked_places(text, np.array([at]))[0])
        self.levels = levels[: walk(self.index, marked(text), place, levels)]
        self.word = int(text.ids[at])
        self.counts = [self.count(k, self.word) for k in range(len(self.levels))]

    def count(self, k: int, word: int) -> tuple[int, IntArray]:
        """Return the count of a word at level k, and the sums there as ``walking.summed`` writes them."""
        room, sums = new_room(), np.zeros(KINDS + 1, np.int32)
        distinct = summed(self.index, self.levels[k], room, sums)
        return count_of(self.index, self.levels[k], room, distinct, word), sums

    def words(self, ids: IntArray) -> str:
        """Return the words of some tokens, with ``<s>`` for the start marks."""
        types = len(self.text.vocabulary)
        return " ".join("<s>" if i == types else self.text.vocabulary[int(i)] for i in ids)

    def context(self, k: int) -> str:
        """Return the words of the context at level k."""
        place = int(self.index.places[self.levels[k, FIRST]])
        return self.words(self.index.words[place - self.levels[k, LENGTH] : place])

    def longest(self, word: int) -> int:
        """Return the last level after which a word occurs; 0 if there is no such level."""
        return max((k for k in range(len(self.levels)) if self.count(k, word)[0]), default=0)

    def worth(self) -> tuple[bool, float]:
        """Return how instructive the equation is for this token: best is a known word after about two words."""
        k = self.longest(self.word)
        return not self.text.vocabulary.is_unknown(np.array([self.word])).any(), -abs(int(self.levels[k, LENGTH]) - 2)

    def worked(self) -> WorkedEquation:
        """Work the equation for the longest context that the word followed, and go on to the longest of all."""
        k, word = self.longest(self.word), self.text.vocabulary[self.word]
        context, shorter = self.context(k), self.context(k - 1) if k else ""
        after = f" | {context}" if context else ""
        below = 1 / len(self.text.vocabulary)
        probabilities, weights = [below], []
        for level, (count, sums) in zip(self.levels, self.counts, strict=True):
            own, rest = own_and_rest(count, sums, self.discounts.values[class_of_level(level, sums)])
            probabilities.append(own + rest * probabilities[-1])
            weights.append(rest)
        count, sums = self.counts[k]
        values = self.discounts.values[class_of_level(self.levels[k], sums)]
        lines = [
            (f"c({f'{context} {word}'.strip()}): its count", float(count)),
            ("D: its discount", float(values[min(count, KINDS) - 1]) if count else 0.0),
            ("Σ c: the sum of the counts of all words after the context", float(sums[0])),
            ("θ: the strength of the shorter context", float(values[KINDS])),
            ("(Σ D + θ) / (Σ c + θ): the weight of the shorter context", float(weights[k])),
            (
                f"P({word}{f' | {shorter}' if shorter else ''})" if k else "1 / V: the same for each type",
                float(probabilities[k]),
            ),
            (f"P({word}{after})", float(probabilities[k + 1])),
        ]
        for j in range(k + 1, len(self.levels)):
            lines += [
                (f"times the weight of levels below '{self.context(j)}', which '{word}' never followed", weights[j]),
                (f"P({word} | {self.context(j)})", float(probabilities[j + 1])),
            ]
        if share := self.discounts.unknown:
            given = share * float(self.text.vocabulary.is_unknown(np.array([self.word]))[0])
            lines += [
                ("λ: the probability of <unk> in advance; P is multiplied by 1 − λ", share),
                (f"P({word})", (1 - share) * float(probabilities[-1]) + given),
            ]
        return WorkedEquation(
            title="Its equation",
            note=f"With the trained model's numbers for '{word}' after '{self.context(len(self.levels) - 1)}'."
            + _COUNTED,
            equation=EQUATION,
            saying=_SAYING,
            lines=tuple(lines),
        )

    def guess(self, row: FloatArray) -> SourcedGuess:
        """Return the most likely word of a distribution, (V,) nats, that is not ``<unk>``, with its passages."""
        known = np.flatnonzero(~self.text.vocabulary.is_unknown(np.arange(len(row))))
        guess = int(known[np.argmax(row[known])])
        level = self.levels[self.longest(guess)]
        places = self.index.places[level[FIRST] : level[END]]
        found = places[self.index.words[places] == guess]
        return SourcedGuess(
            token=self.text.vocabulary[self.word],
            guess=self.text.vocabulary[guess],
            probability=float(np.exp(row[guess])),
            followed=len(found),
            occurs=len(places),
            passages=tuple(self._passage(int(p), int(level[LENGTH])) for p in np.sort(found)[:PASSAGES]),
        )

    def _passage(self, place: int, length: int) -> Passage:
        """Return the passage around a place of the training text, within its document."""
        words, start = self.index.words, len(self.text.vocabulary)
        before = words[max(0, place - length - AROUND) : place - length]
        after = words[place + 1 : place + 1 + AROUND]
        marks_before, marks_after = np.flatnonzero(before == start), np.flatnonzero(after == start)
        if len(marks_before):
            before = before[marks_before[-1] :]
        if (words[place - length : place] == start).any():
            before = before[:0]
        if len(marks_after):
            after = after[: marks_after[0]]
        context = words[place - length : place]
        return Passage(
            before=self.words(before),
            context=self.words(context),
            next=self.words(words[place : place + 1]),
            after=self.words(after),
        )
