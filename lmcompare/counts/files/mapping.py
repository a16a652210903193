"""A back-off table over other words, converted to the V types of a vocabulary, so that it stays a distribution.

A token that is outside the vocabulary is ``<unk>``, so ``<unk>`` gets the probability of all words that the table has
and the vocabulary lacks. The table's own ``<unk>`` stands for the words that the table lacks: types of the
vocabulary, which share its probability evenly, and words that neither has, which have a share of the same size, also
in ``<unk>``. In a context, all of them are the table's ``<unk>``. Let U(h) be the probability that the table gives
``<unk>`` after the context h, A(h) the probability that it gives to the words that the vocabulary lacks, and m the
number of types that the table lacks:

    p(<unk> | h) = A(h) + U(h) / (m + 1)      p(lacking type | h) = U(h) / (m + 1)

All other probabilities are those of the table, so that the V probabilities have the same sum as the table's own. U
and A follow the recursion of any back-off model, so the result is a back-off table itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.counts.files.building import Grams, build, joined
from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.sums import Contexts, logarithms
from lmcompare.counts.lookup.table import BackoffTable
from lmcompare.errors import LmcompareError
from lmcompare.tokens import UNKNOWN_ID, FloatArray, IntArray, Vocabulary

SHARED = "{:,} of the {:,} types are not in the file: they share the probability of its <unk> evenly."


@dataclass(frozen=True, eq=False)
class Mapped:
    """``table``, over the V types of a vocabulary, and ``lacking``, (m,), the types that the given table lacked.

    In the n-grams of ``table``, the first lacking type stands for all of them as the last word, and ``<unk>`` stands
    for them in the context. ``left_over``: how many words of the given table the vocabulary lacks.
    """

    table: BackoffTable
    lacking: IntArray
    left_over: int


def check_unknown(vocabulary: Vocabulary) -> None:
    """Raise ``LmcompareError`` for a vocabulary without ``<unk>``: other words of a file become ``<unk>``."""
    if vocabulary.unknown is None:
        raise LmcompareError(
            "an n-gram file needs tokens with an unknown word, which gets the probability of the file's other words,"
            " but these tokens have none: use words (--tokens word)"
        )


def mapped(contexts: Contexts, words: Vocabulary, vocabulary: Vocabulary) -> Mapped:
    """Convert the table of ``contexts``, which is over ``words``, to ``vocabulary``, which has ``<unk>``."""
    table, start, unknown = contexts.table, len(vocabulary), UNKNOWN_ID
    ids = {token: i for i, token in enumerate(vocabulary.tokens)}
    to = np.array([ids.get(token, NOTHING) for token in words.tokens] + [start])  # (words + <s>,)
    lacking = np.setdiff1d(np.arange(start), to)
    to_unknown = to == NOTHING
    shared, added = _unknown_mass(contexts, to_unknown)
    share = shared / (len(lacking) + 1)
    orders = [_unigrams(contexts, to, share[0], added[0], lacking, start)]
    for k, (level, rows) in enumerate(zip(table.levels[1:], list(table.grams())[1:], strict=True), 2):
        rows = to[rows]
        possible = ((rows[:, :-1] != NOTHING) & (rows[:, :-1] != vocabulary.end)).all(axis=1)
        own, of_unknown = possible & (rows[:, -1] > unknown), possible & (rows[:, -1] <= unknown)
        backoffs = level.log10_backoffs if k < table.order else np.zeros(len(level), np.float32)
        parts = [Grams(rows, logarithms(contexts.probs[k - 1]), backoffs).take(own)]
        # one n-gram that ends in <unk> for each context that is followed by <unk> or by a word that becomes <unk>
        explicit = level.words == unknown
        nodes = np.flatnonzero(of_unknown)
        if len(nodes):
            of, which = np.unique(contexts.of(k)[nodes], return_index=True)
            merged = rows[nodes[which]]
            merged[:, -1] = unknown
            weights = np.zeros(len(of), np.float32)  # the weight of the file's own n-gram, if it has one
            its_own = np.flatnonzero(of_unknown & explicit)
            place = np.searchsorted(of, contexts.of(k)[its_own])
            weights[place] = backoffs[its_own]
            parts.append(Grams(merged, logarithms(share[of] + added[of]), weights))
            if len(lacking):
                merged = merged[place]
                merged[:, -1] = lacking[0]
                parts.append(Grams(merged, logarithms(share[of[place]]), np.zeros(len(place), np.float32)))
        orders.append(joined(parts, start + 1))
    return Mapped(build(orders, start + 1), lacking, int(to_unknown.sum()))


def _unknown_mass(contexts: Contexts, to_unknown: IntArray) -> tuple[FloatArray, FloatArray]:
    """(C,) twice: after each context, the probability of the table's ``<unk>``, and that of words that become it."""
    table = contexts.table
    shared, added = np.zeros(len(contexts)), np.zeros(len(contexts))
    shared[0] = contexts.probs[0][0]
    added[0] = contexts.probs[0][to_unknown].sum()
    for k in range(2, table.order + 1):
        level, probs = table.levels[k - 1], contexts.probs[k - 1]
        where, of = slice(contexts.first[k - 1], contexts.first[k]), contexts.of(k)
        parents, weights = contexts.parents[where], contexts.weights[where]
        shared[where] = weights * shared[parents]
        unknown = level.words == 0
        shared[of[unknown]] = probs[unknown]
        gained = np.where(to_unknown[level.words], probs - contexts.weights[of] * contexts.backed_off(k), 0.0)
        gains = np.bincount(level.contexts, gained, minlength=len(parents))
        added[where] = np.maximum(weights * added[parents] + gains, 0.0)  # rounding may take it below 0
    return shared, added


def _unigrams(contexts: Contexts, to: IntArray, share: float, added: float, lacking: IntArray, start: int) -> Grams:
    level = contexts.table.levels[0]
    probs, log10_probs = np.full(start + 1, share), np.zeros(start + 1, np.float32)
    backoffs = np.zeros(start + 1, np.float32)
    known = to != NOTHING
    probs[to[known]] = contexts.probs[0][known]
    probs[0] = share + added
    log10_probs[:start] = logarithms(probs[:start])
    log10_probs[start] = level.log10_probs[-1]
    if len(level.log10_backoffs):
        backoffs[to[known]] = level.log10_backoffs[known]
        backoffs[lacking] = level.log10_backoffs[0]
    return Grams(np.arange(start + 1, dtype=np.int32)[:, None], log10_probs, backoffs)
