"""How often intervals hold the truth and p-values are small, on many made-up texts: as docs/metrics.md says."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.analysis.intervals import over_trainings, ratio_bootstrap
from lmcompare.lab.contrasts import contrasts
from tests.analysis.drawn import draw, truth
from tests.full.lab.coverage import bca, coverage, of_blocks
from tests.lab.test_contrasts import BYTES, DOCUMENTS, condition


@pytest.mark.parametrize("what", ["figure", "difference"])
@pytest.mark.parametrize("documents", [10, 30, 100])
def test_intervals_hold_the_truth_as_often_as_they_say(documents: int, what: str) -> None:
    """Of 300 texts, the standard error of a share of 95 % is 1.3 points; docs/metrics.md has the figures of 2,000."""
    studentised, percentile, accelerated = coverage(documents, what, texts=300, resamples=400)
    assert 0.92 <= studentised <= 0.98
    assert accelerated < percentile < studentised  # why neither of these is used


def test_bca_quantiles_are_those_of_a_symmetric_sample() -> None:
    """Without bias and acceleration they are the percentiles; scipy's own BCa agrees on a plain mean."""
    bits = np.concatenate([np.arange(1.0, 51), -np.arange(1.0, 51)])
    resampled = np.concatenate([np.linspace(-1, 0, 500, endpoint=False), np.linspace(1e-9, 1, 500)])
    assert bca(bits, np.ones(100), resampled) == pytest.approx([0.025, 0.975], abs=1e-6)
    sample = np.random.default_rng(0).gamma(1.0, 1.0, 40)
    from scipy import stats  # takes a second to import

    theirs = stats.bootstrap((sample,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1))
    picked = np.random.default_rng(2).integers(0, 40, (20_000, 40))
    resampled = sample[picked].mean(axis=1)
    mine = np.quantile(resampled, bca(sample, np.ones(40), resampled))
    np.testing.assert_allclose(mine, theirs.confidence_interval, rtol=0.02)


@pytest.mark.parametrize("what", ["figure", "difference"])
def test_of_blocks_they_hold_for_other_passages_of_the_same_documents(what: str) -> None:
    here, elsewhere = of_blocks(10, what, texts=100, resamples=300)
    assert here >= 0.92
    assert elsewhere < 0.8  # and not for other documents, as the note says


def test_p_values_are_uniform_without_a_difference() -> None:
    """On 400 texts without a true difference, one in twenty is "significant" (standard error 1.1 points)."""
    rng = np.random.default_rng(2)
    p = []
    for _ in range(400):
        bits, size = draw(40, "difference", rng)
        p.append(ratio_bootstrap((bits - 0.03 * size)[:, None], size[:, None], resamples=300).p_values()[0])
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.08


def test_intervals_over_texts_and_trainings_hold_the_truth_as_often_as_they_say() -> None:
    """Two models, three seeds each: both the text and the trainings are drawn anew a thousand times."""
    rng = np.random.default_rng(3)
    hits, texts, sd = 0, 1000, 0.03
    for text in range(texts):
        bits, size = draw(100, "difference", rng)
        seeds = sd * rng.standard_normal((2, 3))
        variances = seeds.var(axis=1, ddof=1)
        squares, freedom = over_trainings(variances, np.array([3.0, 3.0]))
        difference = bits + (seeds[0].mean() - seeds[1].mean()) * size
        found = ratio_bootstrap(difference[:, None], size[:, None], resamples=500, seed=text)
        low, high = found.with_trainings(np.sqrt([squares.sum()]), freedom, seed=text).interval()
        hits += bool(low[0] <= truth("difference") <= high[0])
    assert 0.93 <= hits / texts <= 0.985  # taking the larger variance errs on the safe side


def test_where_nothing_differs_hardly_anything_is_found() -> None:
    """At the 5 % level, corrected for three conditions: at most 5 % of experiments find anything at all."""
    sizes = np.full(DOCUMENTS, BYTES)
    wrong = 0
    for trial in range(60):
        base, *others = (condition(0.0, 0.01, 1000 + 4 * trial + k) for k in range(4))
        found = contrasts(base, dict(zip("abc", others, strict=True)), sizes)
        wrong += any(each.found for each in found.values())
    assert wrong <= 8  # 3 are expected; more than 8 have a probability below 1 %
