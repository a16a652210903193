"""The tuned n-gram model straight from its equation, with tuples in dictionaries: slow, but independent.

Words are as in ``tests/models/ngram/brute_force.py``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from tests.models.ngram.brute_force import START, UNKNOWN, sentences_of

Gram = tuple[int, ...]


class BruteForce:
    """``probability(word, context)`` under given parameters.

    ``discount(k, group, count, spread)`` and ``strength(k, group)``: what order k takes; ``edges[k - 1]``: the mean
    counts that part its groups; ``spreads``: the bounds of the spreads; ``repeats``: how often a word before counts.
    """

    def __init__(
        self,
        documents: list[list[int]],
        order: int,
        size: int,
        *,
        repeats: int,
        spreads: Sequence[float],
        edges: Sequence[Sequence[float]],
        discount: Callable[[int, int, int, int], float],
        strength: Callable[[int, int], float],
        unknown: float,
    ) -> None:
        self.size, self.spreads, self.edges, self.unknown = size, spreads, edges, unknown
        self.discount, self.strength = discount, strength
        self.raw: Counter[Gram] = Counter()
        for s in sentences_of(documents):
            s = [START, *s]
            for k in range(1, order + 1):
                self.raw.update(tuple(s[i : i + k]) for i in range(len(s) - k + 1))
        del self.raw[(START,)]
        before: Counter[Gram] = Counter()
        for gram, times in self.raw.items():
            before[gram[1:]] += min(times, repeats)
        self.followers: dict[Gram, dict[int, int]] = defaultdict(dict)
        for gram, times in self.raw.items():
            whole = len(gram) == order or gram[0] == START
            self.followers[gram[:-1]][gram[-1]] = times if whole else before[gram]

    def probability(self, word: int, context: Gram) -> float:
        """p(word | context), the context no longer than n - 1 words."""
        if context:
            lower = self.probability(word, context[1:])
        else:
            lower = self.unknown if word == UNKNOWN else (1 - self.unknown) / (self.size - 1)
        after = self.followers.get(context, {})
        if not after:
            return lower
        k, total = len(context) + 1, sum(after.values())
        group = sum(total / len(after) > edge for edge in self.edges[k - 1])
        strength = self.strength(k, group)
        taken = {w: self.discount(k, group, c, self._spread((*context, w))) for w, c in after.items()}
        own = after[word] - taken[word] if word in after else 0.0
        return (own + (sum(taken.values()) + strength) * lower) / (total + strength)

    def _spread(self, gram: Gram) -> int:
        if len(gram) == 1:
            return 0
        times = self.raw[gram[1:]] / self.raw[gram]
        return sum(times > bound for bound in self.spreads)
