"""The bootstrap against a naive loop; Holm and the ranks against examples worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.analysis.comparison import detectable
from lmcompare.analysis.intervals import (
    LEAST_UNITS,
    Bootstrap,
    holm,
    over_trainings,
    rank_ranges,
    ratio_bootstrap,
    resample_counts,
)
from tests.analysis.drawn import draw, truth


def test_resamples_draw_every_unit_as_often() -> None:
    counts = np.concatenate(list(resample_counts(40, 4_000, np.random.default_rng(0))))
    assert counts.shape == (4_000, 40)
    assert (counts.sum(axis=1) == 40).all()
    assert np.allclose(counts.mean(axis=0), 1, atol=0.1)  # binomial: standard error √(39/40/4000) = 0.016
    assert counts.var() == pytest.approx(39 / 40, rel=0.02)


def test_bootstrap_is_a_naive_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each resample is written out unit by unit; ratio and standard error by their textbook formulae."""
    monkeypatch.setattr("lmcompare.analysis.intervals.CHUNK", 70)  # several blocks of counts
    rng = np.random.default_rng(5)
    bits, size = rng.gamma(2, 50, (12, 3)), rng.integers(1, 90, 12).astype(float)
    found = ratio_bootstrap(bits, size[:, None], resamples=200, seed=9)
    counts = np.concatenate(list(resample_counts(12, 200, np.random.default_rng(9)))).astype(int)

    def ratio_and_error(x: list[float], y: list[float]) -> tuple[float, float]:
        n, ratio = len(x), sum(x) / sum(y)
        squares = sum((a - ratio * b) ** 2 for a, b in zip(x, y, strict=True))
        return ratio, math.sqrt(squares / (n - 1) * n) / sum(y)

    for k in range(3):
        estimate, error = ratio_and_error(list(bits[:, k]), list(size))
        deviations = []
        for row in counts:
            drawn = [u for u in range(12) for _ in range(row[u])]
            ratio, its_error = ratio_and_error([bits[u, k] for u in drawn], [size[u] for u in drawn])
            deviations.append((ratio - estimate) / its_error)
        assert found.estimate[k] == pytest.approx(estimate)
        assert found.error[k] == pytest.approx(error)
        assert found.deviations[:, k] == pytest.approx(deviations)
        reach = sorted(abs(t) for t in deviations)[math.ceil(0.95 * 199)]
        low, high = found.interval()
        assert (low[k], high[k]) == pytest.approx((estimate - reach * error, estimate + reach * error))
        far = sum(abs(t) >= estimate / error for t in deviations)
        assert found.p_values()[k] == pytest.approx((1 + far) / 201)


def test_denominators_of_their_own_and_shared_ones_agree() -> None:
    rng = np.random.default_rng(1)
    bits, size = rng.gamma(2, 50, (40, 2)), rng.integers(1, 90, (40, 1)).astype(float)
    shared = ratio_bootstrap(bits, size, resamples=300)
    own = ratio_bootstrap(bits, np.repeat(size, 2, axis=1), resamples=300)
    assert shared.deviations == pytest.approx(own.deviations)
    assert shared.units.tolist() == own.units.tolist() == [40, 40]


def test_a_model_does_not_differ_from_itself() -> None:
    found = ratio_bootstrap(np.zeros((30, 1)), np.ones((30, 1)), resamples=100)
    low, high = found.interval()
    assert (low[0], high[0]) == (0, 0)
    assert found.p_values()[0] == 1


def test_too_few_units_say_nothing() -> None:
    few = LEAST_UNITS - 1
    found = ratio_bootstrap(np.arange(1.0, few + 1)[:, None], np.ones((few, 1)), resamples=100)
    assert np.isnan(found.interval()[0][0])
    assert found.p_values()[0] == 1
    # a value that occurs in one of many units has no interval either, though its ratio is exact
    size = np.zeros((50, 1))
    size[3] = 7
    found = ratio_bootstrap(2 * size, size, resamples=100)
    assert found.estimate[0] == pytest.approx(2)
    assert np.isnan(found.interval()[0][0])


def test_where_one_unit_varies_there_is_no_interval() -> None:
    # five units that hardly differ and one that does: a third of the resamples lack it
    bits = np.array([[14.0], [2.0001], [2.0002], [2.0], [2.0001], [2.0003]])
    found = ratio_bootstrap(bits, np.full((6, 1), 2000.0), resamples=2_000)
    assert np.isnan(found.interval()[0][0])
    found = ratio_bootstrap(bits + np.arange(6)[:, None], np.full((6, 1), 2000.0), resamples=2_000)
    assert np.isfinite(found.interval()[0][0])


def test_a_unit_drawn_again_and_again_is_no_certainty() -> None:
    """With five units of which one is all, some resamples hold no spread at all: the reach stays finite."""
    bits, size = draw(5, "figure", np.random.default_rng(3))
    low, high = ratio_bootstrap(bits[:, None], size[:, None], resamples=2_000).interval()
    assert 0 < high[0] - low[0] < 50


@pytest.mark.parametrize("pairs", [1, 10])
def test_what_is_called_detectable_is_detected_four_times_in_five(pairs: int) -> None:
    """200 texts, standard error 3 points; of ten pairs Holm's first step asks for a p-value under 0.005."""
    rng = np.random.default_rng(5)

    def bootstrap(difference: float, seed: int) -> Bootstrap:
        bits, size = draw(60, "difference", rng)
        bits = bits + (difference - truth("difference")) * size
        return ratio_bootstrap(np.tile(bits[:, None], pairs), size[:, None], resamples=1_000, seed=seed)

    difference = float(np.mean([detectable(bootstrap(0.0, text), pairs)[0] for text in range(100)]))
    found = np.mean([bootstrap(difference, text).p_values()[0] < 0.05 / pairs for text in range(200)])
    assert 0.7 <= found <= 0.9


