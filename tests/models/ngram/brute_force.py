"""The smoothing methods straight from their formulas, with tuples in dictionaries: slow, and independent.

Words are integers 0 … V - 1 (0 ``<unk>``, 1 ``</s>``); ``START`` stands for ``<s>``. All is worked in float64 but for
the test whether a discount of Kneser-Ney lies between 0 and its count, where float32 decides as it does in lmplz.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter, defaultdict

import numpy as np

START, UNKNOWN, END = -7, 0, 1
Gram = tuple[int, ...]


def sentences_of(documents: list[list[int]]) -> list[list[int]]:
    """The sentences of all documents; the end of a document without ``</s>`` is a sentence too."""
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


def context_at(document: list[int], at: int, order: int) -> Gram:
    """The words before a position of a document that a model of this order uses, back to the sentence's ``<s>``."""
    words: list[int] = [START]
    for word in document[:at]:
        words = [START] if word == END else [*words, word]
    return tuple(words[-(order - 1) :]) if order > 1 else ()


class RawCounts(ABC):
    """A model of frequencies; a context has at most n - 1 words and begins with ``START`` at the earliest."""

    def __init__(self, documents: list[list[int]], order: int, size: int) -> None:
        self.order, self.size = order, size
        self.sentences = [[START, *sentence] for sentence in sentences_of(documents)]
        self.counts: Counter[Gram] = Counter()
        for words in self.sentences:
            for k in range(1, order + 1):
                self.counts.update(tuple(words[i : i + k]) for i in range(len(words) - k + 1))
        del self.counts[(START,)]
        self.followers = self.followers_of(self.counts)
        self.of_counts = [Counter(c for g, c in self.counts.items() if len(g) == k) for k in range(order + 1)]

    @staticmethod
    def followers_of(counts: dict[Gram, int]) -> dict[Gram, dict[int, int]]:
        followers: dict[Gram, dict[int, int]] = defaultdict(dict)
        for gram, count in counts.items():
            followers[gram[:-1]][gram[-1]] = count
        return followers

    def after(self, context: Gram) -> dict[int, int]:
        return self.followers.get(context, {})

    def shorter(self, word: int, context: Gram) -> float:
        return self.probability(word, context[1:]) if context else 1 / self.size

    def probability(self, word: int, context: Gram) -> float:
        if not self.after(context):
            return self.shorter(word, context)
        return self.seen(word, context, self.after(context))

    @abstractmethod
    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        """The probability after a context that was seen, with the counts of the words that followed it."""


class AddK(RawCounts):
    def __init__(self, documents: list[list[int]], order: int, size: int, k: float) -> None:
        super().__init__(documents, order, size)
        self.k = k

    def probability(self, word: int, context: Gram) -> float:
        return self.seen(word, context, self.after(context))

    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        return (after.get(word, 0) + self.k) / (sum(after.values()) + self.k * self.size)


class WittenBell(RawCounts):
    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        own = after.get(word, 0) + len(after) * self.shorter(word, context)
        return own / (sum(after.values()) + len(after))


class Absolute(RawCounts):
    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        n = self.of_counts[len(context) + 1]
        d = n[1] / (n[1] + 2 * n[2]) if n[1] and n[2] else 0.5
        own = max(after.get(word, 0) - d, 0)
        return (own + d * len(after) * self.shorter(word, context)) / sum(after.values())


class JelinekMercer(RawCounts):
    """The weights by expectation maximisation, token by token."""

    def __init__(self, documents: list[list[int]], order: int, size: int, valid: list[list[int]]) -> None:
        super().__init__(documents, order, size)
        self.weights: dict[tuple[int, int], float] = defaultdict(lambda: 0.5)
        tokens = []  # for each token and seen context, from the empty one up: the key of its weight, the frequency
        for sentence in sentences_of(valid):
            words = [START, *sentence]
            for i in range(1, len(words)):
                contexts = [tuple(words[j:i]) for j in range(i, max(0, i - order + 1) - 1, -1)]
                tokens.append([
                    (self.key(h), self.after(h).get(words[i], 0) / sum(self.after(h).values()))
                    for h in contexts
                    if self.after(h)
                ])  # fmt: skip
        most = Counter[int]()  # the greatest bucket of each order; the prior includes every weight up to it
        for h in self.followers:
            k, b = self.key(h)
            most[k] = max(most[k], b)
        every = [(k, b) for k in range(1, order + 1) for b in range(most[k] + 1)]
        last = -math.inf
        for _ in range(500 if tokens else 0):
            stops: defaultdict[tuple[int, int], float] = defaultdict(float)
            reached: defaultdict[tuple[int, int], float] = defaultdict(float)
            objective = sum(0.5 * math.log(self.weights[key] * (1 - self.weights[key])) for key in every)
            for token in tokens:
                p = [1 / size]
                for key, frequency in token:
                    p.append(self.weights[key] * frequency + (1 - self.weights[key]) * p[-1])
                objective += math.log(p[-1])
                left = 1.0
                for (key, frequency), whole in zip(reversed(token), reversed(p[1:]), strict=True):
                    stop = left * self.weights[key] * frequency / whole
                    stops[key] += stop
                    reached[key] += left
                    left -= stop
            for key in every:
                self.weights[key] = (stops[key] + 0.5) / (reached[key] + 1)
            if objective - last < 1e-6 * len(tokens):
                break
            last = objective

    def key(self, context: Gram) -> tuple[int, int]:
        return len(context) + 1, int(math.log2(sum(self.after(context).values())))

    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        weight = self.weights[self.key(context)]
        return weight * after.get(word, 0) / sum(after.values()) + (1 - weight) * self.shorter(word, context)


