"""Finds held-out text that also occurs in earlier text, wherever it is, even if some of its words were changed.

Two texts are aligned without gaps, so long that chance does not explain it, as in BLAST (Altschul et al. 1990, "Basic
local alignment search tool"). Each pair of words that is rare in the earlier text and occurs in the held-out text is
a seed: it lays the two texts beside each other, and this alignment is extended in both directions while its score
rises. A word that agrees counts for a copy, in bits, by how much more probable it is if it was copied, with a share
`CHANGED` of words drawn anew, than if a bigram model of the earlier text had written it. Two texts of M and N words
that have nothing to do with each other contain about M N 2^-S alignments of more than S bits (Karlin and Altschul
1990, equation 1). A word that differs counts against a copy by `DIFFERS`, more than by this rule: in forms, logs and
translations, words agree between others that do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled
from lmcompare.corpora.document import Document, Repeat
from lmcompare.corpora.sentences import batches, numbered_words
from lmcompare.memory import GrowingArray

HashArray = npt.NDArray[np.uint64]
IntArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float64]

EDGE, OTHER_EDGE = np.uint64(0), np.uint64(1)  # around the documents of the earlier text, and of the held-out text
CHANGED = 0.3  # the share of words that are expected to differ in a copy
LEAST = 60.0  # bits: set phrases and names have fewer, of which people use more than a bigram model
LEAST_WHOLE = 30.0  # bits of a document that is the same from its beginning to its end
MARGIN = 20.0  # bits beyond what chance reaches once, which is more than LEAST in a very long text
RARE = 16  # pairs of words that occur more often in the earlier text are no seeds
WEIGHT = 10.0  # how many occurrences of a word weigh as much as the frequencies of all words in the bigram model
DIFFERS = -8.0  # bits: a word that differs counts as much against a copy as a usual word that agrees counts for it
DROP = 25.0  # an alignment ends where its score has fallen by this number of bits
TOGETHER = 1 << 20  # words that are looked up at a time
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # an odd number whose bits look random
_BITS = 24
_REST = np.uint64(64 - _BITS)


class _Table:
    """Hashes in rising order, in which others are looked up."""

    def __init__(self, hashes: HashArray) -> None:
        self.hashes = np.unique(hashes)
        self._may_be = np.zeros(1 << _BITS, np.bool_)  # by the first bits: most of the others are ruled out at once
        self._may_be[self.hashes >> _REST] = True

    def find(self, hashes: HashArray) -> tuple[IntArray, IntArray]:
        """Return which of these hashes are in the table, and where."""
        maybe = np.flatnonzero(self._may_be[hashes >> _REST])
        place = np.searchsorted(self.hashes, hashes[maybe]).clip(max=len(self.hashes) - 1)
        known = self.hashes[place] == hashes[maybe]
        return maybe[known], place[known]


def _pairs(hashes: HashArray) -> HashArray:
    """Return a hash of each word and the next one."""
    return hashes[:-1] * FACTOR + hashes[1:]


def aligned(mine: HashArray, theirs: HashArray, words: int) -> IntArray:
    """Return the alignments of held-out text with earlier text that chance does not explain.

    Parameters
    ----------
    mine : array of shape (n,)
        Hashes of words of the held-out text. Between documents and at both ends it has an edge, a number that is no
        word of the earlier text.
    theirs : array of shape (N,)
        The same of the earlier text, whose edges are no words of the held-out text.
    words : int
        How many words all held-out text has, of which this may be a part.

    Returns
    -------
    array of shape (3, S)
        Of each alignment the first word, the word after the last, and the place of the first word in ``theirs``.
    """
    threshold = max(LEAST, float(np.log2(max(words, 1)) + np.log2(len(theirs)) + MARGIN))
    pairs, types = _Table(_pairs(mine)), _Table(mine)
    total, count = np.zeros(len(pairs.hashes), np.int64), np.zeros(len(types.hashes), np.int64)
    places: list[IntArray] = [np.zeros(0, np.int64)]
    keys: list[IntArray] = [np.zeros(0, np.int64)]
    for start in range(0, len(theirs), TOGETHER):
        part = theirs[start : start + TOGETHER + 1]
        count += np.bincount(types.find(part[:TOGETHER])[1], minlength=len(count))
        at, key = pairs.find(_pairs(part))
        order = np.argsort(key, kind="stable")
        at, key = at[order], key[order]
        rank = np.arange(len(key)) - np.searchsorted(key, key) + total[key]
        places.append(start + at[rank <= RARE])
        keys.append(key[rank <= RARE])
        total += np.bincount(key, minlength=len(total))

    place, key = np.concatenate(places), np.concatenate(keys)
    rare = (total > 0) & (total <= RARE)
    place, key = place[rare[key]], key[rare[key]]
    order = np.lexsort((theirs[place - 1], key))  # the first word of the earlier text is an edge
    place, key = place[order], key[order]
    before = theirs[place - 1]
    # A phrase that was copied many times follows the same word each time, one that people use follows many words.
    new = np.append(True, (key[1:] != key[:-1]) | (before[1:] != before[:-1]))[: len(key)]
    contexts = np.where(rare, np.bincount(key[new], minlength=len(rare)), total)

    own = np.searchsorted(pairs.hashes, _pairs(mine))  # (n - 1,) the pair of each word and the next one
    of_word = count[np.searchsorted(types.hashes, mine)]
    # One occurrence is left out everywhere: it is the one that was perhaps copied.
    alone = (of_word.clip(1) - 0.5) / len(theirs)
    after = (contexts[own].clip(1) - 1 + WEIGHT * alone[1:]) / (of_word[:-1].clip(1) - 1 + WEIGHT)
    bits = np.log2((1 - CHANGED) / np.stack([alone, np.append(1.0, after)]) + CHANGED)  # (2, n)

    seeds = np.flatnonzero(rare[own])
    first = np.searchsorted(key, own[seeds])
    number = total[own[seeds]]
    at = np.repeat(seeds, number)
    place = place[np.repeat(first - np.cumsum(number) + number, number) + np.arange(number.sum())]
    order = np.lexsort((at, place - at))
    found = np.stack([at[order], at[order], place[order]])
    return found[:, : _extended(mine, theirs, found, bits, DIFFERS, threshold)]


def covered(found: IntArray, size: int) -> npt.NDArray[np.bool_]:
    """Return which of ``size`` words are in an alignment, (size,); ``found``: as ``aligned`` returns it."""
    edges = np.zeros(size + 1, np.int64)
    np.add.at(edges, found[0], 1)
    np.add.at(edges, found[1], -1)
    inside: npt.NDArray[np.bool_] = np.cumsum(edges[:-1]) > 0
    return inside


@compiled
def _extended(
    mine: HashArray, theirs: HashArray, found: IntArray, bits: FloatArray, changed: float, threshold: float
) -> int:
    """Extend the seeds ``found``, (3, H); write the alignments above the threshold in their place, return how many.

    ``bits``, (2, n), has the score of each word after a word that differs, and after one that agrees, too.
    """
    kept = 0
    last, upto = np.int64(0), np.int64(-1)  # the diagonal of the last alignment, and where it ends
    for seed in range(found.shape[1]):
        first, diagonal = found[0, seed], found[2, seed] - found[0, seed]
        if diagonal == last and first < upto:
            continue
        begin, end, total = first, first, 0.0
        for step in (1, -1):
            at = first if step == 1 else first - 1
            score = highest = 0.0
            while score > highest - DROP and mine[at] != OTHER_EDGE and theirs[at + diagonal] != EDGE:
                if mine[at] == theirs[at + diagonal]:
                    score += bits[int(mine[at - 1] == theirs[at - 1 + diagonal]), at]
                    if score > highest:
                        highest = score
                        if step == 1:
                            end = at + 1
                        else:
                            begin = at
                else:
                    score += changed
                at += step
            total += highest
        last, upto = diagonal, end
        is_whole = (
            mine[begin - 1] == OTHER_EDGE
            and mine[end] == OTHER_EDGE
            and theirs[begin - 1 + diagonal] == EDGE
            and theirs[end + diagonal] == EDGE
        )
        if total > (LEAST_WHOLE if is_whole else threshold):
            found[0, kept], found[1, kept], found[2, kept] = begin, end, begin + diagonal
            kept += 1
    return kept


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
