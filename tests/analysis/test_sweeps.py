"""The figures of a sweep, against sums by hand and against settings whose true figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from lmcompare.analysis.sweeps import flattery, tried
from lmcompare.runfolder.cell import Sweep, Trial
from lmcompare.runfolder.files import Array


def trial(setting: int, bits: list[list[float]] | Array, sizes: list[int] | Array, error: str | None = None) -> Trial:
    cost = {"parameters": 10 * setting, "train_seconds": 2.0}
    return Trial({"order": setting}, np.array(bits), np.array(sizes, float), (cost,) * len(bits), error)


def test_figures_are_means_over_trainings_of_bits_by_bytes() -> None:
    one = trial(1, [[4.0, 8.0], [8.0, 16.0]], [2, 2])  # 12 / 4 and 24 / 4
    two = trial(2, [[4.0, np.inf]], [2, 2])
    three = trial(3, [[4.0, 4.0]], [2, 2], "it ran out of memory")
    rows = tried(Sweep("ngram", {"order": 1}, (one, two, three)))
    assert [row.valid_bits_per_byte for row in rows] == [pytest.approx(4.5), None, pytest.approx(2.0)]
    assert [row.chosen for row in rows] == [True, False, False]
    assert [row.parameters for row in rows] == [10, 20, 30]
    assert rows[0].low is None  # two documents are too few
    assert rows[2].error == "it ran out of memory"


def drawn(rng: np.random.Generator, truth: list[float], documents: int) -> Sweep:
    """A sweep of settings of these true bits per byte, on documents of a byte each, some of which are harder."""
    hard = rng.normal(5, 0.5, documents)
    trials = tuple(
        trial(i, (hard + t + rng.normal(0, 0.1, documents))[None], np.ones(documents)) for i, t in enumerate(truth)
    )
    best = min(trials, key=lambda each: each.bits_per_byte)
    return Sweep("ngram", best.setting, trials)


@pytest.mark.parametrize("truth", [[0.0] * 8, [0.0, 0.01, 0.02, 0.03]])
def test_flattery_is_what_choosing_gains_and_at_most_thrice(truth: list[float]) -> None:
    """The gain is known: it is how much the noise of the chosen setting is below that of a setting not chosen."""
    rng = np.random.default_rng(1)
    gains: list[float] = []
    said: list[float] = []
    for _ in range(60):
        sweep = drawn(rng, truth, 40)
        figures = np.array([each.bits_per_byte for each in sweep.trials])
        noise = figures - truth
        chosen = int(figures.argmin())
        gains.append(noise.mean() - noise[chosen])
        flattered = flattery(sweep, resamples=200)
        assert flattered is not None
        said.append(flattered)
    assert np.mean(gains) <= np.mean(said) <= 3 * np.mean(gains)


def test_nothing_is_flattered_by_a_choice_that_is_clear() -> None:
    sweep = drawn(np.random.default_rng(2), [0.0, 3.0, 4.0], 40)
    assert flattery(sweep) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("settings", "documents"), [(1, 40), (3, 4)])
def test_too_little_tells_nothing(settings: int, documents: int) -> None:
    assert flattery(drawn(np.random.default_rng(3), [0.0] * settings, documents)) is None
