"""Alignments of two texts without gaps, so long that chance does not explain them.

They are found as in BLAST (Altschul et al. 1990, "Basic local alignment search tool"). Each pair of words that is
rare in the earlier text and occurs in the held-out text is a seed: it lays the two texts beside each other, and this
alignment is extended in both directions while its score rises. A word that agrees counts for a copy, in bits, by how
much more probable it is if it was copied, with a share `CHANGED` of words drawn anew, than if a bigram model of the
earlier text had written it. Two texts of M and N words that have nothing to do with each other contain about
M N 2^-S alignments of more than S bits (Karlin and Altschul 1990, equation 1). A word that differs counts against a
copy by `DIFFERS`, more than by this rule: in forms, logs and translations, words agree between others that do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lmcompare.compiled import compiled

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
