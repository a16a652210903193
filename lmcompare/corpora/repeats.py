"""Finds contamination: held-out documents that also occur in the training text as copies, near copies or passages.

Runs of words are compared as 64-bit hashes, in lower case. The training text is read in parts, so that the held-out
text bounds the memory. Near copies are found as in Broder (1997), "On the resemblance and containment of
documents", without sampling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lmcompare.corpora.pieces import Piece

Kind = Literal["copy", "near copy", "passages"]

PASSAGE = 8  # words: longer runs are hardly ever the same by chance
MUCH = 0.5  # the share of a document's passages from which it is listed
SHINGLE = 3  # words: with every seventh word changed, four of seven such runs are still the same
ALIKE = 0.4  # the share of a document's shingles that a near copy has in common with one document of train
ALIKE_BACK = 0.2  # and the share of that document's: a line of a book is no near copy of the book
LEAST = 10  # shingles: of documents with fewer only exact copies are counted
HOLDERS = 20  # documents of train that are looked at for each shingle, the first: phrases stand in very many
PART = 1_000_000  # words of train that are looked at together
PAIRS = 5_000_000  # shingles in common that are counted together
LISTED = 3

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word of a run is lost from its hash

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Repeat:
    """How a held-out document repeats the training text; ``share`` is that of its runs of words that occur there."""

    kind: Kind
    share: float


def repeats(split: Mapping[str, Sequence[Piece]]) -> dict[str, list[Repeat | None]]:
    """Return how each held-out document repeats the training text; None if it does not, and for training documents.

    A *copy* has the words of a training document, in lower case. A *near copy* shares ``ALIKE`` of its runs of
    ``SHINGLE`` words with one training document of about its size. Of the *passages* of a document, runs of
    ``PASSAGE`` words, ``MUCH`` or more occur somewhere in the training text.
    """
    held_out = [*split["valid"], *split["test"]]
    numbered: dict[str, int] = {}
    held = [_numbers(piece.text, numbered) for piece in held_out]
    passages, shingles = _Passages(held), _Shingles(held)
    keys = [ids.tobytes() for ids in held]
    wanted, copies = set(keys) - {b""}, set[bytes]()
    for part in _parts(split["train"], numbered):
        passages.look(part)
        shingles.look(part)
        copies |= wanted & {ids.tobytes() for ids in part}
    in_passages, in_shingles = passages.shares(), shingles.shares()

    def kind(document: int) -> Repeat | None:
        if keys[document] in copies:
            return Repeat("copy", 1.0)
        if in_shingles[document] >= ALIKE:
            return Repeat("near copy", float(in_shingles[document]))
        if in_passages[document] >= MUCH:
            return Repeat("passages", float(in_passages[document]))
        return None

    found = [kind(document) for document in range(len(held))]
    valid = len(split["valid"])
    return {"train": [None] * len(split["train"]), "valid": found[:valid], "test": found[valid:]}


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


class _Passages:
    """Which runs of ``PASSAGE`` words of the held-out documents occur in the training text."""

    def __init__(self, held: Sequence[Ints]) -> None:
        self.documents = len(held)
        self.of, hashes = _runs(held, PASSAGE)
        self.known, self.index = np.unique(hashes, return_inverse=True)
        self.seen = np.zeros(len(self.known), bool)

    def look(self, part: Sequence[Ints]) -> None:
        """Mark the runs that occur in a part of the training text."""
        _, hashes = _runs(part, PASSAGE)
        at = _find(self.known, hashes)
        self.seen[at[at >= 0]] = True

    def shares(self) -> npt.NDArray[np.float64]:
        """(D,) the share of each document's different runs that were seen, 0 where it has none."""
        seen = np.bincount(self.of, self.seen[self.index], minlength=self.documents)
        return seen / np.maximum(np.bincount(self.of, minlength=self.documents), 1)


