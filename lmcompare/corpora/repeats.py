"""Finds contamination: held-out documents that also occur in the training text as copies, near copies or passages.

Near copies are found as in Broder (1997), "On the resemblance and containment of documents", without sampling.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from lmcompare.corpora.document import Piece, Repeat

PASSAGE = 8  # words: longer runs hardly ever occur twice by chance
MUCH = 0.5  # the share of a document's passages from which it is listed
SHINGLE = 3  # words: with every seventh word changed, four of seven such runs are still the same
ALIKE = 0.4  # the share of a document's shingles that a near copy has in common with one training document
ALIKE_BACK = 0.2  # and the share of that document's: a line of a book is no near copy of the book
LEAST = 10  # shingles: a document with fewer is never a near copy
HOLDERS = 20  # the first training documents with a shingle, which are compared: some phrases are in very many
LISTED = 3


def repeats(split: Mapping[str, Sequence[Piece]]) -> dict[str, list[Repeat | None]]:
    """Return how each held-out document repeats the training text; None if it does not, and for training documents.

    A *copy* has the words of a training document, in lower case. A *near copy* shares ``ALIKE`` of its runs of
    ``SHINGLE`` words with one training document of about its size. Of the *passages* of a document, runs of
    ``PASSAGE`` words, ``MUCH`` or more occur somewhere in the training text.
    """
    held_out = [_words(piece) for piece in (*split["valid"], *split["test"])]
    passages = [set(_runs(words, PASSAGE)) for words in held_out]
    shingles = [set(_runs(words, SHINGLE)) for words in held_out]
    wanted = set[int]().union(*passages)
    with_shingle: dict[int, list[int]] = defaultdict(list)  # the held-out documents with each shingle
    for document, runs in enumerate(shingles):
        for run in runs:
            with_shingle[run].append(document)

    texts, seen, holders = dict[tuple[str, ...], str](), set[int](), Counter[int]()
    alike = [(0.0, "")] * len(held_out)  # the greatest share of the shingles in one training document, and which
    copied = {tuple(words) for words in held_out if words}
    for piece in split["train"]:
        words = _words(piece)
        if (same := tuple(words)) in copied:
            texts.setdefault(same, piece.name)
        seen |= wanted.intersection(_runs(words, PASSAGE))
        shared = Counter[int]()
        for run in with_shingle.keys() & _runs(words, SHINGLE):
            holders[run] += 1
            if holders[run] <= HOLDERS:
                shared.update(with_shingle[run])
        for document, count in shared.items():
            share = count / len(shingles[document])
            better = share >= ALIKE and share > alike[document][0] and len(shingles[document]) >= LEAST
            if better and count >= ALIKE_BACK * len(set(_runs(words, SHINGLE))):
                alike[document] = share, piece.name

    def found(document: int) -> Repeat | None:
        if (of := texts.get(tuple(held_out[document]))) is not None:
            return Repeat("copy", 1.0, of)
        if alike[document][0]:
            return Repeat("near copy", *alike[document])
        share = len(passages[document] & seen) / max(len(passages[document]), 1)
        return Repeat("passages", share) if share >= MUCH else None

    of_all = [found(document) for document in range(len(held_out))]
    valid = len(split["valid"])
    return {"train": [None] * len(split["train"]), "valid": of_all[:valid], "test": of_all[valid:]}


def _words(piece: Piece) -> list[str]:
    return piece.text.lower().split()


def _runs(words: Sequence[str], width: int) -> Iterator[int]:
    """Yield a 64-bit hash of each run of ``width`` words."""
    return map(hash, zip(*(words[first:] for first in range(width)), strict=False))


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
