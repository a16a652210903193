"""What a held-out text needs of the counts, gathered once, so that its likelihood is arithmetic over flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from lmcompare.counts.counting.ngrams import Counts, nodes_of
from lmcompare.counts.estimating.discount_classes import Classes
from lmcompare.counts.lookup.level import NOTHING
from lmcompare.counts.lookup.table import with_starts
from lmcompare.tokens import Encoded, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The N tokens of a held-out text at each of the n orders, and the C contexts of all orders that stand in it.

    ``words``: (N,). ``contexts``: (n, N) the token's context of k - 1 words, 0 … C - 1, or ``NOTHING`` where train
    shows nothing after it. ``counts``, ``classes``: (n, N) of the n-gram of context and token, ``NOTHING`` where it
    was not seen. ``totals``: (C,) the sum of the counts after each context; ``rows``: (C,) the row of parameters it
    takes. What follows context c in train are ``numbers[i]`` words of the class ``cells[i]``, for i from
    ``starts[c]`` to ``starts[c + 1]``.
    """

    words: IntArray
    contexts: IntArray
    counts: IntArray
    classes: IntArray
    totals: FloatArray
    rows: IntArray
    starts: IntArray
    cells: IntArray
    numbers: FloatArray

    @classmethod
    def gather(cls, nodes: Sequence[IntArray], counts: Sequence[Counts], classes: Classes) -> Self:
        """Gather all that the likelihood of the text of these ``nodes`` (as of ``look_up``) is made of."""
        tokens = nodes[0] != counts[0].width - 1
        contexts, by_count, by_class, totals, rows, sizes, cells, numbers = ([] for _ in range(8))
        first = 0
        for k, level in enumerate(counts):
            of_order, size = classes.orders[k], classes.n_classes
            before = np.append(NOTHING, nodes[k - 1][:-1])[tokens] if k else np.zeros(tokens.sum(), np.int64)
            seen = np.append(of_order.totals, 0)[before] > 0  # NOTHING, -1, takes the 0
            used, local = np.unique(before[seen], return_inverse=True)
            place = np.full(len(tokens[tokens]), NOTHING, np.int64)
            place[seen] = first + local.reshape(-1)
            rank = np.full(len(of_order.totals), NOTHING, np.int64)
            rank[used] = np.arange(len(used))
            of_gram = rank[level.contexts]
            wanted = (of_gram != NOTHING) & (of_order.of_gram != NOTHING)
            keys, number = np.unique(of_gram[wanted] * size + of_order.of_gram[wanted], return_counts=True)
            contexts.append(place)
            by_count.append(np.append(level.adjusted, 0)[nodes[k][tokens]])
            by_class.append(np.append(of_order.of_gram, NOTHING)[nodes[k][tokens]])
            totals.append(of_order.totals[used])
            rows.append(classes.first_rows[k] + of_order.groups[used])
            sizes.append(np.bincount(keys // size, minlength=len(used)))
            cells.append(keys % size)
            numbers.append(number.astype(np.float64))
            first += len(used)
        return cls(
            nodes[0][tokens],
            np.array(contexts),
            np.array(by_count),
            np.array(by_class),
            np.concatenate(totals),
            np.concatenate(rows),
            np.append(0, np.cumsum(np.concatenate(sizes))),
            np.concatenate(cells),
            np.concatenate(numbers),
        )


def look_up(text: Encoded, counts: Sequence[Counts]) -> list[IntArray]:
    """Return the nodes of the k-grams that end at each token of a text and at the ``<s>`` before each sentence.

    n arrays (N + S,), one an order; ``NOTHING`` where train does not hold the k-gram.
    """
    return nodes_of(counts, with_starts(text))