def test_holm_by_hand() -> None:
    # sorted: 0.005·4 = 0.02, 0.01·3 = 0.03, 0.03·2 = 0.06, 0.04·1 = 0.04 → 0.06 (never falls)
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1, 1])
    assert len(holm(np.zeros(0))) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferroni(p: list[float]) -> None:
    found = holm(np.array(p))
    assert (found >= np.array(p)).all()
    assert (found <= np.minimum(1, len(p) * np.array(p)) + 1e-12).all()
    for i in range(len(p)):
        for j in range(len(p)):
            assert p[i] > p[j] or found[i] <= found[j]


def ranges(figures: list[float], apart: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges of ranks as pairs, given the pairs of models that differ significantly."""
    size = len(figures)
    differ = [[(i, j) in apart or (j, i) in apart for j in range(size)] for i in range(size)]
    low, high = rank_ranges(np.array(figures), np.array(differ, bool).reshape(size, size))
    return list(zip(low.tolist(), high.tolist(), strict=True))


def test_ranges_of_ranks_by_hand() -> None:
    """The example of docs/metrics.md: C is worse than A and B, but D, whose figure is worse still, only than A."""
    figures = [1.88, 1.90, 1.95, 1.97]
    apart = {(0, 2), (1, 2), (0, 3)}
    # at first A 1 to 4 − 2, B 1 to 4 − 1, C 1 + 2 to 4, D 1 + 1 to 4; then C may have rank 2, since D may have it
    assert ranges(figures, apart) == [(1, 2), (1, 3), (2, 4), (2, 4)]
    assert ranges(figures[::-1], {(3 - i, 3 - j) for i, j in apart}) == [(2, 4), (2, 4), (1, 3), (1, 2)]
    assert ranges(figures, set()) == [(1, 4)] * 4
    assert ranges(figures, {(i, j) for i in range(4) for j in range(i)}) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert ranges([2.0, 1.0, 2.0], {(0, 1), (1, 2)}) == [(2, 3), (1, 1), (2, 3)], "equal figures, equal ranges"
    assert ranges([], set()) == []


@st.composite
def compared(draw: st.DrawFn) -> tuple[list[float], set[tuple[int, int]]]:
    """Figures of up to seven models, some of them equal, and the pairs that differ significantly."""
    figures = draw(st.lists(st.integers(1, 6).map(float), min_size=1, max_size=7))
    pairs = [(i, j) for i in range(len(figures)) for j in range(i) if figures[i] != figures[j]]
    return figures, draw(st.sets(st.sampled_from(pairs))) if pairs else set()


@given(compared())
def test_ranges_of_ranks_follow_the_figures(case: tuple[list[float], set[tuple[int, int]]]) -> None:
    figures, apart = case
    found, models = ranges(figures, apart), range(len(figures))
    better = {(i, j) for i, j in (*apart, *((j, i) for i, j in apart)) if figures[i] < figures[j]}
    raw = [(1 + sum(b == m for _, b in better), len(figures) - sum(a == m for a, _ in better)) for m in models]
    for m in models:
        assert found[m][0] == min(raw[k][0] for k in models if figures[k] >= figures[m])
        assert found[m][1] == max(raw[k][1] for k in models if figures[k] <= figures[m])
        assert found[m][0] <= raw[m][0] <= raw[m][1] <= found[m][1], "no rank that the data allow is left out"
        first = 1 + sum(figures[k] < figures[m] for k in models)
        last = sum(figures[k] <= figures[m] for k in models)
        assert found[m][0] <= first <= last <= found[m][1], "its place in the order is among its ranks"
    for a in models:
        for b in models:
            if figures[a] <= figures[b]:  # as it is if a is significantly better
                assert found[a][0] <= found[b][0]
                assert found[a][1] <= found[b][1]
    for cut in set(figures):  # if all up to here are better than all others, no rank is shared across the cut
        above = [m for m in models if figures[m] <= cut]
        below = [m for m in models if figures[m] > cut]
        if all((a, b) in better for a in above for b in below):
            assert all(found[m][1] <= len(above) for m in above)
            assert all(found[m][0] > len(above) for m in below)


def test_trainings_are_pooled_and_a_wild_one_keeps_its_own() -> None:
    squares, freedom = over_trainings(np.array([0.0, 0.01, 0.03, 0.0]), np.array([1.0, 3.0, 3.0, 3.0]))
    assert freedom == 4  # neither the single seed nor the model that no seed changes takes part
    np.testing.assert_allclose(squares, [0, 0.02 / 3, 0.03 / 3, 0])
    assert over_trainings(np.zeros(2), np.array([1.0, 3.0]))[1] == 0


def test_equal_ratios_have_equal_intervals_wherever_they_stand() -> None:
    bits, size = draw(40, "difference", np.random.default_rng(1))
    found = ratio_bootstrap(np.stack([bits, bits / 2, bits], axis=1), size[:, None], resamples=200)
    low, high = found.with_trainings(np.array([0.1, 0.2, 0.1]), 2).interval()
    assert (low[0], high[0]) == (low[2], high[2])
    alone = ratio_bootstrap(bits[:, None], size[:, None], resamples=200).with_trainings(np.array([0.1]), 2)
    np.testing.assert_allclose(alone.interval(), ([low[0]], [high[0]]), rtol=1e-12)
