"""Small texts with a known entropy, and models small enough to train within a test."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from lmcompare.model import LanguageModel, Setting
from lmcompare.tokens import Encoded, Vocabulary

M = TypeVar("M", bound=LanguageModel)

TYPES = 12
VOCABULARY = Vocabulary(["<unk>", "</s>", *"abcdefghij"], np.array([3, 40, *[20] * 10]))


def chain(seed: int, documents: int, length: int, vocabulary: Vocabulary = VOCABULARY) -> Encoded:
    """Documents drawn from the Markov chain of ``transitions``, begun at ``</s>``."""
    random, table = np.random.default_rng(seed), transitions()
    drawn = []
    for _ in range(documents):
        ids, last = [], vocabulary.end
        for _ in range(length):
            last = int(random.choice(TYPES, p=table[last]))
            ids.append(last)
        drawn.append(ids)
    return Encoded.from_documents(drawn, vocabulary)


def transitions() -> np.ndarray:
    """(V, V): after each token two others, with 0.7 and 0.3, so that a token is worth H(0.7) = 0.611 nats."""
    random, table = np.random.default_rng(5), np.zeros((TYPES, TYPES))
    for row in range(TYPES):
        first, second = random.choice(TYPES, 2, replace=False)
        table[row, first], table[row, second] = 0.7, 0.3
    return table


ENTROPY = -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))


def ragged(seed: int = 0, lengths: tuple[int, ...] = (40, 0, 7, 1, 301, 40)) -> Encoded:
    """Documents of random ids of these lengths."""
    random = np.random.default_rng(seed)
    return Encoded.from_documents([random.integers(0, TYPES, n) for n in lengths], VOCABULARY)


def fitted(model: M, text: Encoded | None = None, **setting: Any) -> M:
    """The model trained on a short chain, and studied there."""
    train = chain(1, 6, 80) if text is None else text
    texts = train, chain(2, 2, 60, train.vocabulary), Setting(train.vocabulary, **setting)
    model.fit(*texts).study(*texts)
    return model
