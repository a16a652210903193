"""The n-gram model without a limit on the length of its contexts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Self

import numpy as np

from lmcompare import memory
from lmcompare.compiled import compiled
from lmcompare.counts.suffixes import (
    KINDS,
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
from lmcompare.exhibits import Exhibit
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
from lmcompare.models.common.discounts import Discounts, own_and_rest
from lmcompare.models.infinite_gram import estimator, exhibits
from lmcompare.models.infinite_gram.estimator import class_of_level
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary


@compiled
def score(index: Index, values: FloatArray, query: IntArray, places: IntArray) -> FloatArray:
    """(B,) the probabilities of the tokens at B places of a text with start marks.

    Parameters
    ----------
    index : Index
        The contexts of the training text.
    values : FloatArray of shape (CLASSES, 5)
        The discounts and strengths.
    query : IntArray
        The text.
    places : IntArray of shape (B,)
        The places.
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

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self._contexts: Contexts | None = None
        self._discounts: Discounts | None = None
        self._frequencies: FloatArray = np.zeros(0)  # (V,) nats: log-probabilities after the empty context

    def warm_up(self) -> None:
        """Compile or load the loops that index, fit and score, by training a model on a few words."""
        vocabulary = Vocabulary.build([["a", "b"]])
        text = Encoded.from_documents([[2, 3, 1] * fitting.LEAST], vocabulary)
        InfiniteGram().fit(text, text, Setting(vocabulary)).log_probs(text)

    @memory.given_back()
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Index the training text, and fit the discounts to the validation text."""
        self._contexts = Contexts.of(train)
        self._discounts, note = fitting.fit_to(valid, partial(estimator.held_out, self._contexts))
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
        yield from exhibits.exhibits(contexts, fitted(self._discounts, self), rows, text)

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
