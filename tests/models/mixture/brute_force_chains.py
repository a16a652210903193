"""Context trees and the smoothing of chains straight from their definitions, with tuples in dictionaries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

Path = tuple[int, ...]


def paths(features: Sequence[Sequence[int]], n: int, least: int) -> list[list[Path]]:
    """Return all contexts of each of n positions, from the empty one to the longest.

    They are told up to the first feature that is -1, and no longer than one that was seen ``least`` times.
    """
    full = [[tuple(f[i] for f in features[:k]) for k in range(len(features) + 1)] for i in range(n)]
    full = [[p for p in each if -1 not in p] for each in full]
    seen = Counter(p for each in full for p in each)
    return [[p for p in each if not p or seen[p[:-1]] >= least] for each in full]


def counts(features: Sequence[Sequence[int]], words: Sequence[int], least: int) -> dict[Path, dict[int, int]]:
    """Return the words after each context: in how many longer contexts, or how often if there is none."""
    found: dict[Path, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    longer: set[tuple[Path, int]] = set()
    for each, word in zip(paths(features, len(words), least), words, strict=True):
        found[each[-1]][word] += 1
        longer.update((p, word) for p in each[1:])
    for path, word in longer:
        found[path[:-1]][word] += 1
    return {p: dict(after) for p, after in found.items()}


def probability(
    found: dict[Path, dict[int, int]],
    path: Path,
    word: int,
    discounts: Sequence[Sequence[float]],
    base: int,
    below: float,
) -> float:
    """Return p(word | path) for discounts, (levels from ``base`` on, 5), and the probability below the base."""
    p = below
    for k in range(base, len(path) + 1):
        after = found.get(path[:k])
        if after is None:
            break
        *taken, strength = discounts[k - base]
        total = sum(after.values())
        saved = sum(taken[min(c, 4) - 1] for c in after.values())
        count = after.get(word, 0)
        own = count - taken[min(count, 4) - 1] if count else 0.0
        p = (own + (strength + saved) * p) / (total + strength)
    return p
