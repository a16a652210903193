"""Scoring text with a back-off table by bisection, in place: for short texts, and for tables in files.

The scores equal those of ``scoring`` to the last bit. A token takes two to four times as long, but no hash tables are
made: making them takes longer than looking up as many tokens as the table has n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from lmcompare.counts.lookup.level import NATS, NOTHING, Level
from lmcompare.tokens import Encoded, FloatArray, IntArray

BLOCK = 2**16  # tokens that are looked up together


def score(levels: Sequence[Level], text: Encoded) -> FloatArray:
    """Return the log-probability of each token: (N,) float64 nats."""
    scores = np.empty(len(text))
    early = len(levels) - 1  # a block begins a few tokens early, so that the contexts of its first tokens are found
    for begin in range(0, len(text), BLOCK):
        first, last = max(begin - early, 0), min(begin + BLOCK, len(text))
        scores[begin:last] = _score(levels, text, first, last)[begin - first :]
    return scores


def _score(levels: Sequence[Level], text: Encoded, first: int, last: int) -> FloatArray:
    """(last - first,) nats of these tokens; the first tokens lack a part of their contexts."""
    words: IntArray = text.ids[first:last].astype(np.int64)
    before = np.append(text.vocabulary.end, words[:-1])
    opens = before == text.vocabulary.end
    opens[0] = first == 0 or text.ids[first - 1] == text.vocabulary.end
    starts = np.searchsorted(text.starts, [first, last])
    opens[text.starts[starts[0] : starts[1]] - first] = True
    log10 = levels[0].log10_probs[words].astype(np.float64)
    contexts = np.where(opens, levels[0].width - 1, before)
    for level, longer in pairwise(levels):
        seen = np.flatnonzero(contexts != NOTHING)
        log10[seen] += level.log10_backoffs[contexts[seen]]
        nodes = longer.find(contexts, words)
        found = np.flatnonzero(nodes != NOTHING)
        log10[found] = longer.log10_probs[nodes[found]]
        contexts = np.append(NOTHING, nodes[:-1])
        contexts[opens] = NOTHING
    return log10 * NATS
