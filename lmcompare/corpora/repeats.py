"""Finds held-out text that also occurs in earlier text, wherever it is, even if some of its words were changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np

from lmcompare.corpora.alignments import EDGE, OTHER_EDGE, HashArray, IntArray, aligned, covered
from lmcompare.corpora.document import Document, Repeat
from lmcompare.corpora.words import batches, numbered_words
from lmcompare.scratch import GrowingArray

LONG = 20  # letters and digits: a longer word counts by characters
LISTED = 3
HELD_OUT = 1 << 22  # characters of held-out documents that are compared at a time
_BY_ITSELF = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"  # scripts without spaces
_LETTER = rf"[^\W_{_BY_ITSELF}]|[\u0300-\u036f]|(?<=[a-z])['’](?=[a-z])"  # with accents
_SPOKEN = re.compile(rf"(?<!(?:{_LETTER}))(?:{_LETTER}){{1,{LONG}}}(?!(?:{_LETTER}))|[^\W_]")
_WRITTEN = re.compile(rf"(?<!\S)\S{{1,{LONG}}}(?!\S)|\S")
APART = 3  # times as many marks stand by themselves as at the end of a word in a text that was cut into tokens
FEW, LOOKED_AT = 1000, 10_000  # documents of a split, and characters of each, that are looked at for this


def repeats(split: Mapping[str, Sequence[Document]]) -> dict[str, list[Repeat | None]]:
    """Return what the documents of "valid" repeat of the training text, and those of "test" of both.

    None for documents that repeat nothing.
    """
    unit = _WRITTEN if all(map(_is_cut, split.values())) else _SPOKEN
    earlier = _Words.of([*split["train"], *split["valid"]], unit)
    return {
        "valid": list(_repeats(split["valid"], earlier.first(len(split["train"])), unit)),
        "test": list(_repeats(split["test"], earlier, unit)),
    }


def _is_cut(documents: Sequence[Document]) -> bool:
    """Return whether marks are words of their own, as in texts that were cut into tokens."""
    words = " ".join(document.text[:LOOKED_AT] for document in documents[:FEW]).split()
    apart = sum(not any(map(str.isalnum, word)) for word in words)
    return apart > APART * (sum(not word[-1].isalnum() for word in words) - apart)


@dataclass(frozen=True)
class _Words:
    """D documents as the hashes of their words in lower case, with an edge before, between and after the documents.

    Of documents with the same text only the first one has its words.

    Parameters
    ----------
    hashes : array of shape (N,)
    edges : array of shape (D + 1,)
        The place of the edge before each document, and of the last one.
    names : sequence of str
    """

    hashes: HashArray
    edges: IntArray
    names: Sequence[str]

    @classmethod
    def of(cls, documents: Sequence[Document], unit: re.Pattern[str]) -> _Words:
        hashes, lengths = GrowingArray(np.uint64), np.ones(len(documents), np.int64)
        known = -1  # the last document whose edge is there
        for batch in batches(_once(documents)):
            words, which, sizes = numbered_words([" ".join(unit.findall(part)) for _, part in batch])
            numbers = np.array([number for number, _ in batch])
            np.add.at(lengths, numbers, sizes)
            edges = np.repeat(np.cumsum(sizes) - sizes, np.diff(numbers, prepend=known))
            hashes.append(np.insert(_hashed(words)[which], edges, EDGE))
            known = int(numbers[-1])
        hashes.append(np.full(len(documents) - known, EDGE))
        return cls(hashes.finish(), np.append(0, np.cumsum(lengths)), [document.name for document in documents])

    def first(self, documents: int) -> _Words:
        """Return the first documents alone."""
        return _Words(self.hashes[: self.edges[documents] + 1], self.edges[: documents + 1], self.names[:documents])


def _once(documents: Iterable[Document]) -> Iterator[str]:
    """Yield the texts; in place of one that was there before, an empty one."""
    seen: set[int] = set()
    for document in documents:
        text = document.text
        before = len(seen)
        seen.add(hash(text))
        yield text if len(seen) > before else ""


def _hashed(words: Sequence[str]) -> HashArray:
    normal = (word.lower() if word.isascii() else normalize("NFKC", word).lower() for word in words)
    return np.fromiter(map(hash, normal), np.int64, len(words)).view(np.uint64)


def _repeats(documents: Sequence[Document], earlier: _Words, unit: re.Pattern[str]) -> Iterator[Repeat | None]:
    """Yield what each held-out document repeats of the earlier text."""
    words = sum(document.words for document in documents)
    for group in _groups(documents):
        units = [_hashed(unit.findall(document.text)) for document in group]
        hashes = np.concatenate([part for each in units for part in ([OTHER_EDGE], each)] + [[OTHER_EDGE]])
        found = aligned(hashes.astype(np.uint64), earlier.hashes, words)
        found = found[:, np.argsort(found[0])]
        at = 1
        for document, own in zip(group, units, strict=True):
            first, last = np.searchsorted(found[0], [at, at + len(own)])
            mine = found[:, first:last] - np.array([[at], [at], [0]])
            yield _repeat(document, mine, earlier, unit) if mine.size else None
            at += len(own) + 1


def _groups(documents: Sequence[Document]) -> Iterator[list[Document]]:
    """Yield the documents in groups of about ``HELD_OUT`` characters."""
    group: list[Document] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.text)
        if size >= HELD_OUT:
            yield group
            group, size = [], 0
    if group:
        yield group


def _repeat(document: Document, found: IntArray, earlier: _Words, unit: re.Pattern[str]) -> Repeat:
    """Return what a document repeats.

    ``found``, (3, S): of each alignment the first word, the word after the last, and the place of the first word in
    the earlier text.
    """
    text = document.text
    units = [each.span() for each in unit.finditer(text)]
    changes = np.diff(covered(found, len(units)), prepend=False, append=False)
    edges = np.flatnonzero(changes).reshape(-1, 2)  # (R, 2) words
    spans = tuple((units[begin][0], units[end - 1][1]) for begin, end in edges.tolist())
    size = sum(len(text[start:end].encode()) for start, end in spans)
    holders = np.searchsorted(earlier.edges, found[2], side="right") - 1
    longest = int(np.bincount(holders, found[1] - found[0]).argmax())
    return Repeat(spans, size / document.n_bytes, earlier.names[longest])


def repeats_noted(split: Mapping[str, Sequence[Document]], found: Mapping[str, Sequence[Repeat | None]]) -> list[str]:
    """Return a sentence for each split that repeats earlier text: how much of it, and in which documents."""
    notes = []
    for which, earlier in (("valid", "the training text"), ("test", "the training or validation text")):
        named = [(r, d) for r, d in zip(found[which], split[which], strict=True) if r is not None]
        if not named:
            continue
        size = sum(repeat.share * document.n_bytes for repeat, document in named)
        share = size / sum(document.n_bytes for document in split[which])
        most = sorted((-repeat.share, document.name, repeat.of) for repeat, document in named)
        some = "; ".join(f"{name}: {-share:.0%}, most of it in {of}" for share, name, of in most[:LISTED])
        more = f"; and {len(most) - LISTED:,} more" if len(most) > LISTED else ""
        notes.append(
            f"Of the text of {which}, {share:.1%} also occurs in {earlier}, word for word or nearly so, in"
            f" {len(named):,} of {len(split[which]):,} documents ({some}{more})."
        )
    return notes