class Katz(RawCounts):
    def __init__(self, documents: list[list[int]], order: int, size: int, cutoff: int = 5) -> None:
        super().__init__(documents, order, size)
        self.kept = [self.ratios(n, cutoff) for n in self.of_counts]
        self.known: dict[tuple[int, Gram], float] = {}

    @staticmethod
    def ratios(n: Counter[int], cutoff: int) -> dict[int, float] | None:
        """d_1 … d_r for the greatest r that gives usable ones; None where none does."""
        for most in range(cutoff, 0, -1):
            if not all(n[r] for r in range(1, most + 1)):
                continue
            above = (most + 1) * n[most + 1] / n[1]
            if above >= 1:
                continue
            found = {r: ((r + 1) * n[r + 1] / n[r] / r - above) / (1 - above) for r in range(1, most + 1)}
            if all(0 < d <= 1 for d in found.values()):
                return found
        return None

    def probability(self, word: int, context: Gram) -> float:
        if (word, context) not in self.known:
            self.known[word, context] = super().probability(word, context)
        return self.known[word, context]

    def share(self, count: int, order: int) -> float:
        kept = self.kept[order]
        return (count - 0.5) / count if kept is None else kept.get(count, 1.0)

    def own(self, word: int, context: Gram) -> float:
        after, k = self.after(context), len(context) + 1
        total = sum(after.values())
        if len(after) == self.size:
            return after[word] / total
        if all(self.share(c, k) == 1 for c in after.values()):
            return after[word] / (total + 1)
        return self.share(after[word], k) * after[word] / total

    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        if word in after:
            return self.own(word, context)
        left = 1 - math.fsum(self.own(w, context) for w in after)
        unseen = math.fsum(self.shorter(w, context) for w in range(self.size) if w not in after)
        return left / unseen * self.shorter(word, context)


class StupidBackoff(RawCounts):
    def probability(self, word: int, context: Gram) -> float:
        after = self.after(context)
        return self.seen(word, context, after) if word in after else 0.4 * self.shorter(word, context)

    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        return after[word] / sum(after.values())


class KneserNey(RawCounts):
    """Modified Kneser-Ney; n-grams of k words with a count up to ``prune[k - 1]`` are pruned."""

    def __init__(self, documents: list[list[int]], order: int, size: int, prune: tuple[int, ...] = (0,)) -> None:
        super().__init__(documents, order, size)
        raw, left = self.counts, defaultdict(set)
        for gram in raw:
            left[gram[1:]].add(gram[0])
        self.adjusted = {g: raw[g] if len(g) == order or g[0] == START else len(left[g]) for g in raw}
        self.followers = self.followers_of(self.adjusted)
        self.discounts = self._discounts(self._last_grams())
        self.pruned = {g for g in raw if len(g) > 1 and raw[g] <= prune[min(len(g), len(prune)) - 1]}
        self.sums: dict[Gram, tuple[set[int], int, float]] = {}  # the same for every word after a context

    def _last_grams(self) -> set[Gram]:
        """The last n-gram and its endings, in lmplz's order: reversed ids of n-grams padded with n - 1 ``<s>``."""
        ids = {UNKNOWN: 0, START: 1, END: 2}
        for s in self.sentences:
            for word in s:
                ids.setdefault(word, len(ids))
        padded = [[START] * (self.order - 2) + s for s in self.sentences]
        grams = [tuple(s[i : i + self.order]) for s in padded for i in range(len(s) - self.order + 1)]
        last = max(grams, key=lambda g: [ids[w] for w in reversed(g)])
        return {last[-k:] for k in range(1, self.order)}

    def _discounts(self, last: set[Gram]) -> list[tuple[float, ...]]:
        by_order = []
        for k in range(1, self.order + 1):
            n = Counter(self.counts[g] if g in last else c for g, c in self.adjusted.items() if len(g) == k)
            amounts: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)
            if n[1] and n[2] and n[3]:
                f = np.float32
                y = f(n[1]) / f(n[1] + 2 * n[2])
                worked = [f(j) - f(j + 1) * y * f(n[j + 1]) / f(n[j]) for j in (1, 2, 3)]
                if all(0 <= d <= j for j, d in enumerate(worked, 1)):
                    amounts = (0.0, *map(float, worked))
            by_order.append(amounts)
        return by_order

    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        discount = self.discounts[len(context)]
        if context not in self.sums:
            gone = {w for w in after if (*context, w) in self.pruned}
            saved = sum(c if w in gone else discount[min(c, 3)] for w, c in after.items())
            self.sums[context] = gone, sum(after.values()), saved
        gone, total, saved = self.sums[context]
        count = after.get(word, 0) if word not in gone else 0
        return (count - discount[min(count, 3)]) / total + saved / total * self.shorter(word, context)
