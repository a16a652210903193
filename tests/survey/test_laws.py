"""The laws of Zipf and Heaps are recovered from texts that were made by them."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.survey.laws import LEAST_COUNT, heaps, zipf


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.3])
def test_an_exact_power_law_is_recovered(exponent: float) -> None:
    counts = np.round(1e6 * np.arange(1, 5001) ** -exponent).astype(np.int64)
    law = zipf(np.random.default_rng(0).permutation(counts))
    assert law.exponent == pytest.approx(-exponent, abs=0.01)
    assert law.at(10) == pytest.approx(1e6 * 10**-exponent, rel=0.05)
    assert law.y[0] == counts[0]
    assert law.x[-1] == len(counts[counts > 0])


def test_rare_types_are_drawn_but_not_fitted() -> None:
    law = zipf([1000, 500, 333, 250, *[1] * 10_000])
    assert law.fitted == (1.0, 4.0)
    assert law.exponent == pytest.approx(-1, abs=0.01)
    assert min(law.y) == 1 < LEAST_COUNT


def test_growth_counts_the_types_of_each_beginning() -> None:
    tokens = [3, 3, 9, 1, 9, 2, 3, 7]
    law = heaps(tokens)
    assert law.y == tuple(len(set(tokens[: int(n)])) for n in law.x)
    assert law.x[0] == 1
    assert law.x[-1] == 8
    assert law.exponent is None  # fewer tokens than the fit begins with


def test_the_exponent_of_growth() -> None:
    lengths = np.arange(1, 200_001)
    types = np.floor(3 * lengths**0.6).astype(np.int64)
    new = np.diff(types, prepend=0) > 0
    tokens = np.where(new, np.cumsum(new), 1)  # a new type where the vocabulary grows, else an old one
    assert heaps(tokens).exponent == pytest.approx(0.6, abs=0.02)


def test_a_text_of_new_types_only_grows_linearly() -> None:
    assert heaps(np.arange(1000)).exponent == pytest.approx(1)


def test_nothing_is_fitted_to_nothing() -> None:
    assert zipf([]).x == heaps([]).x == ()
    assert zipf([1, 1, 1]).exponent is None
