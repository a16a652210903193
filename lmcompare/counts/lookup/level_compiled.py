"""The compiled binary search among the n-grams of one order."""

from __future__ import annotations

from lmcompare.compiled import compiled
from lmcompare.tokens import IntArray


@compiled
def find(offsets: IntArray, level_words: IntArray, contexts: IntArray, words: IntArray, nodes: IntArray) -> None:
    """Write the nodes (n,) of the k-grams of n context nodes and last words, -1 where there is none.

    Whatever the offsets are, nothing else than ``level_words`` is read.
    """
    size = len(level_words)
    for i in range(len(words)):
        context, word = contexts[i], words[i]
        nodes[i] = -1
        if 0 <= context < len(offsets) - 1:
            low, end = max(int(offsets[context]), 0), min(int(offsets[context + 1]), size)
            high = end
            while low < high:
                middle = (low + high) >> 1
                if level_words[middle] < word:
                    low = middle + 1
                else:
                    high = middle
            if low < end and level_words[low] == word:
                nodes[i] = low
