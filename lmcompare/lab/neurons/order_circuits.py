"""The smallest networks that know which of two words came first, and why no function of a bag can.

A text has the word a once and the word b once, among others: did a come first?

No bag can tell: the text with a and b exchanged has the same bag, so that every function of the bag, however deep,
gives both the same answer, and is right for exactly one of them. Over texts with their exchanged twins it is right in
50 %.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

A, B, *OTHERS = range(5)  # the words of the small language
NAMES = ("a", "b", "c", "d", "e")


def texts(longest: int) -> Iterator[tuple[int, ...]]:
    """Yield all texts of 2 to ``longest`` words in which a and b occur once: n (n - 1) 3^(n - 2) of n words."""
    for length in range(2, longest + 1):
        for first, second in permutations(range(length), 2):
            for others in product(OTHERS, repeat=length - 2):
                words = list(others)
                for place, word in sorted([(first, A), (second, B)]):
                    words.insert(place, word)
                yield tuple(words)


def a_is_first(words: Sequence[int]) -> bool:
    """Return the truth."""
    return list(words).index(A) < list(words).index(B)


@dataclass(frozen=True)
class RecurrentUnit:
    """A single unit that fires or not: h_t = [w_{x_t} + u h_{t-1} > θ], h_0 = 0. Its last state is the answer.

    b switches it on, a switches it off, and other words leave it as it is: it remembers which of the two came last.
    """

    inputs: tuple[float, float, float] = (-2.0, 2.0, 0.0)  # w of a, of b and of other words
    recurrent: float = 1.0  # u
    threshold: float = 0.5  # θ

    def states(self, words: Sequence[int]) -> list[int]:
        """Return the state after each word."""
        state, found = 0, []
        for word in words:
            state = int(self.inputs[min(word, 2)] + self.recurrent * state > self.threshold)
            found.append(state)
        return found

    def answer(self, words: Sequence[int]) -> bool:
        """Return whether a came first."""
        return bool(self.states(words)[-1])


@dataclass(frozen=True)
class AttentionHead:
    """A single head: o = Σ_j softmax(s)_j v_{x_j}, with the score s_j = q k j of position j. a came first if o > 0.

    The score falls with the position, so that the earlier of the two words has the greater weight, and the values say
    which of them it is. Without positions (k = 0) both have the same weight, and o = 0.
    """

    query: float = 1.0  # q
    key: float = -1.0  # k, times the position
    values: tuple[float, float, float] = (1.0, -1.0, 0.0)  # v of a, of b and of other words

    def weights(self, words: Sequence[int]) -> Array:
        """Return (n,): the attention weights."""
        scores = self.query * self.key * np.arange(1, len(words) + 1)
        raised = np.exp(scores - scores.max())
        found: Array = raised / raised.sum()
        return found

    def output(self, words: Sequence[int]) -> float:
        """Return o."""
        return float(self.weights(words) @ np.array(self.values)[np.minimum(words, 2)])

    def answer(self, words: Sequence[int]) -> bool:
        """Return whether a came first."""
        return self.output(words) > 0


def right(network: RecurrentUnit | AttentionHead, longest: int) -> tuple[int, int]:
    """Return for how many texts of 2 to ``longest`` words a network is right, and how many there are."""
    every = list(texts(longest))
    return sum(network.answer(words) == a_is_first(words) for words in every), len(every)


def deep_bag_right(longest: int, seed: int = 0) -> float:
    """Return the share of all texts for which a network of three layers is right that was trained on their bags."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    every = list(texts(longest))
    bags = np.array([np.bincount(words, minlength=len(NAMES)) for words in every], np.float64)
    truth = np.array([a_is_first(words) for words in every])
    deep = MLPClassifier((32, 32, 32), max_iter=50, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # there is nothing to learn
        return float((deep.fit(bags, truth).predict(bags) == truth).mean())
