"""Context trees: what was seen in train after contexts that are told one *feature* at a time.

A feature is anything known of the past: the word before, the class of the word three back. A context is the
features told so far; the next feature makes it one longer. The contexts are the nodes of a tree, numbered level by
level and, in a level, by parent and then by feature; node 0, the root, is the empty context. So the children of a
node stand side by side with rising features, and so do the words seen after a node: two flat arrays and their offsets
hold the whole tree. It is the back-off path of a factored language model (Bilmes and Kirchhoff 2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmcompare.tokens import IntArray

NOTHING = -1  # in place of a feature or a node: there is none
LEAST = 2  # a context seen less often is not made longer: whatever is longer was followed by the same word


@dataclass(frozen=True, eq=False)
class Tree:
    """C contexts and the G pairs of a context and a word seen after it.

    ``levels``: (L + 2,) int64; the contexts of k features are ``levels[k]:levels[k + 1]``. ``features``: (C,) int32,
    the last feature of each context. ``children``: (C + 1,) int32; the contexts one feature longer than context c are
    ``children[c]:children[c + 1]``. ``offsets``: (C + 1,) int32; the pairs of context c are
    ``offsets[c]:offsets[c + 1]``. ``words``: (G,) int32, rising within a context. ``counts``: (G,) int32: of a
    context that no more features make longer, how often the word stands after it; of any other, after how many
    of the contexts one feature longer, which is Kneser and Ney's count (1995).
    """

    levels: IntArray
    features: IntArray
    children: IntArray
    offsets: IntArray
    words: IntArray
    counts: IntArray


def grow(features: Sequence[IntArray], words: IntArray, types: int) -> Tree:
    """Count the words (N,), each below ``types``, after contexts of L features.

    ``features``: L arrays (N,), ``NOTHING`` where a feature is not there, which ends the context: before the
    beginning of a sentence there is nothing. A context seen less than ``LEAST`` times ends too. Where contexts end,
    the word counts as often as it stands there.
    """
    pairs, pair_at, raw = np.unique(words.astype(np.int64), return_inverse=True, return_counts=True)
    nodes, at = np.zeros(len(words), np.int64), np.arange(len(words))  # of those whose contexts have not ended
    levels, told = [0, 1], [np.zeros(1, np.int64)]
    parents, all_pairs, all_counts = [np.zeros(0, np.int64)], [pairs], []
    for stream in features:
        x = stream[at]
        goes_on = (x != NOTHING) & (np.bincount(nodes)[nodes] >= LEAST) if len(at) else np.zeros(0, bool)
        width = int(stream.max(initial=0)) + 1
        keys, longer_nodes = np.unique(nodes[goes_on] * width + x[goes_on], return_inverse=True)
        longer, longer_at, longer_raw = np.unique(
            longer_nodes * types + words[at[goes_on]], return_inverse=True, return_counts=True
        )
        shorter = np.empty(len(longer), np.int64)
        shorter[longer_at] = pair_at[goes_on]
        ended = np.bincount(pair_at[~goes_on], minlength=len(pairs))
        all_counts.append(np.bincount(shorter, minlength=len(pairs)) + ended)
        parents.append(keys // width + levels[-2])
        told.append(keys % width)
        all_pairs.append(longer + levels[-1] * types)
        levels.append(levels[-1] + len(keys))
        nodes, at, pairs, pair_at, raw = longer_nodes, at[goes_on], longer, longer_at, longer_raw
    flat = np.concatenate(all_pairs)
    sizes = np.bincount(np.concatenate(parents), minlength=levels[-1])
    return Tree(
        levels=np.array(levels, np.int64),
        features=np.concatenate(told).astype(np.int32),
        children=np.append(1, 1 + np.cumsum(sizes)).astype(np.int32),
        offsets=np.append(0, np.cumsum(np.bincount(flat // types, minlength=levels[-1]))).astype(np.int32),
        words=(flat % types).astype(np.int32),
        counts=np.concatenate([*all_counts, raw]).astype(np.int32),
    )