class _Shingles:
    """With which training document a held-out document has the most runs of ``SHINGLE`` words in common."""

    def __init__(self, held: Sequence[Ints]) -> None:
        self.documents = len(held)
        self.of, hashes = _runs(held, SHINGLE)
        self.known, self.index = np.unique(hashes, return_inverse=True)
        self.spread = np.zeros(len(self.known), np.int64)  # documents of train that hold each
        self.found: list[tuple[Ints, Ints]] = []  # (shingle, document of train)
        self.sizes: list[Ints] = []  # the different shingles of each document of train
        self.read = 0

    def look(self, part: Sequence[Ints]) -> None:
        """Note which runs occur in the documents of a part of the training text."""
        of, hashes = _runs(part, SHINGLE)
        self.sizes.append(np.bincount(of, minlength=len(part)))
        at = _find(self.known, hashes)
        of, at = of[at >= 0] + self.read, at[at >= 0]
        self.read += len(part)
        order = np.argsort(at, kind="stable")
        of, at = of[order], at[order]
        before = np.arange(len(at)) - np.searchsorted(at, at)  # in this part
        first = self.spread[at] + before < HOLDERS
        self.spread += np.bincount(at, minlength=len(self.known))
        self.found.append((at[first], of[first]))

    def shares(self) -> npt.NDArray[np.float64]:
        """(D,) the greatest share of its shingles that a document has in common with one of train of about its size;
        0 where it has too few of them.
        """
        best = np.zeros(self.documents)
        sizes = np.bincount(self.of, minlength=self.documents)
        in_train, document = (np.concatenate(arrays) for arrays in zip(*self.found, strict=True))
        order = np.argsort(in_train, kind="stable")
        in_train, document = in_train[order], document[order]
        first = np.searchsorted(in_train, self.index)
        number = np.searchsorted(in_train, self.index, side="right") - first
        train_sizes = np.concatenate(self.sizes)
        for some in _together(self.of, number):
            pair = (
                np.repeat(self.of[some] * max(self.read, 1), number[some])
                + document[_ranges(first[some], number[some])]
            )
            pairs, shared = np.unique(pair, return_counts=True)
            one, other = np.divmod(pairs, max(self.read, 1))
            enough = (sizes[one] >= LEAST) & (shared >= ALIKE_BACK * train_sizes[other])
            np.maximum.at(best, one[enough], shared[enough] / sizes[one[enough]])
        return best


def _together(of: Ints, number: Ints) -> Iterator[slice]:
    """Yield stretches of whole documents of which about ``PAIRS`` are counted; ``of``: (R,) rising."""
    ends = np.flatnonzero(np.append(of[1:] != of[:-1], True)) + 1 if len(of) else np.zeros(0, np.int64)
    counted = np.cumsum(number)
    start = done = 0
    for end in ends.tolist():
        if counted[end - 1] - done >= PAIRS or end == len(of):
            yield slice(start, end)
            start, done = end, int(counted[end - 1])


def _parts(pieces: Sequence[Piece], numbered: dict[str, int]) -> Iterator[list[Ints]]:
    """Yield the documents as numbers, some of them together: always once, if with none."""
    part: list[Ints] = []
    words = 0
    for piece in pieces:
        part.append(_numbers(piece.text, numbered))
        words += len(part[-1])
        if words >= PART:
            yield part
            part, words = [], 0
    yield part


def _numbers(text: str, numbered: dict[str, int]) -> Ints:
    """Return the words of a text as numbers, new words numbered on."""
    words = text.lower().split()
    return np.fromiter((numbered.setdefault(word, len(numbered)) for word in words), np.int64, len(words))


def _runs(documents: Sequence[Ints], width: int) -> tuple[Ints, Hashes]:
    """Return (R,) the document and (R,) the hash of every different run of ``width`` words of each document."""
    lengths = np.array([len(ids) for ids in documents], np.int64)
    ids = np.concatenate([np.zeros(0, np.int64), *documents]).astype(np.uint64)
    of = np.repeat(np.arange(len(documents)), lengths)
    count = len(ids) - width + 1
    if count <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64)
    hashes = np.zeros(count, np.uint64)
    for shift in range(width):
        hashes = hashes * _BASE + ids[shift : shift + count] + np.uint64(1)
    within = of[:count] == of[width - 1 :]
    of, hashes = of[:count][within], hashes[within]
    order = np.lexsort((hashes, of))
    of, hashes = of[order], hashes[order]
    new = np.ones(len(of), bool)
    new[1:] = (of[1:] != of[:-1]) | (hashes[1:] != hashes[:-1])
    return of[new], hashes[new]


def _find(rising: Hashes, wanted: Hashes) -> Ints:
    """(n,) the index of each wanted hash, -1 where it is not there."""
    if not len(rising):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
    found: Ints = np.where(rising[at] == wanted, at, -1)
    return found


def _ranges(first: Ints, number: Ints) -> Ints:
    """Return first[0], first[0] + 1, … first[0] + number[0] - 1, first[1], … in one array."""
    ends = np.cumsum(number)
    ranges: Ints = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(first - (ends - number), number)
    return ranges
