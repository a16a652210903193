"""The density of bins integrates to one, values are drawn by it, and bins are no narrower than the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from lmcompare.tokens.values.bins import Bins, resolution

FINITE = st.floats(-1e3, 1e3)


@settings(max_examples=30)
@given(
    values=st.lists(FINITE, min_size=20, max_size=60, unique=True),
    number=st.integers(3, 12),
    weights=st.lists(st.floats(0.01, 1), min_size=12, max_size=12),
)
def test_a_density_over_all_bins_integrates_to_one(values: list[float], number: int, weights: list[float]) -> None:
    known = np.array(values)
    bins = Bins.of(np.unique(np.quantile(known, np.arange(1, number) / number)), known, 1e-6)
    shares = np.array(weights[: len(bins)]) / np.sum(weights[: len(bins)])

    def density(x: float) -> float:
        at = np.array([x])
        return float(shares[bins.place(at)[0]] * np.exp(-bins.spread(at)[0]))

    total = sum(
        integrate.quad(density, a, np.nextafter(b, a))[0]
        for a, b in zip(bins.edges[:-1], bins.edges[1:], strict=True)
    )
    total += integrate.quad(density, bins.edges[0] - 60 * bins.low, np.nextafter(bins.edges[0], -np.inf), limit=200)[
        0
    ]
    total += integrate.quad(density, bins.edges[-1], bins.edges[-1] + 60 * bins.high, limit=200)[0]
    assert total == pytest.approx(1, abs=1e-5)


def test_spread_by_hand() -> None:
    bins = Bins(np.array([0.0, 2.0, 6.0]), low=0.5, high=3.0)
    found = bins.spread(np.array([1.0, 5.0, -1.0, 9.0, 0.0, 6.0]))
    # widths 2 and 4; tails ln 0.5 + 1 / 0.5 and ln 3 + 3 / 3; an edge belongs to the bin above it
    assert found == pytest.approx([np.log(2), np.log(4), np.log(0.5) + 2, np.log(3) + 1, np.log(2), np.log(3)])
    assert bins.place(np.array([-1.0, 0.0, 2.0, 6.0])).tolist() == [0, 1, 2, 3]


def test_values_are_drawn_by_the_density() -> None:
    bins, generator = Bins(np.array([0.0, 2.0, 6.0]), low=0.5, high=3.0), np.random.default_rng(0)
    for at, law in ((1, stats.uniform(0, 2)), (2, stats.uniform(2, 4)), (3, stats.expon(6, 3))):
        drawn = bins.draw(np.full(20_000, at), generator)
        assert stats.kstest(drawn, law.cdf).pvalue > 1e-3
        assert (bins.place(drawn) == at).all()
    low = -bins.draw(np.zeros(20_000, int), generator)
    assert stats.kstest(low, stats.expon(0, 0.5).cdf).pvalue > 1e-3


def test_no_bin_is_narrower_than_the_step_of_the_data() -> None:
    rain = np.array([0.0] * 50 + [0.1, 0.2, 0.2, 0.3, 1.4, 2.5] * 5)  # recorded in tenths
    assert resolution(rain) == pytest.approx(0.1)
    bins = Bins.of(np.quantile(rain, np.arange(1, 20) / 20), rain, resolution(rain))
    assert np.diff(bins.edges).min() >= 0.1 - 1e-12
    assert np.exp(-bins.spread(np.array([0.0]))[0]) <= 10 + 1e-9  # a density of no more than one over the step
    assert resolution(np.array([3.0])) == 0
    assert resolution(np.array([1.0, 1.0 + 1e-15, 2.0])) == pytest.approx(1)  # a rounding error is no step
