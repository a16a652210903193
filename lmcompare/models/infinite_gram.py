"""The n-gram model without a limit on the length of its contexts, over an index of the training text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Self

import numpy as np

from lmcompare import memory
from lmcompare.compiled import compiled
from lmcompare.counts.suffixes import (
    BRANCH,
    END,
    FIRST,
    KINDS,
    LENGTH,
    NODE,
    Contexts,
    Index,
    count_of,
    marked,
    marked_places,
    new_levels,
    new_room,
    summed,
    walk,
)
from lmcompare.counts.table import read_only
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Bars, Exhibit, Passage, SourcedGuess, Sources, WorkedEquation
from lmcompare.model import (
    Idea,
    LanguageModel,
    PageCopy,
    Progress,
    Setting,
    Size,
    State,
    Stepper,
    Traits,
    fitted,
    same_vocabulary,
)
from lmcompare.models.common import discounts as fitting
from lmcompare.models.common.discounts import EQUATION, Discounts, Gathered, class_of, own_and_rest
from lmcompare.models.common.sentences import readable
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

HELD_OUT = 2**16  # the greatest number of tokens that discounts are fitted to
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


def held_out(contexts: Contexts, text: Encoded) -> Gathered:
    """Return the counts that the likelihood of a held-out text needs; of evenly spaced tokens if it is long."""
    return gather(contexts, text, np.linspace(0, len(text) - 1, min(len(text), HELD_OUT)).astype(np.int64))


def gather(contexts: Contexts, text: Encoded, at: IntArray) -> Gathered:
    """Return the counts that the likelihood of the tokens at B positions of a text needs."""
    query, places = marked(text), marked_places(text, at)
    offsets = np.zeros(len(at) + 1, np.int64)
    room = 8 * len(at)
    while True:
        counts, classes = np.empty(room, np.int32), np.empty(room, np.int32)
        sums = np.empty((room, KINDS + 1), np.int32)
        size = _gather(contexts.index, query, places, offsets, counts, sums, classes)
        if size <= room:
            return Gathered(
                offsets, text.vocabulary.is_unknown(text.ids[at]), counts[:size], sums[:size], classes[:size]
            )
        room = size


@compiled
def class_of_level(level: IntArray, sums: IntArray) -> int:
    """Return the class of a level with these ``sums``, as ``walking.summed`` writes them."""
    followers = 0
    for i in range(1, len(sums)):
        followers += sums[i]
    return class_of(level[LENGTH], level[BRANCH] != level[LENGTH], followers)


@compiled
def _gather(
    index: Index,
    query: IntArray,
    places: IntArray,
    offsets: IntArray,
    counts: IntArray,
    sums: IntArray,
    classes: IntArray,
) -> int:
    """Write the arrays of ``Gathered`` as far as there is room for them, and return the number of levels."""
    levels, room, n = new_levels(), new_room(), 0
    found = np.zeros(KINDS + 1, np.int32)
    for b in range(len(places)):
        for level in levels[: walk(index, query, places[b], levels)]:
            if n < len(counts):
                distinct = summed(index, level, room, found)
                counts[n] = count_of(index, level, room, distinct, query[places[b]])
                sums[n] = found
                classes[n] = class_of_level(level, found)
            n += 1
        offsets[b + 1] = n
    return n


@compiled
def score(index: Index, values: FloatArray, query: IntArray, places: IntArray) -> FloatArray:
    """(B,) the probabilities of the tokens at B places of a text with start marks, ``query``.

    ``values``, (CLASSES, 5), are the discounts and strengths.
    """
    levels, room, sums = new_levels(), new_room(), np.zeros(KINDS + 1, np.int32)
    scores = np.empty(len(places))
    for b in range(len(places)):
        p = 1 / (len(index.first) - 2)
        for level in levels[: walk(index, query, places[b], levels)]:
            distinct = summed(index, level, room, sums)
            count = count_of(index, level, room, distinct, query[places[b]])
            own, rest = own_and_rest(count, sums, values[class_of_level(level, sums)])
            p = own + rest * p
        scores[b] = p
    return scores


@compiled
def fill(
    index: Index, values: FloatArray, frequencies: FloatArray, query: IntArray, places: IntArray, rows: FloatArray
) -> None:
    """Write the distributions after B places of a text with start marks into ``rows``, (B, V), in nats.

    ``frequencies``, (V,), are the log-probabilities after the empty context. A row is these times the weight of the
    empty context; only the tokens that followed a longer context have more.
    """
    levels, room, sums = new_levels(), new_room(), np.zeros(KINDS + 1, np.int32)
    more, seen = np.zeros(rows.shape[1]), np.empty(rows.shape[1], np.int32)
    for b in range(len(places)):
        n = walk(index, query, places[b], levels)
        weight, n_seen = 1.0, 0
        for k in range(n - 1, 0, -1):
            level = levels[k]
            distinct = summed(index, level, room, sums)
            of_class = values[class_of_level(level, sums)]
            first = index.offsets[level[NODE]] if distinct < 0 else 0
            end = index.offsets[level[NODE] + 1] if distinct < 0 else distinct
            for i in range(first, end):
                word = index.following[i] if distinct < 0 else room[0, i]
                count = index.counts[i] if distinct < 0 else room[1, i]
                if more[word] == 0.0 and n_seen < len(seen):
                    seen[n_seen] = word
                    n_seen += 1
                more[word] += weight * own_and_rest(count, sums, of_class)[0]
            weight *= own_and_rest(0, sums, of_class)[1]
        row, shift = rows[b], np.log(weight)
        for word in range(len(row)):
            row[word] = frequencies[word] + shift
        for i in range(n_seen):
            word = seen[i]
            row[word] = np.log(more[word] + weight * np.exp(frequencies[word]))
            more[word] = 0.0


@compiled
def after_nothing(index: Index, values: FloatArray) -> FloatArray:
    """(V,) nats: the log-probabilities after the empty context."""
    probabilities = np.zeros(len(index.first) - 2)
    of_class = values[class_of_level(np.zeros(5, np.int32), index.sums[0])]
    for i in range(index.offsets[1]):
        probabilities[index.following[i]] = own_and_rest(index.counts[i], index.sums[0], of_class)[0]
    probabilities += own_and_rest(0, index.sums[0], of_class)[1] / len(probabilities)
    return np.log(probabilities)


class InfiniteGram(LanguageModel):
    """Predicts the next word from what followed the longest end of its context that occurs in the training text.

    An n-gram model without a limit on n (Liu et al. 2024), over a suffix array of the training text. It is
    interpolated with all shorter contexts that different words precede, as in Kneser-Ney smoothing, so that every
    word is possible. The discounts depend on the length of the context and on how many different words followed it,
    and are fitted to the validation text. The context reaches back to the beginning of the document, across
    sentences. ``setting.budget`` has no effect.
    """

    idea = Idea(
        2024,
        "Liu, Min, Zettlemoyer, Choi and Hajishirzi",
        "Infini-gram: scaling unbounded n-gram language models to a trillion tokens",
    )
    traits = Traits(carries_state=True)

    _contexts: Contexts | None = None
    _discounts: Discounts | None = None
    _frequencies: FloatArray = np.zeros(0)  # (V,) nats: log-probabilities after the empty context

    def warm_up(self) -> None:
        """Compile or load the loops that index, fit and score, by training a model on a few words."""
        vocabulary = Vocabulary.build([["a", "b"]])
        text = Encoded.from_documents([[2, 3, 1] * fitting.LEAST], vocabulary)
        InfiniteGram().fit(text, text, Setting(vocabulary)).log_probs(text)

    @memory.given_back()
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Index the training text, and fit the discounts to the validation text."""
        self._contexts = Contexts.of(train)
        self._discounts, note = fitting.fit_to(valid, partial(held_out, self._contexts))
        self._frequencies = self._of_empty_context()
        unknown = setting.vocabulary.unknown
        lacks_unknown = unknown is not None and not self._discounts.unknown and not (train.ids == unknown).any()
        of_unknown = "<unk> does not occur in the training text: its probability is that of any unseen word."
        self.notes = (note, *([of_unknown] if lacks_unknown else []))
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def title(self) -> str:
        return "∞-gram"

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one."""
        contexts = self._for(text.vocabulary)
        return self._rows(contexts, text.vocabulary, marked(text), marked_places(text, at))

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by one walk through the contexts per token."""
        contexts, discounts = self._for(text.vocabulary), fitted(self._discounts, self)
        places = marked_places(text, np.arange(len(text)))
        scores = score(contexts.index, read_only(discounts.values), marked(text), places)
        return discounts.log_probs(scores, text.vocabulary.is_unknown(text.ids))

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper that walks through the contexts once for each distribution."""
        return _Stepper(self, prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation, the lengths of the contexts, and their places in the training text."""
        contexts, rows = self._for(text.vocabulary), self.next_log_probs(text, np.arange(len(text)))
        yield from _explained(contexts, fitted(self._discounts, self), rows, text)

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Refuse: the page counts n-grams of a fixed order, within sentences."""
        raise LmcompareError("the page counts n-grams of a fixed order within sentences, not contexts of any length")

    def size(self) -> Size:
        """Return one parameter for each token of the training text and each stored count and discount."""
        contexts, discounts = fitted(self._contexts, self), fitted(self._discounts, self)
        parameters = len(contexts) + len(contexts.arrays["counts"]) + discounts.values.size
        return Size(parameters=parameters, bytes=sum(array.nbytes for array in self.state().arrays.values()))

    def state(self) -> State:
        """Return the index of the training text, and the discounts."""
        contexts, discounts = fitted(self._contexts, self), fitted(self._discounts, self)
        values = {"types": contexts.types, "unknown": discounts.unknown, "notes": list(self.notes)}
        return State({**contexts.arrays, "discounts": discounts.values}, values)

    def restore(self, state: State) -> Self:
        """Restore the model. The index may be in a file that is mapped into memory."""
        self._discounts = Discounts.from_state(state)
        self._contexts = Contexts.from_arrays(state.arrays, int(state.values["types"]))
        self._frequencies = self._of_empty_context()
        self.notes = tuple(state.values["notes"])
        return self

    def _rows(self, contexts: Contexts, vocabulary: Vocabulary, query: IntArray, places: IntArray) -> FloatArray:
        discounts = fitted(self._discounts, self)
        rows = np.empty((len(places), contexts.types))
        fill(contexts.index, read_only(discounts.values), self._frequencies, query, places, rows)
        discounts.add_unknown(rows, vocabulary)
        return rows

    def _of_empty_context(self) -> FloatArray:
        """(V,) nats: the log-probabilities after the empty context."""
        contexts, discounts = fitted(self._contexts, self), fitted(self._discounts, self)
        nats: FloatArray = after_nothing(contexts.index, read_only(discounts.values))
        return nats

    def _for(self, vocabulary: Vocabulary) -> Contexts:
        contexts = fitted(self._contexts, self)
        same_vocabulary("this infinite-gram model", contexts.types, vocabulary)
        return contexts


class _Stepper(Stepper):
    def __init__(self, model: InfiniteGram, prefix: IntArray, vocabulary: Vocabulary) -> None:
        self._model, self._vocabulary = model, vocabulary
        self._contexts = model._for(vocabulary)
        query = marked(Encoded.from_documents([prefix], vocabulary))
        self._size = len(query)
        self._query: IntArray = np.resize(query, 2 * self._size)

    def log_probs(self) -> FloatArray:
        row: FloatArray = self._model._rows(self._contexts, self._vocabulary, self._query, np.array([self._size]))[0]
        return row

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        if self._size == len(self._query):
            self._query = np.resize(self._query, 2 * self._size)
        self._query[self._size] = token
        self._size += 1


def _explained(contexts: Contexts, discounts: Discounts, rows: FloatArray, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits for the example sentences in ``text``; ``rows``, (N, V), are the nats at each position."""
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
