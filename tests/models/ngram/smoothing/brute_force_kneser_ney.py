"""Modified Kneser-Ney straight from its formulas, with tuples in dictionaries: slow, and independent of the library.

Words are integers 0 … V - 1 (0 ``<unk>``, 1 ``</s>``); ``START`` stands for ``<s>``. All is worked in float64 but for
the test whether a discount lies between 0 and its count, where float32 decides as it does in lmplz.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

START = -7
UNKNOWN = 0
END = 1


def sentences_of(documents: list[list[int]]) -> list[list[int]]:
    """Return the sentences of all documents; the end of a document without ``</s>`` is a sentence too."""
    sentences = []
    for document in documents:
        current: list[int] = []
        for word in document:
            current.append(word)
            if word == END:
                sentences.append(current)
                current = []
        if current:
            sentences.append(current)
    return sentences


class BruteForce:
    """The model; a context begins with ``START`` if it reaches back to the beginning of the sentence."""

    def __init__(self, documents: list[list[int]], order: int, size: int, prune: tuple[int, ...] = (0,)) -> None:
        self.order, self.size = order, size
        sentences = [[START, *s] for s in sentences_of(documents)]
        raw: Counter[tuple[int, ...]] = Counter()
        for s in sentences:
            for k in range(1, order + 1):
                raw.update(tuple(s[i : i + k]) for i in range(len(s) - k + 1))
        del raw[(START,)]
        left = defaultdict(set)
        for gram in raw:
            left[gram[1:]].add(gram[0])
        self.counts = {g: raw[g] if len(g) == order or g[0] == START else len(left[g]) for g in raw}
        self.discounts = self._discounts(raw, self._last_grams(sentences))
        self.followers: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for gram, count in self.counts.items():
            self.followers[gram[:-1]][gram[-1]] = count
        self._sums: dict[tuple[int, ...], tuple[set[int], int, float]] = {}  # the same for every word after a context
        self.pruned = {g for g in raw if len(g) > 1 and raw[g] <= prune[min(len(g), len(prune)) - 1]}

    def _last_grams(self, sentences: list[list[int]]) -> set[tuple[int, ...]]:
        """The last n-gram and its endings, in lmplz's order: reversed ids of n-grams padded with n - 1 ``<s>``."""
        ids = {UNKNOWN: 0, START: 1, END: 2}
        for s in sentences:
            for word in s:
                ids.setdefault(word, len(ids))
        padded = [[START] * (self.order - 2) + s for s in sentences]
        grams = [tuple(s[i : i + self.order]) for s in padded for i in range(len(s) - self.order + 1)]
        last = max(grams, key=lambda g: [ids[w] for w in reversed(g)])
        return {last[-k:] for k in range(1, self.order)}

    def _discounts(self, raw: Counter[tuple[int, ...]], last: set[tuple[int, ...]]) -> list[tuple[float, ...]]:
        by_order = []
        for k in range(1, self.order + 1):
            n = Counter(raw[g] if g in last else c for g, c in self.counts.items() if len(g) == k)
            amounts: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)
            if n[1] and n[2] and n[3]:
                f = np.float32
                y = f(n[1]) / f(n[1] + 2 * n[2])
                worked = [f(j) - f(j + 1) * y * f(n[j + 1]) / f(n[j]) for j in (1, 2, 3)]
                if all(0 <= d <= j for j, d in enumerate(worked, 1)):
                    amounts = (0.0, *map(float, worked))
            by_order.append(amounts)
        return by_order

    def probability(self, word: int, context: tuple[int, ...]) -> float:
        """p(word | context), the context no longer than n - 1 words."""
        discount = self.discounts[len(context)]
        after = self.followers.get(context, {})
        lower = self.probability(word, context[1:]) if context else 1 / self.size
        if not after:
            return lower
        if context not in self._sums:
            gone = {w for w in after if (*context, w) in self.pruned}
            saved = sum(c if w in gone else discount[min(c, 3)] for w, c in after.items())
            self._sums[context] = gone, sum(after.values()), saved
        gone, total, saved = self._sums[context]
        count = after.get(word, 0) if word not in gone else 0
        return (count - discount[min(count, 3)]) / total + saved / total * lower

    def context_at(self, document: list[int], at: int) -> tuple[int, ...]:
        """What comes before a position of a document, back to its sentence's ``<s>``."""
        words: list[int] = [START]
        for word in document[:at]:
            words = [START] if word == END else [*words, word]
        return tuple(words[-(self.order - 1) :]) if self.order > 1 else ()
