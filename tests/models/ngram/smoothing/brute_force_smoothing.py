"""The other smoothing methods straight from their formulas, with tuples in dictionaries: slow, and independent.

Words, ``START`` and contexts are those of ``brute_force_kneser_ney``; all is worked in float64.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter, defaultdict

from tests.models.ngram.smoothing.brute_force_kneser_ney import START, sentences_of

Gram = tuple[int, ...]


class RawCounts(ABC):
    """A model of frequencies; a context has at most n - 1 words and begins with ``START`` at the earliest."""

    def __init__(self, documents: list[list[int]], order: int, size: int) -> None:
        self.order, self.size = order, size
        self.counts: Counter[Gram] = Counter()
        self.followers: dict[Gram, dict[int, int]] = defaultdict(dict)
        for sentence in sentences_of(documents):
            words = [START, *sentence]
            for k in range(1, order + 1):
                self.counts.update(tuple(words[i : i + k]) for i in range(len(words) - k + 1))
        del self.counts[(START,)]
        for gram, count in self.counts.items():
            self.followers[gram[:-1]][gram[-1]] = count
        self.of_counts = [Counter(c for g, c in self.counts.items() if len(g) == k) for k in range(order + 1)]

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
