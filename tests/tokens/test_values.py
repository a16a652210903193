"""Tokens of values: none depends on a later value, bins have a density, and walks are told from cycles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate, stats
from statsmodels.tsa.stattools import adfuller

from lmcompare.corpora.series import line_of, text_of
from lmcompare.errors import LmcompareError
from lmcompare.tokens import make_tokenizer
from lmcompare.tokens.values import Bins, ValueTokenizer, dickey_fuller, resolution, wanders

GENERATOR = np.random.default_rng(0)


TRAIN = 10 + 3 * np.sin(np.arange(200) / 3) + GENERATOR.standard_normal(200)


KINDS = ("bins", "quantiles", "sax")


def fitted(kind: str, **options: Any) -> ValueTokenizer:
    tokenizer = make_tokenizer({"kind": kind, **options})
    assert isinstance(tokenizer, ValueTokenizer)
    return tokenizer.fit([text_of(TRAIN)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("differences", [False, True])
@example(past=[0.0, 2.2250738585072014e-308], futures=([0.0, 0.0, 0.0], [0.0, 0.0, 1.0]), cut=0)
@given(
    past=st.lists(st.floats(-50, 50), min_size=2, max_size=8),
    futures=st.tuples(*2 * [st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3)]),
    cut=st.integers(0, 2),
)
def test_tokens_before_a_change_of_the_future_stay_the_same(
    kind: str, differences: bool, past: list[float], futures: tuple[list[float], list[float]], cut: int
) -> None:
    tokenizer = fitted(kind, differences=differences)
    one, other = futures[0], [*futures[0][:cut], *futures[1][cut:]]
    before = len(past) + cut
    tokens = [tokenizer.tokenize(text_of([*past, *future], len(past)))[0] for future in (one, other)]
    assert tokens[0][:before] == tokens[1][:before]


@pytest.mark.parametrize("kind", KINDS)
def test_series_that_wander_are_read_as_differences(kind: str) -> None:
    noise = np.random.default_rng(1).standard_normal(400)
    for values, differs in ((noise, False), (np.cumsum(noise), True)):
        tokenizer = make_tokenizer({"kind": kind})
        assert isinstance(tokenizer, ValueTokenizer)
        assert tokenizer.fit([text_of(values)]).state().values["differs"] is differs


@pytest.mark.parametrize("kind", KINDS)
def test_a_scale_is_that_of_the_past_alone(kind: str) -> None:
    tokenizer = fitted(kind, differences=False)
    past = TRAIN[:50]
    # ten times as large values after ten times as large a past are the same tokens
    one = tokenizer.tokenize(text_of([*past, 8.0, 12.0], 50))[0]
    ten = tokenizer.tokenize(text_of([*(10 * past), 80.0, 120.0], 50))[0]
    assert one[-2:] == ten[-2:]


def test_uniform_bins_by_hand() -> None:
    tokenizer = make_tokenizer({"kind": "bins", "bins": 4, "differences": False})
    assert isinstance(tokenizer, ValueTokenizer)
    values = [float(n) for n in range(1, 8)]  # their mean is 4, so they are scaled to 0.25 … 1.75
    tokenizer.fit([text_of(values)])
    low, high = np.quantile(np.array(values) / 4, [0.001, 0.999])
    assert tokenizer.learnt.edges == pytest.approx(np.linspace(low, high, 3))
    steps = tokenizer.steps(text_of([*values, 4.0], 7))
    assert steps.bins[-1] == 2
    assert steps.spread[-1] == pytest.approx(np.log(4 * (high - low) / 2))


def test_quantile_bins_hold_equally_many_values() -> None:
    tokenizer = fitted("quantiles", bins=10, differences=False)
    counts = np.bincount(tokenizer.steps(text_of(TRAIN)).bins, minlength=10)
    assert counts.min() >= 19
    assert counts.max() <= 21


def test_the_letters_of_sax_are_equally_likely_under_a_normal_law() -> None:
    tokenizer = fitted("sax", bins=4, differences=False)
    assert tokenizer.labels == ("a", "b", "c", "d")
    assert tokenizer.learnt.edges == pytest.approx([-0.6745, 0, 0.6745], abs=1e-4)  # Lin et al. 2003, table 3
    assert not tokenizer.has_density


def test_a_missing_value_has_no_bin_and_differences_are_from_the_last_known_value() -> None:
    text = "1 2 ? 4 5"
    assert fitted("bins", differences=False).tokenize(text)[0][2] == "?"
    tokens = fitted("bins", differences=True).tokenize(text)[0]
    assert [token == "?" for token in tokens] == [True, False, True, False, False]
    numbers = fitted("bins", differences=True).tokenize("1 2 4 5")[0]
    assert tokens[1::2] == [numbers[1], numbers[2]]


@pytest.mark.parametrize("differences", [False, True])
def test_values_come_back_out_of_their_bins(differences: bool) -> None:
    tokenizer = fitted("bins", bins=200, differences=differences)
    text = text_of(TRAIN, 150)
    bins = tokenizer.steps(text).bins[150:]
    again = tokenizer.values_after(TRAIN[:150], 150, np.tile(bins, (50, 1)), np.random.default_rng(1))
    width = np.diff(tokenizer.learnt.edges).max() * tokenizer.way(tokenizer.steps(text).line).scale
    error = np.abs(again.mean(axis=0) - TRAIN[150:])
    assert error[:5].max() < width * (5 if differences else 1)  # errors of differences add up
    assert again.shape == (50, 50)


def test_what_is_learnt_is_restored_to_the_last_bit() -> None:
    for kind in KINDS:
        tokenizer = fitted(kind)
        again = make_tokenizer(tokenizer.spec, tokenizer.state())
        assert again.tokenize(text_of(TRAIN, 100))[0] == tokenizer.tokenize(text_of(TRAIN, 100))[0]
        assert again.always_tokens == tokenizer.always_tokens


@pytest.mark.parametrize(
    ("options", "said"),
    [({"bins": 2}, "from 3"), ({"bins": "many"}, "from 3"), ({"differences": 3}, "true or false")],
)
def test_wrong_options_and_nothing_to_learn_from_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        make_tokenizer({"kind": "bins", **options})
    with pytest.raises(LmcompareError, match="needs two or more values in the training series, not 0"):
        fitted("bins").fit(["?"])
    with pytest.raises(LmcompareError, match="not learnt"):
        make_tokenizer({"kind": "bins"}).tokenize("1 2")
    numbers = [float(label) for label in fitted("bins", bins=100, differences=False).labels]
    assert numbers == sorted(set(numbers))


def test_bins_of_a_counter_are_no_narrower_than_its_step() -> None:
    text = text_of([3.0 * n for n in range(60)])  # the difference is always 3, and so is the step of the values
    tokenizer = make_tokenizer({"kind": "bins", "bins": 16, "differences": True})
    assert isinstance(tokenizer, ValueTokenizer)
    tokenizer.fit([text])
    scale, bins = tokenizer.way(line_of(text)).scale, tokenizer.learnt
    assert scale * min([bins.low, bins.high, *np.diff(bins.edges)]) >= 3 * (1 - 1e-9)


FINITE = st.floats(-1e3, 1e3)


@pytest.mark.slow
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
    first, last = bins.edges[0], bins.edges[-1]
    total += integrate.quad(density, first - 60 * bins.low, np.nextafter(first, -np.inf), limit=200)[0]
    total += integrate.quad(density, last, last + 60 * bins.high, limit=200)[0]
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


def made(kind: str, length: int = 300) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal(length)
    return {
        "noise": noise,
        "walk": noise.cumsum(),
        "trend": 0.1 * np.arange(length) + noise,
        "cycle": 3 * np.sin(np.arange(length) / 4) + noise,
    }[kind]


@pytest.mark.parametrize("kind", ["noise", "walk", "trend", "cycle"])
def test_the_statistic_is_that_of_statsmodels(kind: str) -> None:
    values = made(kind)
    lags = int(12 * (len(values) / 100) ** 0.25)
    expected = adfuller(values, maxlag=lags, autolag=None, regression="c", result_object=False)[0]
    assert dickey_fuller(values) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "scale", "level"),
    [("noise", 1e6, 0.0), ("walk", 1e-10, 0.0), ("cycle", 40.0, 1e5), ("walk", 1e12, 1e13)],
)
def test_neither_the_unit_nor_the_level_matters(kind: str, scale: float, level: float) -> None:
    values = made(kind)
    assert dickey_fuller(scale * values + level) == pytest.approx(dickey_fuller(values), rel=1e-4)
    assert wanders(scale * values + level) == wanders(values)


def test_trends_and_walks_wander_and_cycles_do_not() -> None:
    assert {kind: wanders(made(kind)) for kind in ("noise", "walk", "trend", "cycle")} == {
        "noise": False,
        "walk": True,
        "trend": True,
        "cycle": False,
    }
    assert not wanders(np.ones(100))
    assert not wanders(np.array([1.0, 2.0]))
