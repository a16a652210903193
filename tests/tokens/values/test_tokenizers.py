"""Tokens of values: no token depends on a later value, scales are those of the past, and values come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcompare.corpora.series.values import line_of, text_of
from lmcompare.errors import LmcompareError
from lmcompare.tokens import make_tokenizer
from lmcompare.tokens.values import ValueTokenizer

GENERATOR = np.random.default_rng(0)
TRAIN = 10 + 3 * np.sin(np.arange(200) / 3) + GENERATOR.standard_normal(200)
KINDS = ("bins", "quantiles", "sax")


def fitted(kind: str, **options: Any) -> ValueTokenizer:
    tokenizer = make_tokenizer({"kind": kind, **options})
    assert isinstance(tokenizer, ValueTokenizer)
    return tokenizer.fit([text_of(TRAIN)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("differences", [False, True])
@settings(max_examples=20)
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


def test_labels_are_distinct_and_rising() -> None:
    tokenizer = fitted("bins", bins=100, differences=False)
    numbers = [float(label) for label in tokenizer.labels]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"bins": 2}, "from 3"), ({"bins": "many"}, "from 3"), ({"differences": 3}, "true or false")],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(LmcompareError, match=said):
        make_tokenizer({"kind": "bins", **options})


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(LmcompareError, match="needs two or more values in the training series, not 0"):
        fitted("bins").fit(["?"])
    with pytest.raises(LmcompareError, match="not learnt"):
        make_tokenizer({"kind": "bins"}).tokenize("1 2")


def test_bins_of_a_counter_are_no_narrower_than_its_step() -> None:
    text = text_of([3.0 * n for n in range(60)])  # the difference is always 3, and so is the step of the values
    tokenizer = make_tokenizer({"kind": "bins", "bins": 16, "differences": True})
    assert isinstance(tokenizer, ValueTokenizer)
    tokenizer.fit([text])
    scale, bins = tokenizer.way(line_of(text)).scale, tokenizer.learnt
    assert scale * min([bins.low, bins.high, *np.diff(bins.edges)]) >= 3 * (1 - 1e-9)
