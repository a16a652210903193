"""Finds contamination: held-out documents that also occur in the training text as copies, near copies or passages.

Near copies are found as in Broder (1997), "On the resemblance and containment of documents", without sampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.document import Piece, Repeat
from lmcompare.corpora.words import batches, numbered_words
from lmcompare.scratch import ScratchFile

HashArray = npt.NDArray[np.uint64]
IntArray = npt.NDArray[np.integer[Any]]

PASSAGE = 8  # words: longer runs hardly ever occur twice by chance
MUCH = 0.5  # a document is listed if the training text has this share of its passages
SHINGLE = 3  # words: with every seventh word changed, four of seven such runs are still the same
ALIKE = 0.4  # the share of a document's shingles that a near copy has in common with one training document
ALIKE_BACK = 0.2  # the same as a share of that training document's: a line is no near copy of its book
LEAST = 10  # shingles: a document with fewer is never a near copy
HOLDERS = 20  # training documents that are compared for each shingle, the first ones: some phrases are very common
LISTED = 3
BATCH = 1 << 22  # characters of the training text that are compared at a time
HELD_OUT = 1 << 24  # characters of held-out documents that are compared at a time: each word takes 40 bytes
TOGETHER = 1 << 20  # hashes that are looked up at a time
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # an odd number whose bits look random
_EMPTY = hash(b"")
_BITS = 24
_REST = np.uint64(64 - _BITS)


RULE = (
    "A held-out document is in the training text word for word if it has the words of a training document, whatever"
    f" their case; almost so if {ALIKE:.0%} or more of its runs of {SHINGLE} words are in one training document of"
    f" about its size; and in long passages if {MUCH:.0%} or more of its runs of {PASSAGE} words are in the training"
    " text."
)


def repeats(split: Mapping[str, Sequence[Piece]]) -> dict[str, list[Repeat | None]]:
    """Return how each held-out document repeats the training text; None if it does not, and for training documents.

    A *copy* has the words of a training document, in lower case. A *near copy* shares ``ALIKE`` of its runs of
    ``SHINGLE`` words with one training document of about its size. Of the *passages* of a document, runs of
    ``PASSAGE`` words, ``MUCH`` or more occur somewhere in the training text.
    """
    groups = list(_groups([*split["valid"], *split["test"]], HELD_OUT))
    train = _Training(split["train"], again=len(groups) > 1)
    of_all = [repeat for group in groups for repeat in _repeats_of(group, train)]
    valid = len(split["valid"])
    return {"train": [None] * len(split["train"]), "valid": of_all[:valid], "test": of_all[valid:]}


def _repeats_of(pieces: Sequence[Piece], train: Iterable[_Texts]) -> list[Repeat | None]:
    """Return how each of some held-out documents repeats the training text."""
    held_out = _Texts.of(pieces)
    wanted = _Table(np.unique(np.concatenate([hashes for hashes, _ in held_out.different(PASSAGE)])))
    seen = np.zeros(len(wanted.hashes), np.bool_)
    near = _NearCopies(held_out)
    whole = set(held_out.whole) - {_EMPTY}
    copied: dict[int, str] = {}  # the first training document with these words, by their hash
    for texts in train:
        for words, name in zip(texts.whole, texts.names, strict=True):
            if words in whole:
                copied.setdefault(words, name)
        seen[wanted.find(*texts.runs(PASSAGE))[0]] = True
        near.look_at(texts)

    size = len(held_out.whole)
    passages, known = np.zeros((2, size), np.int64)
    for hashes, document in held_out.different(PASSAGE):
        passages += np.bincount(document, minlength=size)
        known += np.bincount(document[seen[np.searchsorted(wanted.hashes, hashes)]], minlength=size)
    share_of = known / passages.clip(1)

    def found(document: int) -> Repeat | None:
        if (of := copied.get(held_out.whole[document])) is not None:
            return Repeat("copy", 1.0, of)
        if near.share[document]:
            return Repeat("near copy", float(near.share[document]), near.of[document])
        share = float(share_of[document])
        return Repeat("passages", share) if share >= MUCH else None

    return [found(document) for document in range(size)]


@dataclass(frozen=True)
class _Texts:
    """D documents as 64-bit hashes of their N words in lower case.

    ``document`` (N,) is that of each word, ``whole`` a hash of all words of each document.
    """

    words: HashArray
    document: IntArray
    whole: list[int]
    names: list[str]

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> _Texts:
        hashes, lengths = [np.zeros(0, np.int64)], np.zeros(len(pieces), np.int64)
        for batch in batches(piece.text for piece in pieces):
            words, which, sizes = numbered_words([part.lower() for _, part in batch])
            hashes.append(np.fromiter(map(hash, words), np.int64, len(words))[which])
            np.add.at(lengths, [n for n, _ in batch], sizes)
        joined = np.concatenate(hashes)
        whole = [hash(words.tobytes()) for words in np.split(joined, np.cumsum(lengths)[:-1])][: len(pieces)]
        document = np.repeat(np.arange(len(pieces), dtype=np.int32), lengths)
        return cls(joined.view(np.uint64), document, whole, [piece.name for piece in pieces])

    def runs(self, width: int, part: slice = slice(None)) -> tuple[HashArray, IntArray]:
        """Return a hash of each run of ``width`` words, (R,), and its document, (R,), for all words or a part of
        them.
        """
        words, document = self.words[part], self.document[part]
        last = len(words) - width + 1
        if last <= 0:
            return np.zeros(0, np.uint64), np.zeros(0, np.int32)
        hashes = words[:last].copy()
        for k in range(1, width):
            hashes *= _FACTOR
            hashes += words[k : k + last]
        if document[0] == document[-1]:
            return hashes, document[:last]
        within = document[:last] == document[width - 1 :]
        return hashes[within], document[:last][within]

    def different(self, width: int) -> Iterator[tuple[HashArray, IntArray]]:
        """Yield the runs of documents that follow each other without those that their document has before."""
        for part in _parts(self.document, np.arange(1, len(self.document) + 1)):
            hashes, document = self.runs(width, part)
            order = np.lexsort((hashes, document))
            hashes, document = hashes[order], document[order]
            new = np.append(True, (hashes[1:] != hashes[:-1]) | (document[1:] != document[:-1]))[: len(hashes)]
            yield hashes[new], document[new]


class _Table:
    """Hashes in rising order, in which others are looked up."""

    def __init__(self, hashes: HashArray) -> None:
        self.hashes = hashes
        self._may_be = np.zeros(1 << _BITS, np.bool_)  # by the first bits: most of the others are ruled out at once
        self._may_be[hashes >> _REST] = True

    def find(self, hashes: HashArray, document: IntArray) -> tuple[IntArray, IntArray]:
        """Return which of the hashes (R,) are in the table, as places in it, and the documents (R,) of these hashes.

        Each pair of a place and a document is returned once, in rising order.
        """
        size = int(document.max(initial=0)) + 1
        found = [np.zeros(0, np.int64)]
        for start in range(0, len(hashes) if len(self.hashes) else 0, TOGETHER):
            some, of = hashes[start : start + TOGETHER], document[start : start + TOGETHER]
            maybe = np.flatnonzero(self._may_be[some >> _REST])
            place = np.searchsorted(self.hashes, some[maybe]).clip(max=len(self.hashes) - 1)
            known = self.hashes[place] == some[maybe]
            found.append(np.unique(place[known] * size + of[maybe[known]]))
        pairs = np.unique(np.concatenate(found))
        return pairs // size, pairs % size


class _NearCopies:
    """The greatest ``share`` (D,) of the shingles of each held-out document in one training document, ``of``."""

    def __init__(self, held_out: _Texts) -> None:
        parts = list(held_out.different(SHINGLE))
        hashes, document = (np.concatenate(each) for each in zip(*parts, strict=True))
        del parts
        self._size = len(held_out.whole)
        self._shingles = np.bincount(document, minlength=self._size)  # (D,) of each held-out document
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        self._table = _Table(hashes[starts])  # S different shingles
        self._documents = document[order]  # documents with the first shingle, then those with the second, …
        self._starts = np.append(starts, len(hashes)).astype(np.int32)
        self._holders = np.zeros(len(starts), np.int32)  # training documents so far with each shingle
        self.share = np.zeros(self._size)
        self.of = [""] * self._size

    def look_at(self, train: _Texts) -> None:
        """Compare the next training documents."""
        hashes, document = train.runs(SHINGLE)
        place, of = self._table.find(hashes, document)
        earlier = np.arange(len(place)) - np.searchsorted(place, place)
        first = self._holders[place] + earlier < HOLDERS
        held, more = np.unique(place, return_counts=True)
        self._holders[held] += more.astype(np.int32)
        place, of = place[first], of[first]
        order = np.argsort(of, kind="stable")
        place, of = place[order], of[order]
        number = (self._starts[place + 1] - self._starts[place]).astype(np.int64)  # held-out documents with it
        for part in _parts(of, np.cumsum(number)):
            self._compare(train, hashes, document, place[part], of[part], number[part])

    def _compare(
        self, train: _Texts, hashes: HashArray, document: IntArray, place: IntArray, of: IntArray, number: IntArray
    ) -> None:
        """Compare the training documents ``of`` by their shingles, at ``place`` in the table, (n,) each."""
        offset = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        held_out = self._documents[np.repeat(self._starts[place], number) + offset]
        pair, count = np.unique(np.repeat(of, number) * self._size + held_out, return_counts=True)
        mine, theirs = pair % max(self._size, 1), pair // max(self._size, 1)
        share = count / self._shingles[mine]
        for n in np.flatnonzero((share >= ALIKE) & (self._shingles[mine] >= LEAST) & (share > self.share[mine])):
            start, end = np.searchsorted(document, [theirs[n], theirs[n] + 1])
            back = ALIKE_BACK * len(np.unique(hashes[start:end]))
            if count[n] >= back and share[n] > self.share[mine[n]]:
                self.share[mine[n]], self.of[mine[n]] = share[n], train.names[theirs[n]]


class _Training:
    """The training documents, batch by batch, as often as they are asked for.

    Their words are hashed once: if they are asked for ``again``, the hashes are kept in a file.
    """

    def __init__(self, pieces: Sequence[Piece], *, again: bool) -> None:
        self._pieces, self._file = pieces, ScratchFile() if again else None
        self._kept: list[tuple[int, IntArray, _Texts]] = []  # the place, sizes and rest of each batch

    def __iter__(self) -> Iterator[_Texts]:
        if self._kept and self._file is not None:
            for begin, lengths, rest in self._kept:
                words = np.frombuffer(self._file.read(begin, 8 * int(lengths.sum())), np.uint64)
                yield replace(rest, words=words, document=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths))
            return
        for group in _groups(self._pieces, BATCH):
            texts = _Texts.of(group)
            if self._file is not None:
                begin = self._file.append(texts.words.view(np.uint8).data)
                lengths = np.bincount(texts.document, minlength=len(group))
                rest = replace(texts, words=np.zeros(0, np.uint64), document=np.zeros(0, np.int32))
                self._kept.append((begin, lengths, rest))
            yield texts


def _groups(pieces: Sequence[Piece], most: int) -> Iterator[list[Piece]]:
    """Yield the documents in groups of about ``most`` characters; one group at least."""
    group: list[Piece] = []
    size = 0
    for piece in pieces:
        group.append(piece)
        size += len(piece.text)
        if size >= most:
            yield group
            group, size = [], 0
    if group or not pieces:
        yield group


def _parts(document: IntArray, upto: IntArray) -> Iterator[slice]:
    """Yield slices of rows that cost about ``TOGETHER`` each and do not divide a document; at least one slice.

    ``document``: (N,) the document of each row, in rising order. ``upto``: (N,) the cost of all rows up to each one.
    """
    first = 0
    while first < len(document) or first == 0:
        limit = TOGETHER + (int(upto[first - 1]) if first else 0)
        last = int(np.searchsorted(upto, limit, side="right"))
        if last < len(document):  # the next row belongs to the same document or a later one
            begin = int(np.searchsorted(document, document[last]))
            last = begin if begin > first else int(np.searchsorted(document, document[first], side="right"))
        yield slice(first, last)
        first = max(last, 1)


def repeats_noted(split: Mapping[str, Sequence[Piece]], found: Mapping[str, Sequence[Repeat | None]]) -> list[str]:
    """Return a sentence for each split with documents that repeat train, which counts and names them."""
    meaning = {
        "copy": "word for word",
        "near copy": f"nearly so, with {100 * ALIKE:.0f} % or more of their runs of {SHINGLE} words in one document",
        "passages": f"in passages, with half or more of their runs of {PASSAGE} words",
    }
    notes = []
    for which, of_documents in found.items():
        named = [(r, piece.name) for r, piece in zip(of_documents, split[which], strict=True) if r is not None]
        if not named:
            continue
        parts = []
        for kind, words in meaning.items():
            of_kind = sorted(((-r.share, name) for r, name in named if r.kind == kind))
            if of_kind:
                some = ", ".join(f"{name} ({-100 * share:.0f} %)" for share, name in of_kind[:LISTED])
                more = f" and {len(of_kind) - LISTED:,} more" if len(of_kind) > LISTED else ""
                parts.append(f"{len(of_kind):,} {words} ({some}{more})")
        occur = "occurs" if len(named) == 1 else "occur"
        notes.append(
            f"Of the {len(of_documents):,} documents of {which}, {len(named):,} also {occur} in the training text: "
            f"{'; '.join(parts)}. This favours models that memorise their training text."
        )
    return notes
