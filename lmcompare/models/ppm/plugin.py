"""Prediction by partial matching as a language model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from lmcompare import memory
from lmcompare.counts.suffixes import KINDS
from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Bars, Exhibit, WorkedEquation
from lmcompare.model import (
    HIGHEST_ORDER,
    Idea,
    LanguageModel,
    PageCopy,
    Progress,
    Setting,
    Size,
    State,
    Stepper,
    Traits,
    check_whole,
    fitted,
    same_vocabulary,
)
from lmcompare.models.common import discounts as fitting
from lmcompare.models.common.discounts import EQUATION, Discounts, Gathered, own_and_rest
from lmcompare.models.common.settings import begin_again, stored
from lmcompare.models.ppm import tables
from lmcompare.models.ppm.tables import Tables
from lmcompare.tokens import Encoded, FloatArray, IntArray, Vocabulary

HELD_OUT = 2**17  # the greatest number of tokens that discounts are fitted to
BLOCK = 2**16  # tokens of a document that are read at a time
NOTHING = -1  # the row of a position whose distribution is not wanted
UNUSED = -2  # in the first column of a journal: the row is not written yet
TELLING = 4  # tokens of the context in the worked equation
_SAYING = (
    "Use the count of the token after this context, less a discount. The discounts and the strength θ together give"
    " the escape: the weight of the shorter context h', which lacks the first token. A token is counted in h' only"
    " until it was seen twice in h. The document is counted, too, as it is read."
)


class PpmStepper(Stepper):
    """A document that grows, with a copy of the tables."""

    def __init__(
        self, counted: Tables, discounts: Discounts, order: int, prefix: IntArray, vocabulary: Vocabulary
    ) -> None:
        vocabulary.check(prefix)
        self._tables = Tables._make(array.copy() for array in counted)
        self._discounts, self._order, self._vocabulary = discounts, order, vocabulary
        self._values = np.array(discounts.values)
        self._ids: IntArray = np.zeros(len(prefix) + 1, np.int32)
        self._wanted: IntArray = np.full(len(self._ids) + 1, NOTHING)
        self._size = 0
        for token in prefix:
            self.push(int(token))

    def log_probs(self) -> FloatArray:
        n, start, rows = self._size, len(self._vocabulary), np.empty((1, len(self._vocabulary)))
        ids, journal, scores = self._ids[:n], np.empty((0, 2), np.int64), np.empty(0)
        self._wanted[n] = 0
        given = (journal, self._values, scores, self._wanted, rows)
        tables.predict(self._tables, ids, n, n, start, self._order, *given)
        self._wanted[n] = NOTHING
        log_rows: FloatArray = np.log(rows, out=rows)
        self._discounts.add_unknown(log_rows, self._vocabulary)
        row: FloatArray = log_rows[0]
        return row

    def push(self, token: int) -> None:
        self._vocabulary.check_one(token)
        if self._size == len(self._ids):
            self._ids = np.resize(self._ids, 2 * self._size)
            self._wanted = np.full(len(self._ids) + 1, NOTHING)
        self._ids[self._size] = token
        self._tables = tables.with_room(self._tables, 1, self._order + 1)
        journal = np.empty((self._order + 2, 2), np.int64)
        start = len(self._vocabulary)
        tables.learn(self._tables, self._ids, self._size, self._size + 1, start, self._order, journal)
        self._size += 1


@dataclass(eq=False)
class Ppm(LanguageModel):
    """Predicts the next token from those after the same context in training and so far in the document.

    Prediction by partial matching (Cleary and Witten 1984): the contexts of the last 0, 1 … ``order`` tokens are
    counted while a text is read, and a token that is new in a longer context is counted in the next shorter one, too
    (update exclusion, Moffat 1990). The escape to the shorter context is that of interpolated Kneser-Ney smoothing,
    with discounts fitted to the validation text. A document is counted while it is read and forgotten at its end, so
    that the model scores a document from its own past. It is meant for bytes and characters; whole distributions over
    many words are slow. ``setting.budget`` has no effect.

    Parameters
    ----------
    order : int, default 10
        The number of tokens in the longest context; 0 to 100.
    """

    idea = Idea(1984, "Cleary and Witten", "Data compression using adaptive coding and partial string matching")
    traits = Traits(carries_state=True)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"order": 6}, "full": {"order": 16}}

    order: int = 10

    def __post_init__(self) -> None:
        check_whole("order", self.order, 0, HIGHEST_ORDER)
        self._types = 0
        self._tables: Tables | None = None
        self._discounts: Discounts | None = None
        self._reading = threading.Lock()  # the tables are written to while a document is read

    def warm_up(self) -> None:
        """Compile or load the loops that count, fit and score, by training a model on a few words."""
        vocabulary = Vocabulary.build([["a", "b"]])
        text = Encoded.from_documents([[2, 3, 1] * fitting.LEAST], vocabulary)
        Ppm(2).fit(text, text, Setting(vocabulary)).log_probs(text)

    @memory.given_back()
    def fit(self, train: Encoded, valid: Encoded, setting: Setting) -> Self:
        """Read the training text, and fit the discounts to the validation text."""
        self._types, self._tables = len(setting.vocabulary), tables.sized(0, 0)
        for document in train.documents():
            ids = _plain(document)
            for first, last in _blocks(len(ids)):
                self._tables = self._with_room(self._tables, last - first)
                journal = self._journal(last - first)  # nobody reads it: no count is undone
                tables.learn(self._tables, ids, first, last, self._types, self.order, journal)
        self._discounts, note = fitting.fit_to(valid, self.held_out)
        self.notes = (note, "It counts each document that it reads, and forgets it at its end.")
        setting.progress(Progress(step=1, steps=1, tokens=len(train)))
        return self

    def title(self) -> str:
        return f"PPM, order {self.order}"

    def next_log_probs(self, text: Encoded, at: IntArray) -> FloatArray:
        """(B, V) float64 nats; rows sum to one."""
        self._check(text.vocabulary)
        at = np.asarray(at, np.int64)
        documents = text.document_of(at)
        rows = np.empty((len(at), self._types))
        for document in np.unique(documents):
            here = np.flatnonzero(documents == document)
            begin, end = (int(text.starts[document]), int(text.ends[document])) if document >= 0 else (0, 0)
            places, which = np.unique(at[here] - begin, return_inverse=True)
            _, found = self._read(text.ids[begin : min(end, begin + int(places[-1]))], places)
            rows[here] = found[which]
        log_rows: FloatArray = np.log(rows, out=rows)
        fitted(self._discounts, self).add_unknown(log_rows, text.vocabulary)
        return log_rows

    def log_probs(self, text: Encoded) -> FloatArray:
        """(N,) float64 nats, by reading each document once."""
        self._check(text.vocabulary)
        scores = [self._read(ids, np.zeros(0, np.int64))[0] for ids in text.documents()]
        probabilities = np.concatenate(scores) if scores else np.zeros(0)
        return fitted(self._discounts, self).log_probs(probabilities, text.vocabulary.is_unknown(text.ids))

    def stepper(self, prefix: IntArray, vocabulary: Vocabulary) -> Stepper:
        """Return a stepper with tables of its own, which are as large as the model's."""
        self._check(vocabulary)
        counted, discounts = fitted(self._tables, self), fitted(self._discounts, self)
        with self._reading:
            return PpmStepper(counted, discounts, self.order, prefix, vocabulary)

    def exhibits(self, text: Encoded) -> Iterable[Exhibit]:
        """Yield the worked equation and the lengths of the contexts."""
        self._check(text.vocabulary)
        if len(text):
            yield from _explained(self.held_out(text), fitted(self._discounts, self), text)

    def in_page(self, valid: Encoded, *, whole: bool = False) -> PageCopy:
        """Refuse: the page's models do not learn from what the reader types."""
        raise LmcompareError("the models of the page do not count what a reader types, as ppm does")

    def size(self) -> Size:
        """Return one parameter for each count and discount."""
        state = self.state()
        parameters = len(state.arrays["counts"]) + state.arrays["discounts"].size
        return Size(parameters=parameters, bytes=sum(array.nbytes for array in state.arrays.values()))

    def state(self) -> State:
        """Return the counts of the training text, and the discounts."""
        discounts = fitted(self._discounts, self)
        with self._reading:
            arrays = tables.packed(fitted(self._tables, self))
        values = {**stored(self), "types": self._types, "unknown": discounts.unknown}
        return State({**arrays, "discounts": discounts.values}, values)

    def restore(self, state: State) -> Self:
        begin_again(self, state)
        self._types = int(state.values["types"])
        self._tables = tables.restored(state.arrays)
        self._discounts = Discounts.from_state(state)
        return self

    def held_out(self, text: Encoded) -> Gathered:
        """Return the counts for the likelihood of a text's first tokens, each document read from its beginning."""
        parts, left = [], HELD_OUT
        for ids in text.documents():
            if len(ids) and left:
                parts.append(self._gather(_plain(ids[:left])))
                left -= len(parts[-1][0])
        levels, counts, sums, classes = (np.concatenate(part) for part in zip(*parts, strict=True))
        unknown = text.vocabulary.is_unknown(text.ids[: len(levels)])
        return Gathered(np.append(0, np.cumsum(levels)), unknown, counts, sums, classes)

    def _gather(self, ids: IntArray) -> tuple[IntArray, ...]:
        parts = []

        def gather(found: Tables, first: int, last: int, journal: IntArray) -> int:
            most = (last - first) * (self.order + 1)
            levels, counts, classes = (np.empty(n, np.int32) for n in (last - first, most, most))
            sums = np.empty((most, KINDS + 1), np.int32)
            size: int = tables.gather(
                found, ids, first, last, self._types, self.order, journal, levels, counts, sums, classes
            )
            n = int(levels.sum())
            parts.append((levels, counts[:n], sums[:n], classes[:n]))
            return size

        self._visit(len(ids), gather)
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def _read(self, ids: IntArray, places: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the probabilities of a document's tokens, (n,), and the distributions at some places, (B, V)."""
        ids, values = _plain(ids), np.array(fitted(self._discounts, self).values)
        wanted, rows = np.full(len(ids) + 1, NOTHING), np.empty((len(places), self._types))
        wanted[places] = np.arange(len(places))
        scores = np.empty(len(ids))

        def predict(found: Tables, first: int, last: int, journal: IntArray) -> int:
            size: int = tables.predict(
                found, ids, first, last, self._types, self.order, journal, values, scores, wanted, rows
            )
            return size

        self._visit(len(ids), predict)
        return scores, rows

    def _visit(self, tokens: int, read: Callable[[Tables, int, int, IntArray], int]) -> None:
        """Read a document in blocks, and undo its counts.

        Where the tables lack room for a block, it is read with a larger copy, which is dropped at the end.
        """
        with self._reading:
            base = self._tables = found = self._with_room(fitted(self._tables, self), min(tokens, BLOCK))
            journals: list[IntArray] = []
            try:
                for first, last in _blocks(tokens):
                    found = self._with_room(found, last - first)
                    journal = self._journal(last - first)
                    journal[:, 0] = UNUSED
                    if found is base:
                        journals.append(journal)  # before the block is read: an interruption must not keep its counts
                    size = read(found, first, last, journal)
                    if found is base:
                        journals[-1] = journal[:size].copy()
            finally:
                for journal in reversed(journals):
                    tables.take_back(base, journal[: np.count_nonzero(journal[:, 0] != UNUSED)])

    def _with_room(self, found: Tables, tokens: int) -> Tables:
        """Return tables with room for this many more tokens: each adds at most a context and ``order`` + 1 pairs."""
        return tables.with_room(found, tokens, tokens * (self.order + 1))

    def _journal(self, tokens: int) -> IntArray:
        return np.empty((tokens * (self.order + 2), 2), np.int64)

    def _check(self, vocabulary: Vocabulary) -> None:
        fitted(self._tables, self)
        same_vocabulary("this ppm model", self._types, vocabulary)


def _blocks(tokens: int) -> Iterator[tuple[int, int]]:
    """Yield where the blocks of a document begin and end; an empty document has one block."""
    for first in range(0, max(1, tokens), BLOCK):
        yield first, min(first + BLOCK, tokens)


def _plain(ids: IntArray) -> IntArray:
    """Return ids as compiled loops take them: int32, one type whether or not they may be written to."""
    return np.array(ids, np.int32)


def _explained(found: Gathered, discounts: Discounts, text: Encoded) -> Iterator[Exhibit]:
    """Yield the exhibits for the example sentences in ``text``; ``found`` has the counts of its first tokens."""
    yield _worked(found, discounts, text)
    places = np.arange(len(found.offsets) - 1)
    since = places - text.context_starts(places)  # tokens of the document before each; the others are start marks
    longest = np.minimum(np.diff(found.offsets) - 1, since)
    yield Bars(
        title="The longest context found",
        note="The tokens of the example sentences, by how many of the tokens before them have occurred together"
        " earlier, in training or in the same sentence.",
        labels=("none", *map(str, range(1, int(longest.max()) + 1))),
        values=tuple(np.bincount(longest).astype(float).tolist()),
        unit="tokens",
    )


def _worked(found: Gathered, discounts: Discounts, text: Encoded) -> WorkedEquation:
    """Work the equation for a token of the first document that followed a context of about ``TELLING`` tokens."""
    end = int(text.ends[text.ends > 0][0])
    known = [int(np.flatnonzero(found.counts[a:b] > 0).max(initial=0)) for a, b in _levels(found)[:end]]
    at = min(range(min(TELLING, end - 1), end), key=lambda i: abs(known[i] - TELLING))
    k, (first, last) = known[at], _levels(found)[at]
    token = text.vocabulary[int(text.ids[at])]
    context = " ".join(text.vocabulary[int(i)] for i in text.ids[max(0, at - k) : at])
    values = discounts.values[found.classes[first + k]]
    p = [1 / len(text.vocabulary)]
    for x in range(first, last):
        own, rest = own_and_rest(found.counts[x], found.sums[x], discounts.values[found.classes[x]])
        p.append(own + rest * p[-1])
    count, sums = int(found.counts[first + k]), found.sums[first + k]
    after = f" | {context}" if context else ""
    lines = [
        (f"c: the count of '{token}' after this context", float(count)),
        ("D: its discount", float(values[min(count, KINDS) - 1]) if count else 0.0),
        ("Σ c: the sum of the counts of all tokens after it", float(sums[0])),
        ("θ: the strength of the shorter context", float(values[KINDS])),
        ("(Σ D + θ) / (Σ c + θ): the escape", float(own_and_rest(0, sums, values)[1])),
        (f"P({token}) after the shorter context" if k else "1 / V: the same for each type", float(p[k])),
        (f"P({token}{after})", float(p[k + 1])),
    ]
    if k + 1 < last - first:
        lines.append((f"P({token}) with all contexts, of {last - first - 1} tokens at most", float(p[-1])))
    if discounts.unknown:
        unknown = bool(text.vocabulary.is_unknown(text.ids[at : at + 1])[0])
        lines += [
            ("λ: the probability of <unk> in advance; P is multiplied by 1 − λ", discounts.unknown),
            (f"P({token})", (1 - discounts.unknown) * float(p[-1]) + discounts.unknown * unknown),
        ]
    return WorkedEquation(
        title="Its equation",
        note=f"With the trained model's numbers for '{token}' after '{context}'.",
        equation=EQUATION,
        saying=_SAYING,
        lines=tuple(lines),
    )


def _levels(found: Gathered) -> list[tuple[int, int]]:
    """Return the range of each token's levels."""
    return list(zip(found.offsets[:-1].tolist(), found.offsets[1:].tolist(), strict=True))
