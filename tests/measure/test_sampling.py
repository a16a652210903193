"""Draws against the distributions that they should follow."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, PluginError
from lmcompare.measure.sampling import Sampling, continuation, draw
from lmcompare.model import Stepper
from lmcompare.tokens import Vocabulary

P = np.array([0.1, 0.2, 0.3, 0.4])
VOCABULARY = Vocabulary(["<unk>", "</s>", "a", "b"])


LAST = [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("sampling", "shares"),
    [
        (Sampling(1.0, None, 1.0), P),
        (Sampling(0.5, None, 1.0), P**2 / (P**2).sum()),
        (Sampling(1e-320, None, 1.0), LAST),
        (Sampling(1.0, 2, 1.0), [0, 0, 3 / 7, 4 / 7]),
        (Sampling(1.0, None, 0.5), [0, 0, 3 / 7, 4 / 7]),  # 0.4 does not reach 0.5, and 0.4 + 0.3 does
        (Sampling(1.0, 2, 0.5), LAST),  # of the two most likely, 0.4 / 0.7 reaches it
        (Sampling(0.5, None, 0.5), LAST),  # and so does 0.16 / 0.3, the square of 0.4 over the sum of the squares
        (Sampling(1.0, None, 0.01), LAST),
    ],
)
def test_shares_of_draws(sampling: Sampling, shares: list[float]) -> None:
    generator, ids = np.random.default_rng(1), np.argsort(-P)
    counts = Counter(draw(ids, np.log(P[ids]), sampling, generator) for _ in range(5_000))
    # the standard error at p = 0.4 is 0.007
    np.testing.assert_allclose([counts[i] / 5_000 for i in range(4)], shares, atol=0.03)


class _Cycle(Stepper):
    """Predicts <unk> first, then the token after the last one pushed."""

    def __init__(self) -> None:
        self.pushed: list[int] = [1]

    def log_probs(self) -> np.ndarray:
        p = np.full(4, 1e-9)
        p[0] = 1.0
        p[self.pushed[-1] % 3 + 1] = 0.5
        row: np.ndarray = np.log(p / p.sum())
        return row

    def push(self, token: int) -> None:
        self.pushed.append(token)


def _stepper(**methods: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"log_probs": list, "push": print, **methods})


class _Model:
    def stepper(self, prefix: np.ndarray, vocabulary: Vocabulary) -> Stepper:
        return _Cycle()


def test_a_continuation_never_draws_unknown() -> None:
    drawn = continuation(_Model(), np.array([1]), VOCABULARY, Sampling(seed=3))  # type: ignore[arg-type]
    assert list(islice(drawn, 6)) == [2, 3, 1, 2, 3, 1]


def test_a_continuation_is_the_same_for_a_seed_and_another_for_another() -> None:
    equal = _stepper(top_k=lambda k: (np.arange(k), np.full(k, -np.log(4))), push=lambda token: None)
    model: Any = SimpleNamespace(stepper=lambda prefix, vocabulary: equal)
    one, same, other = (
        list(islice(continuation(model, np.array([1]), VOCABULARY, Sampling(seed=seed)), 40)) for seed in (3, 3, 4)
    )
    assert set(one) == {1, 2, 3}
    assert one == same != other


@pytest.mark.parametrize(
    ("stepper", "said"),
    [
        (None, "stepper returned None without log_probs: return an lmcompare.Stepper"),
        (_stepper(top_k=lambda k: None), "top_k of SimpleNamespace's stepper returned None"),
        (_stepper(top_k=lambda k: ([2, 3], np.zeros(2))), "tokens that are not whole numbers in an array"),
        (_stepper(top_k=lambda k: (np.arange(k), [0.0] * k)), "returned a list: return a plain numpy array"),
        (_stepper(top_k=lambda k: (np.arange(k), np.zeros(k, np.float16))), "returned float16"),
        (_stepper(top_k=lambda k: (np.arange(k), np.full(k, np.nan))), "every token that can be drawn a prob"),
    ],
)
def test_what_is_no_stepper_is_named(stepper: Any, said: str) -> None:
    model = SimpleNamespace(stepper=lambda prefix, vocabulary: stepper)
    drawn = continuation(model, np.array([1]), VOCABULARY, Sampling())  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=re.escape(said)):
        next(drawn)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"temperature": t} for t in (0.0, -1.0, float("nan"), float("inf"))),
        *({"top_p": p} for p in (0.0, 1.5, float("nan"))),
        {"top_k": 0},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(LmcompareError, match=next(iter(wrong))):
        Sampling(**wrong)  # type: ignore[arg-type]
