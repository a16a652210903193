"""The tuned n-gram model straight from its equation, with tuples in dictionaries: slow, but independent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tests.models.ngram.brute_force import START, UNKNOWN, Gram, RawCounts


class PitmanYor(RawCounts):
    """The model under given parameters.

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
        super().__init__(documents, order, size)
        self.spreads, self.edges, self.unknown = spreads, edges, unknown
        self.discount, self.strength = discount, strength
        before: Counter[Gram] = Counter()
        for gram, times in self.counts.items():
            before[gram[1:]] += min(times, repeats)
        whole = {g for g in self.counts if len(g) == order or g[0] == START}
        self.followers = self.followers_of({g: n if g in whole else before[g] for g, n in self.counts.items()})

    def shorter(self, word: int, context: Gram) -> float:
        if context:
            return self.probability(word, context[1:])
        return self.unknown if word == UNKNOWN else (1 - self.unknown) / (self.size - 1)

    def seen(self, word: int, context: Gram, after: dict[int, int]) -> float:
        k, total = len(context) + 1, sum(after.values())
        group = sum(total / len(after) > edge for edge in self.edges[k - 1])
        strength = self.strength(k, group)
        taken = {w: self.discount(k, group, c, self._spread((*context, w))) for w, c in after.items()}
        own = after[word] - taken[word] if word in after else 0.0
        return (own + (sum(taken.values()) + strength) * self.shorter(word, context)) / (total + strength)

    def _spread(self, gram: Gram) -> int:
        if len(gram) == 1:
            return 0
        times = self.counts[gram[1:]] / self.counts[gram]
        return sum(times > bound for bound in self.spreads)
